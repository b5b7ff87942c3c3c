import json
from collections import Counter

from tests.support.rows import make_curated

from diffscribe.commits.answer import read_message_lines, read_plan_lines
from diffscribe.commits.prompt import Prompts
from diffscribe.commits.student_prompt import Counters, StudentPrompts
from diffscribe.commits.units import units_of
from diffscribe.core.params import RenderParams
from diffscribe.core.records import Plan, PlannedCommit, SplitChange
from diffscribe.render.render import (
    RenderedSplit,
    RenderReason,
    lone_commits,
    render_changes,
    render_sample,
)

PROMPTS = StudentPrompts(
    Prompts(system="Plan.", user="$files"), Prompts(system="Name it.", user="$files")
)
TEMPLATE_TOKENS = 7


def count_text(text):
    return len(text.split())


def count_prompt(messages):
    return TEMPLATE_TOKENS + sum(count_text(each.content) for each in messages)


COUNT = Counters(count_text, count_prompt)


def split_change(*commits, lines=1, **fields):
    paths = sorted(path for commit in commits for path in commit.files)
    diff = "".join(
        f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n"
        f"@@ -1,0 +1,{lines} @@\n" + "+a b c\n" * lines
        for path in paths
    )
    values = {"id": "1", "repo": "r", "diff": diff, "commits": ()} | fields
    extra = {"parent_id": None, "junk": values.pop("junk", ())}
    curated = make_curated(plan=Plan(commits=commits), paths=paths, **values)
    return SplitChange(**dict(curated), **extra)


def commit(*files, subject="add it"):
    return PlannedCommit(files=files, type="feat", subject=subject)


def limits(
    prompt_tokens=100,
    answer_tokens=20,
    answer="json",
    task="plan",
    message_fraction=0.0,
):
    return RenderParams(
        task=task,
        message_fraction=message_fraction,
        max_prompt_tokens=prompt_tokens,
        context_lines=0,
        recent_subjects=0,
        answer=answer,
        max_answer_tokens=answer_tokens,
    )


def outcome(change, *args, **options):
    return render_sample(change, PROMPTS, COUNT, limits(*args, **options))


def test_a_sample_asks_for_the_whole_plan_as_json():
    sample = outcome(split_change(commit("a.py"))).sample
    assert [each.role for each in sample.prompt] == ["system", "user"]
    (answer,) = sample.completion
    assert answer.role == "assistant"
    assert json.loads(answer.content) == {
        "commits": [{"files": ["a.py"], "type": "feat", "subject": "add it"}],
        "gitignore": [],
    }
    assert (sample.files, sample.task) == (("a.py",), "plan")


def test_a_sample_in_lines_is_read_by_the_units_of_its_change():
    paths = ("a.py", "b.py", "z.log")
    change = split_change(commit(*paths), lines=2)
    hunks = "@@ -9,0 +11 @@\n+d\n"
    first, second, junk = (
        f"diff --git{part}" for part in change.diff.split("diff --git")[1:]
    )
    junk = junk.replace("\n---", "\nnew file mode 100644\n---", 1)
    files = [
        file.model_copy(update={"status": "A"} if file.path == "z.log" else {})
        for file in change.files
    ]
    plan = Plan(
        commits=(
            commit("a.py", subject="add that").model_copy(
                update={"hunks": {"a.py": (2,)}}
            ),
            commit("b.py", "a.py").model_copy(update={"hunks": {"a.py": (1,)}}),
        ),
        gitignore=("*.log",),
    )
    label = change.label.model_copy(update={"plan": plan})
    update = {"diff": first + hunks + second + junk, "files": files, "label": label}
    units = units_of(files, update["diff"])
    sample = outcome(change.model_copy(update=update), answer="lines").sample
    assert sample.completion[0].content == (
        "(1 2) 1 -\nfeat: add it\n%%\nfeat: add that"
    )
    read = read_plan_lines(sample.completion[0].content, units)
    assert read.record == sample.target
    assert not read.is_repaired
    assert sample.answer == "lines"
    assert "answer" not in outcome(split_change(commit("a.py"))).sample.model_dump()


def message_of(sample):
    return sample.prompt[0].content, sample.completion[0].content


def test_a_message_is_asked_for_without_the_line_that_is_known():
    change = split_change(commit("a.py", "b.py"))
    for answer in ("json", "lines"):
        params = limits(answer=answer, task="message")
        [made] = render_changes([change], PROMPTS, COUNT, params).fitted
        assert (made.sample.task, made.sample.answer) == ("message", "lines")
        assert message_of(made.sample) == ("Name it.", "feat: add it")
        units = units_of(change.files, change.diff)
        assert read_message_lines("feat: add it", units).record == made.sample.target


def test_a_plain_message_is_a_capitalised_line_alone():
    long = commit("a.py").model_copy(update={"body": "It was missing."})
    change = split_change(long)
    for task, text in (("plan", "1\nAdd it"), ("message", "Add it")):
        params = limits(answer="lines", task=task)
        [made] = render_changes([change], PROMPTS, COUNT, params, "plain").fitted
        assert made.sample.completion[0].content == text
        assert (made.sample.message, made.sample.target.commits[0].type) == (
            *("plain", ""),
        )


def test_commits_of_larger_plans_are_also_asked_for_alone_unless_they_are_a_row():
    known = commit("a.py", subject="know it")
    pair = split_change(known, commit("b.py"), id="pair")
    again = split_change(commit("b.py"), commit("c.py", subject="end"), id="again")
    rows = [split_change(known, id="one"), pair, again]
    rows += [pair.model_copy(update={"id": "junk", "parent_id": "pair"})]
    params = limits(message_fraction=1.0)
    rendered = render_changes(rows, PROMPTS, COUNT, params, lone=lone_commits(rows))
    samples = [each.sample for each in rendered.fitted]
    assert [each.id for each in samples if each.task == "plan"] == [
        *("one", "pair", "again", "junk")
    ]
    alone = [each for each in samples if each.task == "message"]
    assert [(each.id, message_of(each)[1]) for each in alone] == [
        *(("pair-2", "feat: add it"), ("again-2", "feat: end"))
    ]
    assert [each.files for each in alone] == [("b.py",), ("c.py",)]
    assert {each.parent_id for each in alone} == {"pair", "again"}
    assert rendered.metrics()["messages"] == 2
    plans = render_changes(rows, PROMPTS, COUNT, limits())
    assert [each.sample for each in plans.fitted] == [
        each for each in samples if each.task == "plan"
    ]


def test_a_share_of_the_messages_is_drawn_by_what_they_are():
    rows = [
        split_change(commit("a.py"), commit("b.py", subject=f"do {n}"), id=f"{n}")
        for n in range(60)
    ]
    params = limits(message_fraction=0.5)

    def alone(changes):
        made = render_changes(changes, PROMPTS, COUNT, params).fitted
        return {message_of(e.sample) for e in made if e.sample.task == "message"}

    assert alone(rows) == alone(rows[::-1])
    assert 20 < len(alone(rows)) < 41


def test_a_plan_that_lines_cannot_hold_drops_the_sample():
    change = split_change(commit("a.py", subject="add " + "x" * 100))
    assert outcome(change, answer="lines") is RenderReason.UNWRITABLE_ANSWER
    assert outcome(change).sample.target.commits[0].subject.endswith("xx")


def test_a_sample_says_that_its_change_is_private_and_nothing_if_it_is_not():
    own = outcome(split_change(commit("a.py"), private=True)).sample
    assert own.model_dump(mode="json")["private"] is True
    other = outcome(split_change(commit("a.py"))).sample
    assert "private" not in other.model_dump(mode="json")


def test_files_and_commits_follow_the_file_list():
    change = split_change(commit("d.py", "b.py"), commit("c.py", "a.py"))
    assert [each.files for each in outcome(change).sample.target.commits] == [
        ("a.py", "c.py"),
        ("b.py", "d.py"),
    ]


def test_the_order_of_the_original_commits_changes_nothing():
    one = split_change(commit("a.py"), commit("b.py"))
    other = split_change(commit("b.py"), commit("a.py"))
    assert outcome(one) == outcome(other)


def test_an_answer_that_is_too_long_drops_the_sample():
    # "add it" has one space, so the answer counts two words and the turn's end.
    change = split_change(commit("a.py"))
    assert outcome(change, answer_tokens=3).answer_tokens == 3
    assert outcome(change, answer_tokens=2) is RenderReason.LONG_ANSWER


def test_no_prompt_exceeds_the_budget_with_its_template():
    change = split_change(commit("a.py"), commit("b.py"), lines=10)
    for budget in range(30, 120):
        fitted = outcome(change, budget)
        assert count_prompt(fitted.sample.prompt) == fitted.prompt_tokens <= budget


def test_a_file_list_that_is_too_long_drops_the_sample():
    assert outcome(split_change(commit("a.py")), 8) is RenderReason.LONG_FILE_LIST


def test_a_variant_shows_content_of_its_junk_or_is_dropped():
    paths = ("a.py", "b.py", "z.log")
    change = split_change(commit(*paths), lines=3)
    seen = {RenderReason.LONG_FILE_LIST: 0, RenderReason.HIDDEN_JUNK: 0, "shown": 0}
    for budget in range(20, 120):
        parent = outcome(change, budget)
        variant = outcome(change.model_copy(update={"junk": ("z.log",)}), budget)
        if parent is RenderReason.LONG_FILE_LIST:
            assert variant is parent
            seen[parent] += 1
        elif "+a" in parent.sample.prompt[1].content.rpartition("z.log")[2]:
            assert variant.sample.prompt == parent.sample.prompt
            seen["shown"] += 1
        else:
            assert variant is RenderReason.HIDDEN_JUNK
            assert "z.log" in parent.sample.prompt[1].content
            seen[variant] += 1
    assert all(seen.values())


def test_junk_without_hunks_is_visible_by_its_name():
    change = split_change(commit("a.py", "z.bin"), lines=1, junk=("z.bin",))
    first, _, _ = change.diff.partition("diff --git a/z.bin")
    change = change.model_copy(update={"diff": first})
    assert "z.bin" in outcome(change, 40).sample.prompt[1].content


def test_metrics_add_up_what_was_shown_cut_and_dropped():
    cut = outcome(split_change(commit("a.py")), 14)
    whole = outcome(split_change(commit("a.py")))
    prompt_tokens = cut.prompt_tokens + whole.prompt_tokens
    dropped = [RenderReason.LONG_ANSWER] * 2
    assert RenderedSplit([cut, whole], dropped, Counter(r=4)).metrics() == {
        "samples": 2,
        "messages": 0,
        "hunks": 2,
        "cut_hunks": 1,
        "prompt_tokens": prompt_tokens,
        "answer_tokens": 6,
        "answer_fraction": round(6 / (6 + prompt_tokens), 4),
        "dropped_unwritable_answer": 0,
        "dropped_long_answer": 2,
        "dropped_long_file_list": 0,
        "dropped_hidden_junk": 0,
    }


def test_metrics_of_nothing_are_zeros_under_the_same_keys():
    fitted = outcome(split_change(commit("a.py")))
    nothing = RenderedSplit([], [], Counter()).metrics()
    assert nothing.keys() == RenderedSplit([fitted], [], Counter(r=1)).metrics().keys()
    assert set(nothing.values()) == {0}


def test_changes_keep_their_order_and_the_dropped_their_reasons():
    names = ("b.py", "a.py", "c.py")
    changes = [
        split_change(commit("d.py", subject="add all of it"), id="long"),
        *(split_change(commit(name), id=name) for name in names),
    ]
    rendered = render_changes(changes, PROMPTS, COUNT, limits(answer_tokens=3))
    assert tuple(each.sample.id for each in rendered.fitted) == names
    assert rendered.dropped == [RenderReason.LONG_ANSWER]
    assert rendered.processed == {"r": 4}
    assert rendered.approved() == {"r": 3}
