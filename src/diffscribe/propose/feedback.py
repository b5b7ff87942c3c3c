"""What a person makes of proposals, kept in their log if git is configured so."""

from collections.abc import Collection
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import ValidationError

from diffscribe.commits.grammar import format_message
from diffscribe.commits.plan import plan_of_message
from diffscribe.core.errors import DiffscribeError
from diffscribe.core.feedback import (
    append_feedback,
    feedback_log,
    pending_feedback,
    read_feedback,
)
from diffscribe.core.files import OWNER_ONLY, write_json
from diffscribe.core.records import Change, Feedback, Plan, Verdict
from diffscribe.doors.checkout import (
    Checkout,
    MadeCommit,
    is_set,
    last_commits,
    read_config,
)
from diffscribe.propose.draft import Draft
from diffscribe.propose.private_files import private_files, without_files

if TYPE_CHECKING:
    from diffscribe.secrets.redact import Redacted

CONSENT = "diffscribe.log"
NOT_WRITTEN = "the log of feedback was not written"
REMEMBERED_COMMITS = 100
"""Commits among which its commit is looked for."""
Named = Literal["commit", "message", "rewrite"]


class Proposed(NamedTuple):
    """What a command proposed for a change."""

    command: Named
    change: Change
    draft: Draft
    made_by: str

    def verdict(self, final: Draft) -> Verdict:
        """Return what a person made of it who commits a draft."""
        if not final.plan.commits:
            return Verdict.THROWN_AWAY
        return Verdict.TAKEN if final == self.draft else Verdict.EDITED


def keep_feedback(
    checkout: Checkout,
    proposed: Proposed,
    verdict: Verdict,
    final: Draft | None = None,
    shas: tuple[str, ...] = (),
) -> str:
    """Add to the log what became of a proposal, and return what went wrong, if it did.

    Commits are made by then, so that nothing stops them.
    """
    if not is_set(checkout, CONSENT):
        return ""
    entry = feedback_of(checkout, proposed, verdict, final, shas)
    return _append(entry) if entry else ""


def feedback_of(
    checkout: Checkout,
    proposed: Proposed,
    verdict: Verdict,
    final: Draft | None = None,
    shas: tuple[str, ...] = (),
) -> Feedback | None:
    """Return an entry without secrets and files of keys, or None.

    None is for a change with a private key, or with more secrets than can be replaced.
    """
    hidden = private_files(proposed.change)
    change = without_files(proposed.change, hidden)
    repo = _repository(checkout)
    identity = "\0".join((repo, change.base, change.head))
    change_id = sha256(identity.encode()).hexdigest()
    left_out = {} if final is None else final.left_out
    entry = Feedback(
        id=sha256(f"{proposed.command}\0{change_id}".encode()).hexdigest(),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        command=proposed.command,
        verdict=verdict,
        made_by=proposed.made_by,
        change=change.model_copy(update={"id": change_id, "repo": repo}),
        proposed=_without(proposed.draft.plan, hidden),
        final=None if final is None else _without(final.plan, hidden),
        left_out={
            path: hunks for path, hunks in left_out.items() if path not in hidden
        },
        shas=shas,
    )
    redacted = _redact(entry)
    return None if redacted.problem else redacted.change


def undone_feedback(checkout: Checkout, sha: str) -> str:
    """Add to the log that the commits up to one were taken back."""
    if not is_set(checkout, CONSENT) or not feedback_log().exists():
        return ""
    try:
        entries = read_feedback(feedback_log())
    except DiffscribeError as error:
        return str(error)
    made = next((each for each in entries if each.shas[-1:] == (sha,)), None)
    if made is None:
        return ""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return _append(made.model_copy(update={"verdict": Verdict.UNDONE, "at": now}))


def consent_note(checkout: Checkout) -> str:
    """Return how the log is switched on, the first time that this user may hear it."""
    if CONSENT in read_config(checkout):
        return ""
    told = feedback_log().with_suffix(".told")
    try:
        told.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        told.touch(exist_ok=False)
    except OSError:
        return ""
    return (
        f"'git config --global {CONSENT} true' keeps what you make of proposals in "
        f"{feedback_log()}, without secrets, for a model to learn from; nothing is sent"
    )


# Messages, whose commit git makes later.


def expect_commit(checkout: Checkout, proposed: Proposed) -> str:
    """Remember a message until its commit is there, or return what went wrong."""
    if not is_set(checkout, CONSENT):
        return ""
    entry = feedback_of(checkout, proposed, Verdict.THROWN_AWAY)
    if entry is None:
        return ""
    pending = pending_feedback(feedback_log(), checkout.git_dir)
    try:
        write_json(pending, entry.model_dump(mode="json"), OWNER_ONLY)
    except DiffscribeError as error:
        return f"{NOT_WRITTEN}: {error}"
    return ""


def settle_message(checkout: Checkout) -> str:
    """Add to the log what became of the last message, if that is known by now."""
    pending = pending_feedback(feedback_log(), checkout.git_dir)
    if not pending.exists():
        return ""
    try:
        entry = Feedback.model_validate_json(pending.read_bytes())
    except ValidationError:  # Another version wrote it.
        pending.unlink()
        return ""
    commits = last_commits(checkout, REMEMBERED_COMMITS)
    base = entry.change.base
    if is_set(checkout, CONSENT) and commits and commits[0].sha != base:
        pending.unlink()
        known: Feedback | None = entry
        for made in commits:
            if made.tree == entry.change.head and made.parents in (base, ""):
                known = _worded(entry, made)
        return _append(known) if known else ""
    return ""


def _worded(entry: Feedback, made: MadeCommit) -> Feedback | None:
    """Return an entry with the message that a person gave the commit."""
    [before] = entry.proposed.commits
    final, asked = (
        plan_of_message(each, before.files)
        for each in (made.message, format_message(before))
    )
    update = {"final": final, "proposed": asked, "shas": (made.sha,)}
    redacted = _redact(entry.model_copy(update=update))
    change = redacted.change
    verdict = Verdict.TAKEN if change.final == change.proposed else Verdict.EDITED
    taken = change.model_copy(update={"verdict": verdict})
    return None if redacted.problem else taken


def _append(entry: Feedback) -> str:
    try:
        append_feedback(feedback_log(), entry)
    except (DiffscribeError, OSError) as error:
        return f"{NOT_WRITTEN}: {error}"
    return ""


def _redact(entry: Feedback) -> "Redacted[Feedback]":
    # Its rules take longer to read than the whole help.
    from diffscribe.secrets.redact import redact

    return redact(entry)


def _repository(checkout: Checkout) -> str:
    """Return the name that rows of the repository's history have."""
    from diffscribe.doors.places import plain_name, remote_name

    url = read_config(checkout).get("remote.origin.url", "")
    name = checkout.folder.name.removesuffix(".git")
    return remote_name(url) or plain_name(name)


def _without(plan: Plan, paths: Collection[str]) -> Plan:
    """Return a plan without some files, and without the commits of those alone."""
    if not paths:
        return plan
    commits = []
    for commit in plan.commits:
        files = tuple(path for path in commit.files if path not in paths)
        issues = tuple(each for each in commit.issues if each.path not in paths)
        if files:
            update = {"files": files, "issues": issues}
            commits.append(commit.model_copy(update=update))
    return plan.model_copy(update={"commits": tuple(commits)})
