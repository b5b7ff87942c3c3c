import json
from collections import Counter

import pytest

from diffscribe.data.render import Counters, Reason, RenderCounts, render_samples
from diffscribe.diffs.render import Prompts
from diffscribe.params import RenderParams
from diffscribe.records import (
    FileChange,
    FileStatus,
    Label,
    Plan,
    PlannedCommit,
    SplitChange,
)

PROMPTS = Prompts(system="Plan.", user="$files $gitignore $diff")
TEMPLATE_TOKENS = 7


def count_text(text: str) -> int:
    return len(text.split())


def count_prompt(messages) -> int:
    return TEMPLATE_TOKENS + sum(count_text(each.content) for each in messages)


COUNT = Counters(count_text, count_prompt)


def split_change(*commits: PlannedCommit, lines: int = 1, **fields) -> SplitChange:
    paths = sorted(path for commit in commits for path in commit.files)
    files = [
        FileChange(
            path=path,
            old_path=None,
            status=FileStatus.MODIFIED,
            additions=lines,
            deletions=0,
            is_binary=False,
        )
        for path in paths
    ]
    diff = "".join(
        f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n"
        f"@@ -1,0 +1,{lines} @@\n" + "+a b c\n" * lines
        for path in paths
    )
    values = {
        "id": "1",
        "repo": "r",
        "base": "b",
        "head": "h",
        "committed_at": "2024-01-01T00:00:00Z",
        "languages": (),
        "files": files,
        "diff": diff,
        "commits": (),
        "gitignore": (),
        "license": None,
        "label": Label(
            plan=Plan(commits=commits),
            source="history",
            teacher=None,
            prompt_sha256=None,
            usage=None,
            ratings={},
        ),
        "parent_id": None,
        "junk": (),
    }
    return SplitChange(**(values | fields))


def commit(*files: str, subject: str = "add it") -> PlannedCommit:
    return PlannedCommit(files=files, type="feat", subject=subject)


def rendered(change: SplitChange, prompt_tokens: int = 100, answer_tokens: int = 20):
    counts = RenderCounts(Counter(), Counter())
    limits = RenderParams(
        max_prompt_tokens=prompt_tokens,
        context_lines=3,
        max_answer_tokens=answer_tokens,
    )
    return list(render_samples([change], PROMPTS, COUNT, limits, counts)), counts


def test_a_sample_asks_for_the_whole_plan_as_json():
    (sample,), _ = rendered(split_change(commit("a.py")))
    assert [each.role for each in sample.prompt] == ["system", "user"]
    (answer,) = sample.completion
    assert answer.role == "assistant"
    assert json.loads(answer.content) == {
        "commits": [{"files": ["a.py"], "type": "feat", "subject": "add it"}],
        "gitignore": [],
    }
    assert (sample.files, sample.task) == (("a.py",), "plan")


def test_files_and_commits_follow_the_file_list():
    change = split_change(commit("d.py", "b.py"), commit("c.py", "a.py"))
    (sample,), _ = rendered(change)
    assert [each.files for each in sample.target.commits] == [
        ("a.py", "c.py"),
        ("b.py", "d.py"),
    ]


def test_the_order_of_the_original_commits_changes_nothing():
    one = split_change(commit("a.py"), commit("b.py"))
    other = split_change(commit("b.py"), commit("a.py"))
    assert rendered(one)[0] == rendered(other)[0]


@pytest.mark.parametrize(("limit", "kept"), [(3, 1), (2, 0)])
def test_an_answer_that_is_too_long_drops_the_sample(limit, kept):
    # "add it" has one space, so the answer counts two words and the turn's end.
    samples, counts = rendered(split_change(commit("a.py")), answer_tokens=limit)
    assert len(samples) == kept
    assert counts.dropped[Reason.LONG_ANSWER] == 1 - kept


def test_no_prompt_exceeds_the_budget_with_its_template():
    change = split_change(commit("a.py"), commit("b.py"), lines=10)
    for budget in range(30, 120):
        samples, counts = rendered(change, budget)
        for sample in samples:
            assert count_prompt(sample.prompt) <= budget
        assert len(samples) + counts.dropped[Reason.LONG_FILE_LIST] == 1


def test_metrics_have_fixed_keys_and_count_what_was_cut():
    _, counts = rendered(split_change(commit("a.py"), lines=200), 60)
    metrics = counts.metrics()
    assert metrics["samples"] == 1
    assert (metrics["hunks"], metrics["cut_hunks"]) == (1, 1)
    empty = RenderCounts(Counter(), Counter()).metrics()
    assert empty.keys() == metrics.keys()
    assert set(empty.values()) == {0}
