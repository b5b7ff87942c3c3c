"""The texts that a teacher is shown, with the rules of the house filled in."""

from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Literal, NamedTuple

from diffscribe.diffs.render import VARIABLES, Prompts, read_prompt
from diffscribe.params import LabelRulesParams


class TeacherPrompts(NamedTuple):
    """What a teacher can be asked."""

    plan: Prompts
    clean: Prompts
    rate: Prompts
    reask: str


def load_teacher_prompts(folder: Path, rules: LabelRulesParams) -> TeacherPrompts:
    """Read the teacher's prompts of a folder.

    Raises:
        InputError: if one cannot be read, or has an unknown $variable.
    """
    house = _house(folder, rules.max_header_chars, rules.body)
    return TeacherPrompts(
        plan=load_plan_prompts(folder, rules.max_header_chars, rules.body),
        clean=_prompts(folder, "clean", {"schema", "messages"}, house),
        rate=_prompts(folder, "rate", {"schema", "messages"}, house),
        reask=read_prompt(folder / "reask.md", {"complaint"}),
    )


def load_plan_prompts(
    folder: Path, max_header_chars: int, body: Literal["optional", "required"]
) -> Prompts:
    """Read those that ask for a plan; they leave $schema to be filled in.

    Raises:
        InputError: if one cannot be read, or has an unknown $variable.
    """
    return _prompts(folder, "plan", {"schema"}, _house(folder, max_header_chars, body))


def _house(folder: Path, max_header_chars: int, body: str) -> Mapping[str, str]:
    return {
        "max_header_chars": str(max_header_chars),
        "body": read_prompt(folder / f"body_{body}.md", ()),
    }


def _prompts(
    folder: Path, name: str, more: set[str], house: Mapping[str, str]
) -> Prompts:
    system = read_prompt(folder / f"{name}_system.md", house.keys())
    user = read_prompt(folder / f"{name}_user.md", VARIABLES | more)
    return Prompts(Template(system).substitute(house), user)
