"""What the authors of a repository write about an edit."""

from random import Random

from diffscribe.samples.edits import Edit
from diffscribe.samples.vocabulary import Repository


def write_message(edit: Edit, repository: Repository, author: str, rng: Random) -> str:
    """Return a commit message in the style of the repository."""
    header = _header(edit, rng) if repository.is_conventional else _plain(edit, rng)
    paragraphs = [header]
    if edit.author or (edit.body and rng.random() < 0.4):
        paragraphs.append(edit.body)
    trailers = []
    if edit.breaking and repository.is_conventional and rng.random() < 0.8:
        trailers.append(f"BREAKING CHANGE: {edit.breaking}")
    if edit.type in ("feat", "fix", "perf") and rng.random() < 0.15:
        trailers.append(f"{rng.choice(['Closes', 'Fixes'])} #{rng.randint(3, 240)}")
    if edit.author:
        trailers.append(f"Signed-off-by: {edit.author}")
    elif rng.random() < (0.04 if repository.is_conventional else 0.4):
        trailers.append(f"Signed-off-by: {author}")
    if rng.random() < 0.04:
        others = [each for each in repository.authors if each != author]
        trailers.append(f"Co-authored-by: {rng.choice(others)}")
    if trailers:
        paragraphs.append("\n".join(trailers))
    return "\n\n".join(paragraphs)


def merge_message(branch: str, rng: Random) -> str:
    """Return the message of a merge, made by git or by a forge."""
    if rng.random() < 0.5:
        return f"Merge branch '{branch}'"
    return f"Merge pull request #{rng.randint(3, 240)} from fork/{branch}"


def _header(edit: Edit, rng: Random) -> str:
    scope = f"({edit.scope})" if edit.scope and rng.random() < 0.85 else ""
    mark = "!" if edit.breaking else ""
    header = f"{edit.type}{scope}{mark}: {edit.subject}"
    return header if len(header) <= 72 else f"{edit.type}{mark}: {edit.subject}"


def _plain(edit: Edit, rng: Random) -> str:
    has_ticket = not edit.author and rng.random() < 0.25
    ticket = f"LOG-{rng.randint(100, 480)}: " if has_ticket else ""
    header = f"{ticket}Fix {edit.scope}: {edit.subject}"
    if edit.type == "fix" and rng.random() < 0.5 and len(header) <= 72:
        return header
    return f"{ticket}{edit.subject[0].upper()}{edit.subject[1:]}"
