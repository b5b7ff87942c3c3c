import pytest

from diffscribe.core.errors import ParamsError
from diffscribe.split.leaks import Benchmark, read_benchmarks

SHA = "0123456789" * 4


@pytest.mark.parametrize(
    ("listed", "kept_out"),
    [
        ("github.com/acme/app", True),
        ("acme/app", True),
        ("app", True),
        ("ACME/App", True),
        ("acme", False),
        ("me/app", False),
        ("acme/ap", False),
        ("gitlab.com/acme/app", False),
    ],
)
def test_a_repository_is_listed_by_its_name_or_the_end_of_it(
    tmp_path, listed, kept_out
):
    benchmark = read_benchmarks([listed], tmp_path)
    assert benchmark.has_repository("github.com/Acme/app") is kept_out


def test_files_list_repositories_and_commits(tmp_path, curated):
    (tmp_path / "angular.txt").write_text(
        f"# what they measure with\n\n acme/app \n{SHA} # one commit\n{SHA.upper()}\n"
    )
    (tmp_path / "other.txt").write_text(f"{'f' * 64}\n")
    benchmark = read_benchmarks(["angular.txt", "x/y", "other.txt"], tmp_path)
    assert benchmark == Benchmark(
        frozenset({"acme/app", "x/y"}), frozenset({SHA, "f" * 64})
    )
    row = curated()
    commits = (row.commits[0].model_copy(update={"sha": SHA}),)
    assert benchmark.has_commit(row.model_copy(update={"commits": commits}))
    assert not benchmark.has_commit(row)


def test_nothing_listed_keeps_nothing_out(tmp_path, curated):
    benchmark = read_benchmarks([], tmp_path)
    assert not benchmark.has_repository("acme/app")
    assert not benchmark.has_commit(curated())


def test_an_abbreviated_sha_is_refused_with_its_line(tmp_path):
    (tmp_path / "a.txt").write_text(f"{SHA}\n\n{SHA[:12]}\n")
    with pytest.raises(ParamsError, match=r"a\.txt:3: write all digits .* 0123"):
        read_benchmarks(["a.txt"], tmp_path)
    with pytest.raises(ParamsError, match=r"split\.benchmarks: write all digits"):
        read_benchmarks([SHA[:39]], tmp_path)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, content):
    if content:
        (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(ParamsError, match=r"a\.txt' cannot be read.*repository"):
        read_benchmarks(["a.txt"], tmp_path)
