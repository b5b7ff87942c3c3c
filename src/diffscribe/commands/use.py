"""The verb `use`: one repository as what is learned from."""

import click
import yaml

from diffscribe.commands.train import PARAMS, become_dvc
from diffscribe.core.cli import Command
from diffscribe.core.errors import ParamsError
from diffscribe.core.files import whole_file
from diffscribe.core.params import WITHOUT_KEY, load_params, may_hold_key, private_marks


@click.command(cls=Command)
@click.argument("repository")
def use_command(repository: str) -> None:
    """Name REPOSITORY in params.yaml as the only source, and harvest it anew.

    Entries that are private stay with `read: false`, as what they mark has to stay
    private. DVC does not watch a repository, so the stage runs whatever DVC knows of
    it.
    """
    load_params(PARAMS)
    if may_hold_key(repository):
        raise click.UsageError(f"REPOSITORY {WITHOUT_KEY}")
    text = with_source(PARAMS.read_text(encoding="utf-8"), repository)
    with whole_file(PARAMS) as partial:
        partial.write_text(text, encoding="utf-8")
    # An experiment of one stage would fail in a new clone: DVC looks for what the lock
    # file tells of the other stages' outputs in a cache that is still empty.
    become_dvc("repro", "--force", "--single-item", "harvest")


def with_source(text: str, repository: str) -> str:
    """Return the text of params.yaml with one source to read, and the private marks.

    All other lines stay as they are.

    Raises:
        ParamsError: if the text has no list harvest.sources.
    """
    node = yaml.compose(text, yaml.SafeLoader)
    for key in ("harvest", "sources"):
        entries = node.value if isinstance(node, yaml.MappingNode) else ()
        node = next((value for name, value in entries if name.value == key), None)
    if not isinstance(node, yaml.SequenceNode):
        raise ParamsError(f"{PARAMS}: no list harvest.sources; write it and try again")
    before = yaml.safe_load(text)["harvest"]["sources"]
    entries = [
        yaml.safe_dump([each], default_flow_style=True, width=float("inf")).strip()[
            1:-1
        ]
        for each in [repository, *private_marks(before)]
    ]
    # A list of lines ends where the next key begins.
    indent, end = ("\n" + " " * at.column for at in (node.start_mark, node.end_mark))
    source = f"[{', '.join(entries)}]"
    if not node.flow_style:
        source = indent.join(f"- {each}" for each in entries) + end
    return text[: node.start_mark.index] + source + text[node.end_mark.index :]
