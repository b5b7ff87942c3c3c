import pytest

from diffscribe.core.errors import GateError
from diffscribe.label.gate import (
    Acceptance,
    Judged,
    acceptance,
    acceptance_line,
    passes,
    read_verdicts,
    record,
    require,
    row_digest,
    shown,
)


def judged(row, verdict):
    return {"row": row_digest(row), "verdict": verdict}


def verdicts_of(tmp_path, rows, choices):
    path = tmp_path / "verdicts.jsonl"
    pairs = zip(rows, choices, strict=False)
    said = [Judged(**judged(each, choice)) for each, choice in pairs if choice]
    record(said, map(shown, rows), path)
    return read_verdicts(path)


def test_acceptance_is_of_all_rows_and_comes_with_an_exact_interval(tmp_path, row):
    rows = [row(head=str(number)) for number in range(10)]
    said = verdicts_of(tmp_path, rows, ["accept"] * 7 + ["reject", "skip", None])
    result = acceptance(map(row_digest, rows), said)
    assert result[:5] == (10, 7, 1, 1, 0.7)
    assert (round(result.low, 4), round(result.high, 4)) == (0.3475, 0.9333)


def test_other_verdicts_never_count(tmp_path, row):
    rows = [row(head=str(number)) for number in range(4)]
    said = verdicts_of(tmp_path, rows, ["accept"] * 4)
    others = [row(head=str(number), repo="other") for number in range(4)]
    assert acceptance(map(row_digest, others), said)[:5] == (4, 0, 0, 0, 0.0)
    assert acceptance(map(row_digest, rows[:2]), said).accepted == 2


@pytest.mark.parametrize(("accepted", "passed"), [(8, False), (9, True), (10, True)])
def test_the_gate_opens_at_the_threshold(tmp_path, row, accepted, passed):
    rows = [row(head=str(number)) for number in range(10)]
    said = verdicts_of(tmp_path, rows, ["accept"] * accepted)
    assert passes(acceptance(map(row_digest, rows), said), 0.9) is passed


def test_skipping_the_rest_does_not_open_the_gate(tmp_path, row):
    rows = [row(head=str(number)) for number in range(10)]
    said = verdicts_of(tmp_path, rows, ["accept"] + ["skip"] * 9)
    assert not passes(acceptance(map(row_digest, rows), said), 0.9)


def test_no_rows_pass_no_gate():
    assert acceptance([], {})[:5] == (0, 0, 0, 0, 0.0)
    assert not passes(acceptance([], {}), 0.0)


def test_acceptance_is_told_in_percent():
    line = acceptance_line(Acceptance(50, 45, 3, 1, 0.9, 0.782, 0.967))
    assert line == (
        "45 of 50 rows accepted: 90 % (95 % interval 78 to 97); "
        "3 rejected, 1 skipped, 1 not judged"
    )


def test_a_closed_gate_says_how_it_is_opened(tmp_path, row, plan):
    rows = [row(head=str(number)) for number in range(10)]
    verdicts_of(tmp_path, rows, ["accept"] * 9)
    require(rows, 0.9, tmp_path / "verdicts.jsonl")
    with pytest.raises(GateError, match=r"opens at 95 %: run 'make gate'"):
        require(rows, 0.95, tmp_path / "verdicts.jsonl")
    anew = [row(head=str(n), plan=plan(("fix", "anew", "a.py"))) for n in range(10)]
    with pytest.raises(GateError, match="0 of 10 rows accepted"):
        require(anew, 0.9, tmp_path / "verdicts.jsonl")
    with pytest.raises(GateError, match="10 not judged"):
        require(rows, 0.9, tmp_path / "none.jsonl")
