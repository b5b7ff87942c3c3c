import re
import subprocess
from datetime import UTC, datetime
from random import Random

import pytest
from tests.support.rows import make_curated, new_patch, split_params
from tests.support.style import STYLE

from diffscribe.commits.diff import parse_diff
from diffscribe.commits.gitignore import ignored
from diffscribe.commits.grammar import format_message
from diffscribe.commits.junk_kinds import is_held_out, junk_kinds, usual_patterns
from diffscribe.commits.plan import plan_problem
from diffscribe.commits.style import broken_rules
from diffscribe.core.records import Issue, OriginalCommit, Plan, PlannedCommit
from diffscribe.secrets.redact import redact_texts
from diffscribe.split.junk import REMARK, junk_variant
from diffscribe.split.planted import Surroundings, Writer

pytestmark = pytest.mark.slow

PARAMS = split_params(junk_fraction=1.0)
NOW = datetime(2024, 5, 1, tzinfo=UTC)
PATHS = ("src/app.py", "web/ui.ts", "Main.java", "lib.rs", "x.go", "y.c", "z.sh")


def variants(curated, count=60, for_test=False, around=None, **fields):
    """So many changes and their variants, each of which is checked here."""
    rows = [curated(head=str(n), **{"paths": PATHS, **fields}) for n in range(count)]
    pairs = [(row, junk_variant(row, PARAMS, around, for_test)) for row in rows]
    for parent, variant in pairs:
        check_files(parent, variant)
        check_plan(parent, variant)
    return pairs


def check_files(parent, variant):
    """Files are added, each one's patch at its place, and nothing else changes."""
    assert variant.parent_id == parent.id != variant.id
    for paths in (variant.junk, variant.decoys):
        assert list(paths) == sorted(set(paths))
    injected = {*variant.junk, *variant.decoys}
    assert len(injected) == len(variant.junk) + len(variant.decoys) > 0
    by_path = {file.path: file for file in variant.files}
    assert list(by_path) == sorted({*injected, *(f.path for f in parent.files)})
    assert set(by_path.values()) > set(parent.files)
    patches = parse_diff(variant.diff)
    assert [patch.path for patch in patches] == sorted(patch.path for patch in patches)
    real = [patch.text for patch in patches if patch.path not in injected]
    assert "".join(real) == parent.diff
    assert all(each.is_binary == by_path[each.path].is_binary for each in patches)
    for patch in patches:
        if patch.path in injected:
            added = sum(len(hunk.lines) for hunk in patch.hunks)
            assert added == by_path[patch.path].additions


def check_plan(parent, variant):
    """It ignores the junk and nothing else, and commits all real files once."""
    plan = variant.label.plan
    own = parent.label.plan.commits
    for before, commit in zip(own, plan.commits, strict=False):
        new = {*commit.files} - {*before.files}
        assert new <= set(variant.decoys)
        assert not new or len(new) < len(before.files)
        assert not any(path.endswith(".md") for path in new)
        for name in ("type", "scope", "breaking", "subject", "body"):
            assert getattr(before, name) == getattr(commit, name)
    for commit in plan.commits[len(own) :]:
        assert commit.files[0] in variant.decoys
        assert not broken_rules(format_message(commit), STYLE)
    paths = [file.path for file in variant.files]
    assert ignored(plan.gitignore, paths) == set(variant.junk)
    assert plan_problem(plan, paths) is None


def test_a_variant_has_up_to_max_junk_files_of_each_sort(curated):
    rows = [variant for _, variant in variants(curated, 200)]
    assert {len(variant.junk) for variant in rows} == {0, 1, 2, 3}
    assert {len(variant.decoys) for variant in rows} == {0, 1, 2, 3}
    junk, real = (sum(len(getattr(v, name)) for v in rows) for name in FIELDS)
    assert 0.4 < junk / (junk + real) < 0.65


FIELDS = ("junk", "decoys")
SECRETS = tuple(
    pattern for kind in junk_kinds() if kind.is_secret for pattern in kind.patterns
)
SYMBOL = re.compile(r"\$\w+|\$\{.*?\}")
SUFFIXES = ("py", "ipynb", "js", "ts", "rs", "go", "java", "cs", "c", "rb")
SUFFIXES += ("php", "swift", "dart", "ex", "hs", "tex", "tf", "R")


SERVICES = ("compose.yml", "server/redis-schema.sql")
"""Files beside which the kinds lie that need a service or a database."""
OF_A_PATCH = ("OLD", "PATCH", "REJECT")


@pytest.fixture(scope="module")
def many():
    """Variants of changes in all languages: those of training, and of test."""
    paths = tuple(f"{n}{name}/x.{name}" for n, name in enumerate(SUFFIXES))
    paths = tuple(path.replace("6java/", "android/") for path in paths) + SERVICES

    def curated(**fields):
        day = "2026-05-01T10:00:00+00:00"
        return make_curated(repo="acme/app", committed_at=day, **fields)

    return {
        for_test: [
            variant for _, variant in variants(curated, 1200, for_test, paths=paths)
        ]
        for for_test in (False, True)
    }


def contents(variants, paths):
    """The content of each new file, without the signs, by path."""
    return [
        (patch.path, "".join(line[1:] for line in patch.hunks[0].lines))
        for variant in variants
        for patch in parse_diff(variant.diff)
        if patch.path in paths(variant) and patch.hunks
    ]


def test_every_kind_occurs_and_a_held_out_one_in_test_alone(many):
    seen = {path for variant in many[False] for path in variant.junk}
    tested = {path for variant in many[True] for path in variant.junk}
    assert not any(map(is_held_out, seen))
    for kind in junk_kinds():
        found = tested if kind.held_out else seen
        # Each `$word` and `${…}` of a path may have become anything.
        shapes = [".*".join(map(re.escape, SYMBOL.split(path))) for path in kind.paths]
        assert any(re.fullmatch("|".join(shapes), path) for path in found), kind
    shares = [
        len([path for path in variant.junk if is_held_out(path)]) / len(variant.junk)
        for variant in many[True]
        if variant.junk
    ]
    assert {*shares} == {0.0, 1.0}
    assert 0.35 < sum(shares) / len(shares) < 0.65


def test_texts_of_test_are_none_of_training(many):
    def logs(variants):
        texts = contents(variants, lambda variant: variant.junk)
        return {text.split("\n")[0] for path, text in texts if path.endswith(".log")}

    held_out = re.compile(r"[A-Z]+\[\d{4}\] |[\d:]+ \| [A-Z]+|level=\w+ time=")
    assert not any(map(held_out.match, logs(many[False])))
    assert sum(map(bool, map(held_out.match, logs(many[True])))) > 10


TEXTS = {kind.text for kind in junk_kinds()} - {None, *OF_A_PATCH}


@pytest.mark.parametrize("kind", sorted(TEXTS))
def test_a_kind_has_ten_texts_and_more(kind):
    words = dict.fromkeys(("name", "stem", "folder", "area"), "a")
    words |= {
        "dollar": "$",
        "file": [f"{letter}.c" for letter in "abcdefgh"],
        "source": [f"{letter}.c" for letter in "ijklmnop"],
    }
    words |= {
        "bare": "a",
        "base": "a",
        "ext": ".c",
        "above": "",
        "module": "a.b",
        "identifier": ["run", "stop", "load", "store"],
    }
    words |= {"eol": "\n", "test_command": "make test", "minor": "12"}
    texts = {
        Writer(words, Random(seed), NOW, for_test).text(kind)
        for seed in range(40)
        for for_test in (False, True)
    }
    assert len(texts) >= 10
    assert all(text.endswith("\n") for text in texts)
    assert not any(
        re.search(r"[*=]\d+\.\.\d+ |\$\{[\d%]|\$(noun|identifier)", text)
        for text in texts
    )


def test_sizes_are_those_of_real_files(many):
    texts = contents(many[False], lambda variant: variant.junk)
    lines = [text.count("\n") for _, text in texts]
    assert sum(n > 6 for n in lines) > 0.45 * len(lines)
    logs = [text.count("\n") for path, text in texts if path.endswith(".log")]
    assert min(logs) < 20
    assert max(logs) > 100


def test_a_backup_is_the_file_before_and_a_reject_holds_a_hunk(curated):
    diff = (
        "diff --git a/a.py b/a.py\nindex 1..2 100644\n--- a/a.py\n+++ b/a.py\n"
        "@@ -4,3 +4,3 @@\n one = 1\n-two = 2\n+two = 3\n three = 3\n"
        "@@ -400,2 +400,3 @@\n four = 4\n+five = 5\n six = 6\n"
    )
    old = "one = 1\ntwo = 2\nthree = 3\nfour = 4\nsix = 6\n"
    backups = rejects = 0
    for _, variant in variants(curated, 300, paths=("a.py",), diff=diff):
        for path, text in contents([variant], lambda variant: variant.junk):
            if path.endswith((".orig", "~", ".bak", " copy.py")):
                backups += 1
                assert text == old
            if path.endswith(".rej"):
                rejects += 1
                assert text.startswith("--- a.py\n+++ a.py\n@@ -4")
                assert text.split("\n", 2)[2] in diff
    assert backups > 10
    assert rejects > 2


def test_a_backup_of_a_new_file_is_what_is_new(curated):
    diff = new_patch("a.py", "line")
    rows = variants(curated, 100, paths=("a.py",), diff=diff)
    texts = contents([row for _, row in rows], lambda variant: variant.junk)
    backups = [text for path, text in texts if path.endswith((".orig", "~", ".bak"))]
    assert {*backups} == {"new line\n"}


def test_the_times_of_a_file_are_in_the_weeks_before_and_go_on():
    for seed in range(50):
        writer = Writer({}, Random(seed), NOW, False)
        times = [writer.fill("$day $clock") for _ in range(200)]
        assert times == sorted(times)
        assert "2024-04-01 00" <= times[0] < times[-1] < "2024-05-01"


def test_no_junk_is_of_the_day_of_the_commit_or_later(many):
    """The commits are of May 1."""
    shapes = (
        r"\b(?P<year>20\d\d)-(?P<month>\d\d)-(?P<day>\d\d)",
        r"[_.](?P<year>20\d\d)(?P<month>[01]\d)(?P<day>[0-3]\d)(?=\d{6}|\.)",
        r"_(?P<day>\d\d)_(?P<month>\d\d)_(?P<year>20\d\d)_",
        r"Timestamp=(?P<year>\d{4}),(?P<month>\d\d),(?P<day>\d\d)",
    )
    paths = [path for variant in many[False] for path in variant.junk]
    texts = [text for _, text in contents(many[False], lambda variant: variant.junk)]
    for shape in shapes:
        found = {
            "{year}-{month}-{day}".format(**match.groupdict())
            for text in (*paths, *texts)
            for match in re.finditer(shape, text)
        }
        assert found, shape
        assert min(found) >= "2026-04-01"
        assert max(found) < "2026-05-01"


def with_line(path, line):
    return (
        f"diff --git a/{path} b/{path}\nindex 1..2 100644\n--- a/{path}\n+++ b/{path}\n"
        f"@@ -1,2 +1,3 @@\n one\n+{line}\n two\n"
    )


@pytest.mark.parametrize(
    ("path", "line", "name"),
    [
        ("src/app.py", "def load_rows(path):", "load_rows"),
        ("src/app.py", "class Rows:", "Rows"),
        ("web/ui.ts", "export async function loadRows(path) {", "loadRows"),
        ("src/rows.rs", "pub(crate) struct Rows {", "Rows"),
        ("rows/rows.go", "type Rows struct {", "Rows"),
    ],
)
def test_a_new_test_is_of_what_its_file_defines(curated, path, line, name):
    def found(line):
        diff = with_line(path, line)
        rows = variants(curated, 60, paths=(path, "b.txt", "c.txt"), diff=diff)
        texts = contents([row for _, row in rows], lambda variant: variant.decoys)
        return [text for path, text in texts if re.search(r"\btest|test\b|_test", path)]

    assert all(name in text for text in found(line))
    assert found(line)
    # A method is no name of its file, and go runs no test of Testrows.
    assert not found(f"    {line}")
    assert not (path.endswith(".go") and found(line.lower()))


@pytest.mark.parametrize(
    ("kind", "takes_code", "takes_tests"),
    [
        *((kind, True, True) for kind in ("feat", "fix", "perf", "refactor")),
        ("test", False, True),
        *((kind, False, False) for kind in ("docs", "style", "build", "ci", "chore")),
    ],
)
def test_new_files_join_commits_of_their_sort(curated, kind, takes_code, takes_tests):
    paths = ("README.md", "src/app.py", "tests/test_app.py", "tests/test_ui.py")
    commit = PlannedCommit(files=paths, type=kind, subject="mend")
    joined = {
        path
        for _, variant in variants(
            curated, 80, paths=paths, plan=Plan(commits=(commit,))
        )
        for path in {*variant.label.plan.commits[0].files} - {*paths}
    }
    tests = {path for path in joined if "tests/" in path}
    assert bool(tests) is takes_tests
    assert bool(joined - tests) is takes_code


def test_a_text_has_the_format_of_its_file(many):
    formats = {
        r"callgrind\.out": r"# callgrind format\n",
        r"cachegrind\.out": r"desc: I1 cache:",
        r"\.tsbuildinfo$": r'(?s)(?!.*"\./[^"]+\.(?!ts|tsx|d\.ts)[a-zA-Z]+")',
        r"\.phpunit\.": r'\{"version":\d,"defects":',
        r"\.php.cs": r'\{"php":"8',
        r"package_config\.json$": r'\{\n  "configVersion": 2',
        r"tfstate": r'\{\n  "version": 4',
    }
    texts = contents(many[False], lambda variant: variant.junk)
    for shape, start in formats.items():
        found = [text for path, text in texts if re.search(shape, path)]
        assert found, shape
        assert all(re.match(start, text) for text in found), shape


@pytest.mark.parametrize(
    ("path", "command"),
    [("src/app.py", "pytest"), ("x.go", "go test ./..."), ("a.md", "./run-tests.sh")],
)
def test_nothing_is_made_where_nobody_has_make(curated, path, command):
    rows = [row for _, row in variants(curated, 150, paths=(path,))]
    texts = [text for _, text in contents(rows, lambda variant: variant.junk)]
    assert not any(re.search(r"\bmake( test|:)", text) for text in texts)
    assert any(command in text for text in texts)


def test_a_line_of_a_record_names_each_thing_once():
    words = {"identifier": ["run", "stop"], "source": ["a.c"], "stem": "a"}
    words |= {"area": "a", "eol": "\n"}
    text = Writer(words, Random(1), NOW, False).text("CALLGRIND")
    assert sorted(re.findall(r"fn=(\w+)", text)) == ["run", "stop"]


def test_new_and_small_is_no_sure_sign_of_junk(many):
    def small(field):
        return sum(
            text.count("\n") <= 12
            for _, text in contents(many[False], lambda v: getattr(v, field))
        )

    junk, real = small("junk"), small("decoys")
    assert junk / (junk + real) < 0.6
    added = sum(len(variant.junk) for variant in many[False])
    assert junk / added < 0.5


def test_secrets_look_as_curate_leaves_real_ones(many):
    shown = [
        text
        for path, text in contents(many[False], lambda variant: variant.junk)
        if ignored(SECRETS, [path])
    ]
    assert sum("<secret:" in text for text in shown) > 0.9 * len(shown) > 20
    for text in shown:
        patch = "\n" + "".join(f"+{line}\n" for line in text.split("\n"))
        assert redact_texts([patch]).texts == (patch,)


def test_no_usual_pattern_matches_files_that_projects_keep():
    kept = ("core.rs", "core.py", "core/mod.rs", "src/core.test.ts", "build/index.ts")
    kept += ("bin/tool", "bin/cli.js", "build.rs", "target.py", "logs.md", "env.py")
    kept += (".env.example", ".vscode/settings.json", ".vscode/extensions.json")
    kept += ("tags/index.html", "src/tags/a.py", "env/setup.sh", "vendor/a.go")
    kept += ("package.json", "src/report.json", "docs/copy.md", "test/spec/a_spec.rb")
    assert not ignored(usual_patterns(), kept)


@pytest.mark.parametrize(("year", "has"), [(2015, False), (2026, True)])
def test_no_junk_is_older_than_its_tool(curated, year, has):
    rows = variants(curated, 150, committed_at=f"{year}-05-01T10:00:00+00:00")
    junk = {path for _, row in rows for path in row.junk}
    assert bool(ignored([".aider*", ".ruff_cache/"], junk)) is has
    assert any(f".cpython-3{14 if has else 3}.pyc" in path for path in junk)


def test_a_language_of_a_few_files_among_many_leaves_nothing(curated):
    paths = [f"src/{n}.ts" for n in range(60)]
    around = Surroundings([curated(paths=("tests/x.py", *paths))])
    for _, variant in variants(curated, 100, paths=("tests/x.py",), around=around):
        assert not ignored(["*.pyc", ".pytest_cache/", ".venv/"], variant.junk)


def test_what_the_repository_has_in_git_is_neither_hidden_nor_proposed(curated):
    known = ("dist/index.js", "target/keep", "coverage/.gitkeep", "app.log", "a.png")
    known += (".vscode/launch.json", "docs/dump.sql")
    around = Surroundings([curated(paths=(*known, *PATHS))])
    for _, variant in variants(curated, 300, around=around):
        assert not ignored(variant.label.plan.gitignore, known)
        assert not {*known} & {*variant.junk, *variant.decoys}


def test_a_kind_of_a_language_needs_a_file_of_it(curated):
    for _, variant in variants(curated, paths=("docs/a.md",)):
        assert not ignored(
            ["__pycache__/", "node_modules/", "target/", "*.o"], variant.junk
        )
        assert not any(path.endswith((".pyc", ".d", ".test")) for path in variant.junk)


def test_a_kind_of_a_service_needs_a_file_that_shows_it(curated):
    services = [".env*", "*.pid", "*.sqlite3", "dump.sql", "dump.rdb", "docker-*"]
    for _, variant in variants(curated, 100):
        assert not ignored(services, variant.junk + variant.decoys)


@pytest.mark.parametrize(
    ("path", "context", "package"),
    [
        ("a/go-util/x.go", " one", "util"),
        ("a/go-util/v2/x.go", " one", "util"),
        ("cmd/serve/x.go", " one", "main"),
        ("a/util/x.go", " package store", "store"),
        ("a/src/main/java/org/acme/X.java", " one", "org.acme"),
        ("a/X.java", " package org.acme;", "org.acme"),
    ],
)
def test_a_new_file_is_in_the_package_of_its_cause(curated, path, context, package):
    diff = (
        f"diff --git a/{path} b/{path}\nindex 1..2 100644\n--- a/{path}\n+++ b/{path}\n"
        f"@@ -1,3 +1,3 @@\n{context}\n-two = 2\n+two = 3\n three = 3\n"
    )
    paths = (path, "b.txt")
    rows = [row for _, row in variants(curated, 40, paths=paths, diff=diff)]
    texts = contents(rows, lambda variant: variant.decoys)
    found = {re.search(r"^package ([\w.]+)", text) for _, text in texts}
    assert {match[1] for match in found if match} == {package}


def test_a_commit_of_its_own_tells_of_what_its_file_holds(curated):
    around = Surroundings([curated(paths=("Dockerfile", ".env.test"))])
    own = 0
    for parent, variant in variants(curated, 200, paths=("a.txt",), around=around):
        texts = dict(contents([variant], lambda variant: variant.decoys))
        for commit in variant.label.plan.commits[len(parent.label.plan.commits) :]:
            for name in re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", commit.subject):
                own += 1
                assert f"{name}=" in texts[commit.files[0]]
    assert own


def test_names_and_content_are_of_real_files(curated):
    rows = variants(curated, 200, paths=("lib/core/engine.py",))
    texts = [
        patch.path + "".join(hunk.text for hunk in patch.hunks)
        for _, row in rows
        for patch in parse_diff(row.diff)
        if patch.path in row.junk
    ]
    of_file = sum("engine" in text or "lib/" in text for text in texts)
    assert of_file > 0.4 * len(texts)
    assert any("+old acme/app" in text for text in texts)


def test_a_secret_is_flagged_once_and_nothing_else_is(curated):
    flagged = 0
    around = Surroundings([curated(paths=("Dockerfile", *PATHS))])
    for _, variant in variants(curated, 300, around=around):
        commits = variant.label.plan.commits
        first = min(commits, key=lambda commit: min(commit.files))
        remarks = [(issue.path, issue.message) for issue in first.issues]
        assert remarks == [
            (path, REMARK) for path in sorted(ignored(SECRETS, variant.junk))
        ]
        assert not any(commit.issues for commit in commits if commit is not first)
        flagged += bool(remarks)
    assert 5 < flagged < 100


def test_remarks_of_the_label_stay_and_come_first(curated):
    remark = Issue(path="a.py", message="no test")
    commits = tuple(
        PlannedCommit(files=(path,), type="fix", subject="mend", issues=issues)
        for path, issues in (("b.py", ()), ("a.py", (remark,)))
    )
    for _, variant in variants(
        curated, 100, plan=Plan(commits=commits), paths=("b.py", "a.py")
    ):
        assert variant.label.plan.commits[1].issues[0] == remark


def test_git_applies_the_text_of_a_variant(curated, tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    for _, variant in variants(curated, 20):
        texts = [
            patch.text
            for patch in parse_diff(variant.diff)
            if patch.path in variant.junk + variant.decoys and not patch.is_binary
        ]
        if texts:
            subprocess.run(
                ["git", "apply", "--cached", "--check", "-"],
                cwd=tmp_path,
                input="".join(texts).encode(),
                check=True,
            )


def test_the_object_ids_are_gits(curated):
    for _, variant in variants(curated, 20):
        for patch in parse_diff(variant.diff):
            if patch.path in variant.junk and patch.hunks:
                content = "".join(line[1:] for line in patch.hunks[0].lines)
                answer = subprocess.run(
                    ["git", "hash-object", "--stdin"],
                    input=content.encode(),
                    capture_output=True,
                    check=True,
                )
                assert answer.stdout.decode().strip() in patch.text


def test_equal_changes_have_equal_variants_and_the_seed_counts(curated):
    parent = curated(paths=PATHS)
    first = junk_variant(parent, PARAMS)
    assert first == junk_variant(parent, PARAMS)
    others = [
        junk_variant(parent, PARAMS.model_copy(update={"seed": seed})).junk
        for seed in range(8)
    ]
    assert len(set(others)) > 1


def test_what_the_base_ignores_already_does_not_lie_about(curated):
    usual = [".DS_Store", "*.swp", "*~", ".idea/", "*.log", "tmp/"]
    for _, variant in variants(curated, paths=("a.txt",), gitignore=tuple(usual)):
        assert not ignored(usual, variant.junk)


LOOKALIKES = (
    *(".vscode/settings.json", ".env.example", "dist/index.js", "build/lib/a.py"),
    *("notes.log", ".env.local", ".idea/codeStyles/Project.xml", "bin/tool"),
    *("target/main.rs", "tmp/keep.py", "web/app.ts", "fixtures/server.pem"),
)
"""Files that are tracked in real repositories."""


def test_real_files_that_look_like_junk_are_neither_proposed_nor_hidden(curated):
    for _, variant in variants(curated, 300, paths=LOOKALIKES):
        assert not ignored(variant.label.plan.gitignore, LOOKALIKES)
        committed = {p for c in variant.label.plan.commits for p in c.files}
        assert committed == {*LOOKALIKES, *variant.decoys}


def test_beside_real_files_a_narrower_pattern_is_proposed(curated):
    found = set()
    for _, variant in variants(curated, 400, paths=LOOKALIKES):
        found.update(variant.label.plan.gitignore)
    assert {"*.js.map", ".idea/workspace.xml", "*.tmp"} <= found
    assert not {"dist/", ".idea/", "*.pem", "*.log"} & found


def test_a_file_that_was_in_git_only_on_the_way_is_not_hidden(curated):
    passing = OriginalCommit(sha="1", message="x", files=("a.py", "keep.log"))
    for _, variant in variants(curated, 200, paths=("a.py",), commits=(passing,)):
        assert not ignored(variant.label.plan.gitignore, ["keep.log"])


def test_what_the_change_itself_ignores_does_not_lie_about(curated):
    diff = (
        "diff --git a/sub/.gitignore b/sub/.gitignore\nindex 1..2 100644\n"
        "--- a/sub/.gitignore\n+++ b/sub/.gitignore\n@@ -1 +1,3 @@\n # all\n"
        "+*\n+!.gitignore\n"
    )
    paths = ("sub/.gitignore", "sub/a.py")
    for _, variant in variants(curated, 200, paths=paths, diff=diff):
        assert not any(path.startswith("sub/") for path in variant.junk)


def test_what_the_base_takes_back_is_not_junk(curated):
    wanted = (".vscode/*", "!.vscode/launch.json", "!.idea/", "!dist/*.map")
    for _, variant in variants(curated, 300, gitignore=wanted):
        assert not ignored(
            [".vscode/launch.json", ".idea/", "dist/*.map"], variant.junk
        )
        assert not ignored(variant.label.plan.gitignore, [".vscode/launch.json"])


def test_junk_lies_at_the_root_beside_files_and_between(curated):
    rows = variants(curated, 200, paths=("a/b/c/x.py",))
    folders = {path.rpartition("/")[0] for _, row in rows for path in row.junk}
    assert {"", "a", "a/b", "a/b/c"} <= folders


def test_there_is_no_variant_if_everything_is_ignored(curated):
    assert junk_variant(curated(gitignore=("*",)), PARAMS) is None


def test_a_file_that_the_plan_ignores_brings_no_real_one_about(curated):
    commit = PlannedCommit(files=("src/a.py", "src/b.py"), type="fix", subject="mend")
    plan = Plan(commits=(commit,), gitignore=("/gen/",))
    paths = ("gen/c.py", *commit.files)
    rows = [
        junk_variant(curated(head=str(n), paths=paths, plan=plan), PARAMS)
        for n in range(40)
    ]
    decoys = [path for row in rows for path in row.decoys]
    assert any(path.startswith("src/") for path in decoys)
    assert not any(path.startswith("gen/") for path in decoys)


def test_there_is_no_variant_of_deletions_alone(curated):
    row = curated(paths=("a.py",))
    gone = row.files[0].model_copy(update={"status": "D"})
    row = row.model_copy(update={"files": (gone,)})
    assert junk_variant(row, PARAMS) is None


def test_content_is_cut_at_line_feeds_only(curated):
    old = "a\x0bb\u2028c\r"
    diff = (
        "diff --git a/a.py b/a.py\nindex 1..2 100644\n--- a/a.py\n+++ b/a.py\n"
        f"@@ -1,2 +1 @@\n-{old}\n-second\n+new\n"
    )
    copies = 0
    for _, variant in variants(curated, 200, paths=("a.py",), diff=diff):
        for patch in parse_diff(variant.diff):
            is_copy = not patch.path.endswith((".rej", ".patch", ".diff"))
            if patch.path in variant.junk and is_copy and "+second\n" in patch.text:
                assert f" @@\n+{old}\n+second\n" in patch.text
                copies += 1
    assert copies


@pytest.mark.parametrize("path", ["größe.py", "with space.py", 'quo"te.py'])
def test_no_name_is_made_of_a_path_that_git_would_quote(curated, path):
    assert junk_variant(curated(paths=(path,)), PARAMS) is None


def test_a_scoped_package_has_junk_too(curated):
    rows = variants(curated, 100, paths=("@acme/cli/src/a+b.ts",))
    assert any(path.startswith("@acme/cli/") for _, row in rows for path in row.junk)
