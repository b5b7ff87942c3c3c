import pytest

from diffscribe.core.errors import RecordError
from diffscribe.eval.cases import cluster_of, read_cases


def test_a_case_is_a_sample_with_its_change(split):
    samples, changes = split("a", "b")
    case = read_cases(samples, changes)[1]
    assert (case.id, case.repo, case.task) == ("b", "acme/app", "plan")
    assert case.files == ("b.py", "x.log")
    assert case.junk == ("x.log",)
    assert case.gitignore == ("build/",)
    assert [each.message for each in case.originals] == ["fix: stop the leak"]
    assert case.diff.startswith("diff --git a/b.py b/b.py\n")
    assert [each.content for each in case.prompt] == ["b?"]
    assert [each.files for each in case.target.commits] == [("b.py",)]


def test_cases_are_in_the_order_of_the_samples(split):
    samples, changes = split("c", "a", "b")
    lines = changes.read_text().splitlines(keepends=True)
    changes.write_text("".join(lines[::-1]))
    assert [case.id for case in read_cases(samples, changes)] == ["c", "a", "b"]


def test_a_change_that_was_not_rendered_is_no_case(split):
    samples, changes = split("a", "b")
    samples.write_text(samples.read_text().splitlines(keepends=True)[1])
    assert [case.id for case in read_cases(samples, changes)] == ["b"]


def test_a_sample_without_its_change_is_named(split):
    samples, changes = split("a", "b")
    changes.write_text(changes.read_text().splitlines(keepends=True)[0])
    with pytest.raises(RecordError, match=r"splits\.jsonl: no change b, which .*sft"):
        read_cases(samples, changes)


def test_a_case_and_its_variants_are_a_cluster(case):
    assert cluster_of(case("a")) == "a"
    assert cluster_of(case("a2", parent_id="a")) == "a"
