from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from diffscribe.core.params import HarvestParams, PresetName
from diffscribe.core.records import FileStatus
from diffscribe.harvest.patches import ChangedFile
from diffscribe.harvest.presets import (
    PRESETS,
    Facts,
    PresetReason,
    PresetStep,
    preset_reason,
    preset_reasons,
    with_preset,
)

ROOT = Path(__file__).parents[2]


def params(preset: str | None) -> HarvestParams:
    values = yaml.safe_load((ROOT / "params.yaml").read_text())["harvest"]
    return HarvestParams.model_validate(values | {"preset": preset})


def of_message(preset: str, message: str, **facts: Any) -> PresetReason | None:
    return preset_reason(preset, PresetStep.MESSAGE, Facts(message, **facts))


def of_diff(preset: str, diff: str) -> PresetReason | None:
    return preset_reason(preset, PresetStep.DIFF, Facts("m", diff=diff))


def of_files(preset: str, *paths: str, **facts: Any) -> PresetReason | None:
    status = facts.pop("status", FileStatus.MODIFIED)
    files = [ChangedFile(path, None, status) for path in paths]
    facts = {"new_bytes": 1} | facts
    return preset_reason(
        preset, PresetStep.FILES, Facts(facts.pop("message", ""), files=files, **facts)
    )


def test_params_name_the_presets_there_are() -> None:
    assert set(get_args(PresetName)) == set(PRESETS)


def test_no_preset_changes_and_drops_nothing() -> None:
    assert with_preset(params(None)) == params(None)
    assert preset_reasons(None, *PresetStep) == ()
    assert preset_reason(None, PresetStep.MESSAGE, Facts("")) is None


@pytest.mark.parametrize("name", PRESETS)
def test_limits_replace_those_of_params_and_fit_them(name: str) -> None:
    limited = with_preset(params(name))
    HarvestParams.model_validate(limited.model_dump(mode="json"))
    assert {key: getattr(limited, key) for key in PRESETS[name].limits} == dict(
        PRESETS[name].limits
    )


@pytest.mark.parametrize("name", PRESETS)
def test_a_table_names_each_of_its_reasons(name: str) -> None:
    reasons = preset_reasons(name, *PresetStep)
    assert set(reasons) <= set(PresetReason)
    if name != "seed000":
        assert preset_reasons(name, PresetStep.FILES, PresetStep.DIFF)


def test_every_reason_is_in_a_table() -> None:
    used = {reason for name in PRESETS for reason in preset_reasons(name, *PresetStep)}
    assert used == set(PresetReason)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("x" * 19, "message_too_short"),
        ("x" * 20, None),
        ("ä" * 10, None),  # bytes count
        ("x" * 499, None),
        ("x" * 500, "message_too_long"),
    ],
)
def test_seed000_counts_the_bytes_of_a_message(
    message: str, reason: str | None
) -> None:
    assert of_message("seed000", message) == reason
    assert with_preset(params("seed000")).max_diff_chars == 5000
    assert PRESETS["seed000"].oversampling == 3


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("feat: add x", None),
        ("fix(core.a-b): stop it\n\nBody.", None),
        ("feat!: add x", "not_conventional"),
        ("feat(a/b): add x", "not_conventional"),
        ("revert: feat: x", "not_conventional"),
        ("Add x", "not_conventional"),
        ("feat: add x.", "final_period"),
        ("feat: " + "x" * 66, None),
        ("feat: " + "x" * 67, "message_too_long"),
    ],
)
def test_joco_takes_strictly_conventional_subjects(
    message: str, reason: str | None
) -> None:
    assert of_message("joco", message) == reason


def test_joco_takes_diffs_from_50_to_8000_characters() -> None:
    assert of_diff("joco", "x" * 49) == "diff_too_short"
    assert of_diff("joco", "x" * 50) is None
    assert with_preset(params("joco")).max_diff_chars == 8000


BINARY_DIFF = "diff --git a/x b/x\nBinary files a/x and b/x differ\n"
TEXT_DIFF = "diff --git a/x b/x\n@@ -1 +1 @@\n-Binary files\n+Binary files x differ\n"


def test_git_smart_commit_takes_windows_without_binary_files() -> None:
    limited = with_preset(params("git_smart_commit"))
    assert (limited.max_window_commits, limited.max_files) == (8, 20)
    assert limited.max_diff_chars == 200_000
    assert of_diff("git_smart_commit", BINARY_DIFF) == "binary"
    assert of_diff("git_smart_commit", TEXT_DIFF) is None
    few = of_message("git_smart_commit", "", history_commits=9)
    assert few == "small_repository"
    assert of_message("git_smart_commit", "", history_commits=10) is None


@pytest.mark.parametrize(
    ("message", "author", "reason"),
    [
        ("Stop the loop when the queue is empty", "Ann", None),
        ("Stop the loop when the queue is", "Ann", "message_too_short"),
        ("word " * 128, "Ann", None),
        ("word " * 129, "Ann", "message_too_long"),
        ("Stop the loop when the queue is empty", "robot", "bot"),
        ("Stop the loop when the queue is empty", "Bot", None),
        ("修正 了 一个 问题 当 队列 为空 时 循环", "Ann", "not_english"),
        ("Bump version of the parser to the new 2.0", "Ann", "trivial"),
    ],
)
def test_commitbench_takes_english_messages_of_people(
    message: str, author: str, reason: str | None
) -> None:
    assert of_message("commitbench", message, author=author) == reason


def test_commitbench_takes_edits_mostly_in_six_languages() -> None:
    assert of_files("commitbench", "a.py", "b.go", "c.rs") is None
    assert of_files("commitbench", "a.py", "c.rs") == "other_language"
    added = of_files("commitbench", "a.py", status=FileStatus.ADDED)
    assert added == "added_or_deleted"
    assert of_diff("commitbench", BINARY_DIFF) == "binary"
    mode = "diff --git a/x b/x\nold mode 100644\nnew mode 100755\n"
    assert of_diff("commitbench", mode) == "added_or_deleted"
    assert of_diff("commitbench", "+ a\n" * 255) is None
    names = f"index {'1a' * 20}..{'2b' * 20} 100644\n"
    assert of_diff("commitbench", names + "+ a\n" * 253) is None
    assert of_diff("commitbench", "+ a\n" * 256) == "diff_too_long"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("Fix the bug.", None),
        ("Fix a bug!!", "message_too_short"),
        ("Fixthebugs!!", "message_too_short"),
        ("Fix the bug of Zoë", "not_ascii"),
        ("update readme.md", "trivial"),
        ("Updated README file", "trivial"),
        ("Bump version to v1.2.3-SNAPSHOT", "trivial"),
        ("Update readme of the parser", None),
        ("ab " * 53 + "x" * 400, "message_too_long"),
        ("ab " * 53, None),
        ("ab " * 54, "message_too_long"),
        ("a b" + "x" * 488, None),
        ("a b" + "x" * 489, "message_too_long"),
    ],
)
def test_commitchronicle_takes_plain_messages_of_usual_length(
    message: str, reason: str | None
) -> None:
    assert of_message("commitchronicle", message.strip()) == reason


def test_commitchronicle_takes_diffs_of_usual_length() -> None:
    assert of_diff("commitchronicle", "x" * 11 + " " + "x " * 114) is None
    assert of_diff("commitchronicle", "x " * 119 + "x") == "diff_too_short"
    assert of_diff("commitchronicle", "x" * 240) == "diff_too_short"
    assert of_diff("commitchronicle", "x " * 3740) is None
    assert of_diff("commitchronicle", "x " * 3741) == "diff_too_long"
    limited = with_preset(params("commitchronicle"))
    assert (limited.max_files, limited.max_diff_chars) == (16, 42_785)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("Add a test for the parser", None),
        ("[api] Add a test for the parser", None),
        ("parser: Add a test for it", None),
        ("Add a test", "message_too_short"),
        ("[api] Add a small test", "message_too_short"),
        ("Add " + "x " * 497, None),
        ("Add " + "x " * 498 + "yz", "message_too_long"),
        ("add a test for the parser", "not_capitalised"),
        ("Tests for the parser of it", "not_imperative"),
        ("Adding a test for the parser", "not_imperative"),
        ("Fix the crash of #12 in parser", "reference"),
        ("Fix the crash of issue 12 now", "reference"),
        ("Fix what https://x.org/1 tells us about", "reference"),
        ("Revert commit " + "0a" * 20 + " now", "reference"),
        ("Fix what I broke in it", "first_person"),
        ("Merge branch of the old parser", "trivial"),
        ("Add a WIP test for it", "trivial"),
        ("Apply code review of the parser", "trivial"),
    ],
)
def test_commitpackft_takes_subjects_like_instructions(
    message: str, reason: str | None
) -> None:
    assert of_message("commitpackft", message.strip()) == reason


def test_commitpackft_takes_one_bump_of_ten() -> None:
    bumps = [f"Bump the parser to version {n}" for n in range(1000)]
    left = [each for each in bumps if of_message("commitpackft", each) is None]
    assert 70 < len(left) < 140


def test_commitpackft_takes_one_small_file_that_the_subject_does_not_name() -> None:
    assert of_files("commitpackft", "a/parser.py", message="Fix the lexer") is None
    named = of_files("commitpackft", "a/parser.py", message="Fix the parser")
    assert named == "names_file"
    assert of_files("commitpackft", "Makefile", message="Fix the Makefile") is None
    assert of_files("commitpackft", "a.py", old_bytes=49_999) is None
    assert of_files("commitpackft", "a.py", old_bytes=50_000) == "file_too_long"
    assert of_files("commitpackft", "a.py", new_bytes=0) == "added_or_deleted"
    assert with_preset(params("commitpackft")).max_files == 1
