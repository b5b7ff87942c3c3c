"""The command `git diffscribe`: a messy working tree becomes clean commits.

Git finds it as the program `git-diffscribe` on PATH. Without a verb it proposes
commits for the working tree, and makes those that a person takes.
"""

import re
import shutil
import sys
from pathlib import Path
from typing import Any, NamedTuple

import click
from click.shell_completion import CompletionItem
from pydantic import ValidationError

from diffscribe.commands.completion import SHELLS, completion_script
from diffscribe.commits.grammar import format_message
from diffscribe.commits.proposals import trailer_of
from diffscribe.commits.units import units_of
from diffscribe.core.cli import Command, Group, clock, is_coloured
from diffscribe.core.errors import DiffscribeError, HookError, SourceError
from diffscribe.core.files import whole_file, write_json
from diffscribe.core.records import Change, Record, Verdict
from diffscribe.doors.checkout import (
    Aside,
    Checkout,
    Head,
    aside,
    branch_point,
    changed_entries,
    head_of,
    is_at,
    is_set,
    keep_reference,
    open_checkout,
    open_editor,
    publish,
    read_config,
    settled_entries,
    signature,
    snapshot,
    undo,
)
from diffscribe.doors.git import decode, encode
from diffscribe.doors.hooks import hook_room, install_hook, remove_hook
from diffscribe.propose.apply import Built, Terms, build
from diffscribe.propose.change import read_change
from diffscribe.propose.draft import Draft, Proposal, draft_problem
from diffscribe.propose.feedback import (
    Proposed,
    consent_note,
    expect_commit,
    keep_feedback,
    settle_message,
    undone_feedback,
)
from diffscribe.propose.house_style import HouseStyle, read_house_style
from diffscribe.propose.private_files import private_files, without_files
from diffscribe.propose.settings import Settings, read_settings
from diffscribe.propose.show import draft_json, show_draft
from diffscribe.propose.spelling import safe_text
from diffscribe.propose.todo import TodoError, explain, print_todo, read_todo

KEPT = "plan.json"
"""The plan that a failure left, for --continue."""
TODO = "DIFFSCRIBE_TODO"


class KeptPlan(Record):
    """What a person agreed to, and what they had been shown."""

    draft: Draft
    proposed: Draft
    made_by: str


class Wishes(NamedTuple):
    """What is to be committed, and how."""

    paths: tuple[str, ...] = ()
    staged: bool = False
    intent: str = ""
    allow_secrets: bool = False
    no_verify: bool = False
    terms: Terms = Terms()


class _Verbs(Group):
    """A group whose first verb is meant where none is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the first verb before arguments that name none."""
        is_first_word_completed = ctx.resilient_parsing and not args
        named = (*self.commands, *ctx.help_option_names, "--version")
        if not is_first_word_completed and (not args or args[0] not in named):
            args = ["commit", *args]
        return super().parse_args(ctx, args)

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> list[CompletionItem]:
        """Return the verbs and the options of the first, or else paths."""
        first = self.commands["commit"]
        found = [
            *super().shell_complete(ctx, incomplete),
            *first.shell_complete(click.Context(first, ctx, "commit"), incomplete),
        ]
        return found or [CompletionItem(incomplete, type="file")]


@click.group(cls=_Verbs)
@click.version_option(package_name="diffscribe")
def git_diffscribe() -> None:
    """Turn a messy working tree into clean commits.

    Without a verb it is 'git diffscribe commit'.
    """


@git_diffscribe.command("commit", cls=Command)
@click.option("-y", "--yes", is_flag=True, help="Make the commits without asking.")
@click.option("-n", "--dry-run", is_flag=True, help="Show the plan, and that is all.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
@click.option("--staged", is_flag=True, help="Take only what is staged.")
@click.option("--intent", default="", help="What the change is for, in your words.")
@click.option("--detached", is_flag=True, help="Commit on a detached HEAD too.")
@click.option("--allow-secrets", is_flag=True, help="Take files of keys too.")
@click.option("--continue", "go_on", is_flag=True, help="Take up the plan that failed.")
@click.option("--no-verify", is_flag=True, help="Pass the hooks by.")
@click.option(
    "--accept-hook-changes", is_flag=True, help="Take what hooks change in files."
)
@click.option("-s", "--signoff", is_flag=True, help="Add a Signed-off-by line.")
@click.argument("paths", nargs=-1, type=click.Path())
def commit_command(
    yes: bool,
    dry_run: bool,
    as_json: bool,
    detached: bool,
    go_on: bool,
    accept_hook_changes: bool,
    signoff: bool,
    **wanted: Any,
) -> None:
    """Propose commits for what differs from HEAD, and make those you take.

    Only PATHS take part if there are any; '--' goes before one that is named as a verb.
    """
    checkout = open_checkout(Path.cwd())
    # Who has no name is told before a model takes its time.
    name = "" if dry_run or as_json else signature(checkout)
    terms = Terms(
        is_set(checkout, "commit.gpgSign"),
        accept_hook_changes,
        (f"Signed-off-by: {name}",) if signoff else (),
    )
    wishes = Wishes(**wanted, terms=terms)
    _note(settle_message(checkout))
    head = head_of(checkout, may_be_detached=detached or dry_run or as_json)
    with aside(checkout) as work:
        tree = snapshot(work, head, wishes.paths, wishes.staged)
        change = read_change(work, head, tree)
        if not change.files:
            raise SourceError(f"{checkout.top}: {_nothing(wishes)}")
        kept = _kept(checkout, change) if go_on else None
        proposal = (
            _new(checkout, change, wishes)
            if kept is None
            else Proposal(kept.draft, kept.made_by, (), ())
        )
        if as_json:
            facts = {
                "made_by": proposal.made_by,
                "generated": proposal.generated,
                "notes": proposal.notes,
            }
            click.echo(draft_json(proposal.draft, change, facts))
            return
        shown = proposal.draft if kept is None else kept.proposed
        proposed = Proposed("commit", change, shown, proposal.made_by)
        draft = _agreed(checkout, proposal, proposed, asks=not (yes or dry_run))
        if draft is not None and not dry_run:
            _commit(work, head, tree, draft, proposed, wishes)


def _nothing(wishes: Wishes) -> str:
    """Return why there is nothing to commit."""
    if wishes.staged:
        return "nothing is staged; 'git add' files, or leave --staged out"
    named = " in what you named" if wishes.paths else ""
    return f"nothing to commit; no file differs from HEAD{named}"


def _agreed(
    checkout: Checkout, proposal: Proposal, proposed: Proposed, asks: bool
) -> Draft | None:
    """Show what is proposed, and return what a person makes of it if they are asked."""
    change = proposed.change
    _show(proposal.draft, change, proposal.generated)
    _note(*proposal.notes)
    if not asks:
        return proposal.draft
    draft = _decide(checkout, proposal.draft, change)
    if draft is None:
        _note(keep_feedback(checkout, proposed, Verdict.THROWN_AWAY))
    if sys.stderr.isatty():
        _note(consent_note(checkout))
    return draft


def _note(*notes: str) -> None:
    for each in filter(None, notes):
        click.echo(f"note: {each}", err=True)


def _kept(checkout: Checkout, change: Change) -> KeptPlan:
    """Return the plan that a failure left.

    Raises:
        SourceError: if there is none, or it does not fit what is there by now.
    """
    try:
        kept = KeptPlan.model_validate_json((checkout.home / KEPT).read_bytes())
    except (FileNotFoundError, ValidationError) as error:
        raise SourceError(
            f"{checkout.top}: no plan was kept; leave --continue out"
        ) from error
    problem = draft_problem(kept.draft, units_of(change.files, change.diff))
    if problem is not None:
        raise SourceError(
            f"{checkout.top}: the kept plan does not fit the files any more "
            f"({problem}); leave --continue out for a new one"
        )
    return kept


def _new(checkout: Checkout, change: Change, wishes: Wishes) -> Proposal:
    """Return what is proposed for a change; files of keys are shown to no model."""
    secret = () if wishes.allow_secrets else private_files(change)
    rest = without_files(change, secret)
    if not rest.files:
        raise SourceError(
            f"{checkout.top}: only files of keys differ, such as '{secret[0]}'; give "
            "--allow-secrets to commit them"
        )
    proposal = _propose(rest, _settings(checkout, change, wishes.intent))
    if not secret:
        return proposal
    left = dict(proposal.draft.left_out) | dict.fromkeys(secret, ())
    draft = proposal.draft.model_copy(update={"left_out": left})
    note = "files of keys and passwords are left out; --allow-secrets takes them"
    return proposal._replace(draft=draft, notes=(*proposal.notes, note))


def _propose(change: Change, settings: Settings, as_one: bool = False) -> Proposal:
    with clock("wording the commits") as tell:
        # It imports numpy, which would double the time of --help and undo.
        from diffscribe.propose.planner import propose

        return propose(change, settings, lambda each: tell(safe_text(each)), as_one)


def _settings(checkout: Checkout, change: Change, intent: str) -> Settings:
    return read_settings(read_config(checkout), _house(checkout, change), intent)


def _house(checkout: Checkout, change: Change) -> HouseStyle:
    config = read_config(checkout)
    return read_house_style(checkout.top, change.recent_subjects, config)


def _show(draft: Draft, change: Change, generated: tuple[int, ...] = ()) -> None:
    columns, colour = shutil.get_terminal_size().columns, is_coloured(sys.stdout)
    click.echo(show_draft(draft, change, columns, colour, generated))


def _decide(checkout: Checkout, draft: Draft, change: Change) -> Draft | None:
    """Return the draft that a person takes, perhaps edited, or None.

    Raises:
        SourceError: if there is no terminal to ask on.
    """
    while True:
        if not sys.stdin.isatty():
            raise SourceError(
                "no terminal to ask on; give --yes to make these commits, or --dry-run"
            )
        answer = click.prompt("apply / edit / quit", default="quit", err=True)
        answer = answer.strip().lower()
        if answer in ("a", "apply"):
            return draft
        if answer in ("q", "quit"):
            return None
        if answer in ("e", "edit"):
            draft = _edit(checkout, draft, change)
            _show(draft, change)


def _edit(checkout: Checkout, draft: Draft, change: Change) -> Draft:
    """Return the draft as a person edits it; what cannot be read is opened again."""
    file = checkout.home / TODO
    text = print_todo(draft, change)
    secret = draft.left_out.keys() & private_files(change)
    types = _house(checkout, change).types
    while True:
        file.write_bytes(encode(text))
        open_editor(checkout, file)
        edited = decode(file.read_bytes()) if file.exists() else ""
        if not edited.strip():
            return draft
        try:
            return read_todo(edited, change, types, secret)
        except TodoError as error:
            for problem in error.problems:
                click.echo(f"line {problem.line}: {problem.words}", err=True)
            explained = explain(edited, error)
            if explained == text:
                # An editor that nobody sits at would be opened for ever.
                raise
            text = explained


def _commit(
    work: Aside,
    head: Head,
    tree: str,
    draft: Draft,
    proposed: Proposed,
    wishes: Wishes,
) -> None:
    """Make the commits of a draft and say which; a failure keeps it."""
    checkout = work.checkout
    file = checkout.home / KEPT
    kept = KeptPlan(draft=draft, proposed=proposed.draft, made_by=proposed.made_by)
    write_json(file, kept.model_dump(mode="json"))
    verdict = proposed.verdict(draft)
    wishes = _with_trailer(checkout, wishes, verdict)
    try:
        built = _built(work, head, tree, proposed.change, draft, wishes)
        if snapshot(work, head, wishes.paths, wishes.staged) != tree:
            raise SourceError(
                f"{checkout.top}: files changed since the plan was made; give "
                "--continue if it still fits, or begin anew"
            )
        settled = (
            () if wishes.staged else settled_entries(work, head, tree, wishes.paths)
        )
        if built.commits:
            entries = (*built.entries, *settled)
            publish(work, head, built.commits[-1], entries, built.edits)
    except HookError as error:
        click.echo(error.output, err=True)
        raise
    except DiffscribeError:
        if is_at(checkout, head):
            words = "nothing was changed; --continue takes the plan up again"
            click.echo(words, err=True)
        raise
    file.unlink()
    _note(keep_feedback(checkout, proposed, verdict, draft, built.commits))
    if built.commits:
        click.echo(f"{_count(built)}; 'git diffscribe undo' takes them back")
    else:
        click.echo("nothing was committed")


def _with_trailer(checkout: Checkout, wishes: Wishes, verdict: Verdict) -> Wishes:
    """Return wishes for a line that tells of the proposal, if that is asked for."""
    if not is_set(checkout, "diffscribe.trailer"):
        return wishes
    trailers = (*wishes.terms.trailers, trailer_of(verdict))
    return wishes._replace(terms=wishes.terms._replace(trailers=trailers))


def _count(built: Built) -> str:
    count = len(built.commits)
    return f"{count} commit{'s' if count > 1 else ''}"


def _built(
    work: Aside, head: Head, tree: str, change: Change, draft: Draft, wishes: Wishes
) -> Built:
    if wishes.no_verify:
        return build(work, head, tree, change, draft, wishes.terms, None)
    with hook_room(work) as room:
        return build(work, head, tree, change, draft, wishes.terms, room)


@git_diffscribe.command("rewrite", cls=Command)
@click.option("--apply", "applies", is_flag=True, help="Put them in place of its own.")
@click.option("-y", "--yes", is_flag=True, help="With --apply: do not ask.")
@click.option("--intent", default="", help="What the branch is for, in your words.")
@click.argument("base")
def rewrite_command(base: str, applies: bool, yes: bool, intent: str) -> None:
    """Propose other commits for those of the branch since BASE.

    Their tree stays the same, and no hook runs. With --apply the branch gets them; a
    reference below refs/diffscribe/ keeps the ones before, and `undo` brings them back.
    """
    checkout = open_checkout(Path.cwd())
    head = head_of(checkout)
    start = branch_point(checkout, head, base)
    if applies:
        signature(checkout)
    wishes = Wishes(
        intent=intent,
        allow_secrets=True,
        terms=Terms(is_set(checkout, "commit.gpgSign")),
    )
    with aside(checkout) as work:
        if snapshot(work, head) != head.tree:
            raise SourceError(
                f"{checkout.top}: the working tree differs from HEAD; commit it first"
            )
        change = read_change(work, start, head.tree)
        if not change.files:
            raise SourceError(
                f"{checkout.top}: the commits after '{base}' change nothing together"
            )
        proposal = _new(checkout, change, wishes)
        proposed = Proposed("rewrite", change, proposal.draft, proposal.made_by)
        draft = _agreed(checkout, proposal, proposed, asks=applies and not yes)
        if not applies or draft is None:
            return
        verdict = proposed.verdict(draft)
        wishes = _with_trailer(checkout, wishes, verdict)
        built = build(work, start, head.tree, change, draft, wishes.terms, None)
        if not built.commits:
            raise SourceError(f"{checkout.top}: the plan leaves everything out")
        kept = keep_reference(checkout, head)
        gone = settled_entries(work, head, head.tree)
        entries = (*changed_entries(work, head.tree, built.tree), *gone)
        publish(work, head, built.commits[-1], entries, built.edits)
        _note(keep_feedback(checkout, proposed, verdict, draft, built.commits))
        click.echo(f"{_count(built)}; {kept} keeps the ones before")


@git_diffscribe.command("undo", cls=Command)
def undo_command() -> None:
    """Take the last commits of this command back, as long as nothing came after."""
    checkout = open_checkout(Path.cwd())
    undone = head_of(checkout, may_be_detached=True).commit
    old = undo(checkout)
    _note(undone_feedback(checkout, undone or ""))
    click.echo(f"HEAD is at {old[:8]} again" if old else "there are no commits again")


@git_diffscribe.command("message", cls=Command)
@click.option("--intent", default="", help="What the change is for, in your words.")
@click.option(
    "--into",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Write it above what stands in FILE, unless that is a message already.",
)
def message_command(intent: str, into: Path | None) -> None:
    """Print a message for all that is staged, as one commit."""
    checkout = open_checkout(Path.cwd())
    text = into.read_text(encoding="utf-8", errors="replace") if into else ""
    if _holds_message(checkout, text):
        return
    _note(settle_message(checkout))
    head = head_of(checkout, may_be_detached=True)
    with aside(checkout) as work:
        tree = snapshot(work, head, staged=True)
        change = read_change(work, head, tree)
    rest = without_files(change, private_files(change))
    if not rest.files:
        raise SourceError(f"{checkout.top}: nothing is staged that a model may see")
    settings = _settings(checkout, change, intent)
    proposal = _propose(rest, settings, as_one=True)
    _note(*proposal.notes)
    proposed = Proposed("message", rest, proposal.draft, proposal.made_by)
    _note(expect_commit(checkout, proposed))
    message = format_message(proposal.draft.plan.commits[0])
    if into is None:
        click.echo(message)
    else:
        with whole_file(into) as partial:
            partial.write_text(f"{message}\n{text}", encoding="utf-8")


def _holds_message(checkout: Checkout, text: str) -> bool:
    """Tell whether a text that git prepared has more than remarks and sign-offs."""
    mark = read_config(checkout).get("core.commentchar", "#")
    mark = "#" if mark == "auto" else mark
    # Below this line `git commit --verbose` shows the diff.
    text = text.partition(f"{mark} ------------------------ >8 ")[0]
    return any(
        line.strip() and not line.startswith(mark) and not _SIGN_OFF.match(line)
        for line in text.splitlines()
    )


_SIGN_OFF = re.compile(r"[\w-]+-by: ")
"""How a trailer begins that `git commit --signoff` or `--trailer` wrote before."""


@git_diffscribe.group("hook", cls=Group)
def hook_group() -> None:
    """Have `git commit` begin with a message that is proposed."""


@hook_group.command("install", cls=Command)
def hook_install() -> None:
    """Write the hook `prepare-commit-msg`; one that is there runs before it."""
    path = install_hook(open_checkout(Path.cwd()))
    click.echo(f"{path} proposes messages; 'git diffscribe hook remove' ends that")


@hook_group.command("remove", cls=Command)
def hook_remove() -> None:
    """Take the hook away again, and put back the one that was there."""
    path = remove_hook(open_checkout(Path.cwd()))
    click.echo(f"{path} is as it was before")


@git_diffscribe.command("completion", cls=Command)
@click.argument("shell", type=click.Choice([*SHELLS]))
@click.pass_context
def completion_command(ctx: click.Context, shell: str) -> None:
    """Print what has SHELL complete this command, behind `git` too.

    Write it to the file where the shell looks for it:

    bash: ~/.local/share/bash-completion/completions/git-diffscribe

    zsh: _git-diffscribe in a folder of $fpath

    fish: ~/.config/fish/conf.d/git-diffscribe.fish
    """
    click.echo(completion_script(shell, ctx.find_root().command))
