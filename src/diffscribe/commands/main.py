"""The command `diffscribe`: a verb a module of this package, loaded when it is used.

The verb `forget` is the click command `forget_command` of commands/forget.py. A new
verb needs that file and its line in VERBS.
"""

import importlib

import click

from diffscribe.core.cli import Group

VERBS = {
    "bench": "Ask any models the cases of a file and compare their answers.",
    "train": "Run the pipeline as an experiment, with a profile laid over params.yaml.",
    "use": "Name REPOSITORY in params.yaml as the only source, and harvest it anew.",
    "gate": "Put a sample of labels before a person, and record the votes.",
    "judge": "Have a model vote on the pairs of plans of an evaluation.",
    "votes": "Count the votes of files that pages or the judge wrote.",
    "datasheet": "Show what the data is: one page without network, and a dataset card.",
    "tokens": "Show the tokens of a sample, and which of them are learned.",
    "why": "Tell what each stage did with a change or a commit.",
    "forget": "Take a repository out of everything that was written.",
    "export": "Write the chat samples in a shape that other trainers read.",
    "model": "Install, show or remove the model that words commits on this machine.",
    "log-proxy": "Pass chats on to a model, and log them with their tool calls.",
    "rate": "Rate a logged answer from 1, bad, to 5; without ID list the latest ones.",
    "feedback": "Show or forget what you made of the proposals of `git diffscribe`.",
    "models": "Show the six model paths of an agent that PIPELINE learned from.",
    "lora": "Write the shipped adapter as a GGUF LoRA file for llama-server.",
    "ship": "Write the folder of diffscribe-135m from what the stages wrote.",
    "ledger": "Export, merge, prune or show the answers of models in the ledger.",
    "estimate": "Estimate what labeling would ask and cost, for each teacher of the "
    "price table.",
}
"""Each verb with the first sentence of its help, so that --help imports no verb."""


class Verbs(Group):
    """A group that imports a verb when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the verbs in the order of the table."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the name of the verb, its command, and the arguments that are left."""
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None:
            word = str(name).replace("-", "_")
            module = importlib.import_module(f"diffscribe.commands.{word}")
            command = getattr(module, f"{word}_command")
        return name, command, rest


@click.group(
    cls=Verbs,
    commands=[click.Command(name, short_help=words) for name, words in VERBS.items()],
)
@click.version_option(package_name="diffscribe")
def main() -> None:
    """Train and use your own small model that writes commits."""


if __name__ == "__main__":
    main(prog_name="diffscribe")
