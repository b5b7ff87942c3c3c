import json

import pytest
from tests.support.planned import commit, make_case, plan
from tests.support.rows import make_change, make_labeled, make_sample, patch

from diffscribe.commits.plan import plan_json
from diffscribe.core.errors import InputError, RecordError
from diffscribe.core.records import SplitChange
from diffscribe.eval.case_files import FORMATS, read_case_file

STAT = " docs/a.md    | 2 +-\n src/b c.py   | 1 +\n 2 files changed\n\n"
JOCO = {
    "id": "acme-1a2b3c4d",
    "diff": STAT + patch("docs/a.md", "x") + patch("src/b c.py", "y"),
    "expectedMessage": "docs(guide): add hint",
    "repository": "acme",
    "commitHash": "1a2b3c4d9e",
    "metadata": {"author": "Ann <ann@x.io>"},
}
HARVESTED = {
    "repo_url": "github.com/acme/clockd",
    "branch": "main",
    "base_commit": "a1f0",
    "head_commit": "b7c2",
    "n_commits": 2,
    "diff": patch("clock.py", "x") + patch("tests/test_clock.py", "y"),
    "changed_files": ["clock.py", "tests/test_clock.py", '"caf\\303\\251.py"'],
    "original_commits": [
        {"sha": "b7c2", "subject": "Tick twice", "files": ["clock.py"]},
        {
            "sha": "a9d1",
            "subject": "test!: cover ticks",
            "files": ["tests/test_clock.py", "clock.py", "gone.py"],
        },
    ],
    "existing_gitignore": ["*.pyc"],
    "languages": ["python"],
}
LABELLED = HARVESTED | {
    "noise_injected": True,
    "injected_files": ["Thumbs.db"],
    "changed_files": ["clock.py", "tests/test_clock.py", "Thumbs.db"],
    "label": {
        "commits": [
            {
                "subject": "fix(clock): double tick rate",
                "files": ["clock.py", "tests/test_clock.py"],
                "body": "Set T to 2.",
                "issues": [{"path": "clock.py", "message": "line 2: magic number"}],
            }
        ],
        "gitignore": ["Thumbs.db"],
        "model": "teacher-x",
        "usage": {"prompt_tokens": 900, "completion_tokens": 80, "total_tokens": 980},
    },
}


@pytest.fixture
def read(tmp_path):
    """A function from rows to what is read of a file that holds them."""

    def of(*rows):
        path = tmp_path / "cases.jsonl"
        lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
        path.write_text("".join(f"{line}\n" for line in lines))
        return read_case_file(path)

    return of


def test_a_row_of_joco_is_one_commit_of_the_files_of_its_patch(read):
    form, [case], _ = read(JOCO)
    assert (form, case.id, case.repo, case.task) == (
        *("joco", "acme-1a2b3c4d", "acme", "message"),
    )
    assert case.files == ("docs/a.md", "src/b c.py")
    assert case.languages == ("Markdown", "Python")
    assert case.diff == patch("docs/a.md", "x") + patch("src/b c.py", "y")
    [commit] = case.target.commits
    assert (commit.type, commit.scope, commit.subject) == ("docs", "guide", "add hint")
    assert commit.files == case.files
    assert [(each.sha, each.message) for each in case.originals] == [
        ("1a2b3c4d9e", "docs(guide): add hint")
    ]


def test_a_message_that_is_not_conventional_has_no_type_to_compare(read):
    _, [case], _ = read(JOCO | {"expectedMessage": "Fix the bug: it was mine"})
    [commit] = case.target.commits
    assert (commit.type, commit.subject) == ("", "Fix the bug: it was mine")


def test_a_merge_of_joco_has_the_names_of_its_stat_list(read):
    _, [case], _ = read(JOCO | {"diff": STAT})
    assert case.files == ("docs/a.md", "src/b c.py")
    assert case.diff == STAT


def test_a_diff_that_was_stripped_at_its_end_is_whole_again(read):
    whole = patch("a.py", "x").replace("@@ -1 +1 @@", "@@ -1,3 +1,3 @@") + " \n \n"
    assert read(JOCO | {"diff": whole.rstrip()}).cases[0].files == ("a.py",)


def test_a_harvested_row_has_the_oldest_commit_first_and_each_file_once(read):
    form, [case], _ = read(HARVESTED)
    assert (form, case.task, case.gitignore) == ("git-smart-commit", "plan", ("*.pyc",))
    assert case.id == "github.com/acme/clockd@a1f0..b7c2"
    assert case.files == ("café.py", "clock.py", "tests/test_clock.py")
    assert [(c.type, c.breaking, c.files) for c in case.target.commits] == [
        ("test", True, ("tests/test_clock.py",)),
        ("", False, ("clock.py",)),
    ]
    assert [each.message for each in case.originals] == [
        *("test!: cover ticks", "Tick twice")
    ]


def test_a_labelled_row_has_its_label_as_target_and_its_noise_as_junk(read):
    _, [case], _ = read(LABELLED)
    assert case.junk == ("Thumbs.db",)
    assert case.target.gitignore == ("Thumbs.db",)
    [commit] = case.target.commits
    assert (commit.type, commit.scope) == ("fix", "clock")
    assert (commit.subject, commit.body) == ("double tick rate", "Set T to 2.")
    assert commit.issues[0].message == "line 2: magic number"


QUESTION = "Write a message.\n\n" + patch("src/a.py", "x")


def chat(answer, question=QUESTION):
    turns = [("system", "You write."), ("user", question), ("assistant", answer)]
    return {"messages": [{"role": role, "content": text} for role, text in turns]}


def test_a_chat_is_asked_as_it_stands_and_answered_by_its_last_turn(read):
    form, [case], _ = read(chat("docs: add note"))
    assert (form, case.task, case.files) == ("messages", "message", ("src/a.py",))
    assert [each.role for each in case.prompt] == ["system", "user"]
    assert case.target.commits[0].type == "docs"


def test_a_chat_about_a_plan_is_a_plan_in_either_contract(read):
    ours = plan_json(make_case().target)
    theirs = json.dumps({"commits": LABELLED["label"]["commits"], "gitignore": []})
    one, other = read(chat(ours), chat(theirs)).cases
    assert (one.task, one.files) == ("plan", ("a.py", "b.py", "src/a.py"))
    assert one.target == make_case().target
    assert other.target.commits[0].type == "fix"


def test_a_chat_without_file_names_is_a_message_of_an_unnamed_file(read):
    [case] = read(chat("Rename x to y", "@@ -1 +1 @@\n-x\n+y\n")).cases
    assert case.files == ("(unnamed)",)
    assert case.diff == "@@ -1 +1 @@\n-x\n+y\n"


def test_equal_chats_are_cases_of_their_own(read):
    one, two = read(chat("docs: a"), chat("docs: a")).cases
    assert two.id == f"{one.id}-2"


def test_cases_are_read_as_they_were_written(read):
    case = make_case()
    assert read(case.model_dump_json()).cases == (case,)


def test_a_change_is_a_plan_case_by_its_history_or_its_label(read):
    change = make_change(("feat: one", ["a.py"]), ("Say two", ["b.py"]))
    [case] = read(change.model_dump_json()).cases
    assert [each.type for each in case.target.commits] == ["feat", ""]
    row = make_labeled()
    assert read(row.model_dump_json()).cases[0].target == row.label.plan


def test_samples_find_their_changes_beside_them(tmp_path):
    row = make_labeled().model_copy(update={"private": True})
    change = SplitChange(**dict(row), cluster=row.id, parent_id=None, junk=())
    sample = make_sample(change, prompt=make_case().prompt)
    for folder, record in (("splits", change), ("sft", sample)):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "test.jsonl"
        path.write_text(record.model_dump_json() + "\n")
    [case] = read_case_file(tmp_path / "sft" / "test.jsonl").cases
    assert (case.diff, case.prompt) == (change.diff, sample.prompt)
    assert case.private
    (tmp_path / "splits" / "test.jsonl").unlink()
    with pytest.raises(InputError, match=r"splits/test\.jsonl"):
        read_case_file(tmp_path / "sft" / "test.jsonl")


def test_no_case_holds_a_secret_whatever_its_file_does(read):
    key = "ghp_" + "n6SgXpVnqkZ2cM0YbHwT4rLuE8sJd13aQfPz"
    body = "MIIEowIBAAKCAQEAx7Qf0s9" * 8
    pem = f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----"
    signed = f"docs: add {key}\n\nSigned-off-by: Jane <jane.roe@acme-corp.de>"
    rows = [
        JOCO | {"expectedMessage": signed},
        JOCO | {"id": "b", "diff": patch(f"{key}.py", f"k = '{key}'")},
        JOCO | {"id": "c", "expectedMessage": f"docs: add a key\n\n{pem}"},
    ]
    _, cases, left_out = read(*rows)
    assert (len(cases), left_out) == (2, 1)
    text = "".join(case.model_dump_json() for case in cases)
    assert "<secret:github_token:1>.py" in cases[1].files
    for secret in (key, "jane.roe", "Signed-off-by"):
        assert secret not in text


def test_a_row_of_any_format_can_be_private(read):
    change = make_change(("feat: one", ["a.py"]))
    rows = {
        "diffscribe cases": make_case().model_dump(mode="json"),
        "diffscribe changes (data/*.jsonl, data/splits)": change.model_dump(
            mode="json"
        ),
        "joco": JOCO,
        "git-smart-commit": HARVESTED,
        "messages": chat("docs: add note"),
    }
    # Samples have their changes say so, in the test above.
    assert len(rows) == len(FORMATS) - 1
    for name, row in rows.items():
        form, [case], _ = read(row | {"private": True})
        assert (form, case.private) == (name, True)
        [case] = read(row | {"private": False}).cases
        assert not case.private


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["{"], "cases.jsonl:1: not JSON"),
        (["[1]"], "cases.jsonl:1: not a JSON object; the formats"),
        ([{"x": 1}], r"cases.jsonl:1: its keys \(x\) are of no format; the formats"),
        (
            [JOCO, "", HARVESTED],
            "jsonl:3: has no expectedMessage, id, which the lines above",
        ),
        ([JOCO, JOCO], "cases.jsonl:2: the id acme-1a2b3c4d stands in an earlier"),
        ([JOCO | {"diff": 3}], "cases.jsonl:1: not a case of joco: diff: "),
        ([JOCO | {"diff": " "}], "cases.jsonl:1: .*diff or expectedMessage is empty"),
        ([JOCO | {"diff": JOCO["diff"] + "@@ x"}], "cases.jsonl:1: .*diff:"),
        ([HARVESTED | {"changed_files": []}], "changed_files is empty"),
        ([HARVESTED | {"original_commits": []}], "no original commit touches"),
        ([{"messages": []}], "an assistant's answer"),
        ([], "holds no case"),
        (["", " "], "holds no case"),
    ],
)
def test_a_line_that_does_not_fit_is_named(read, lines, words):
    with pytest.raises(RecordError, match=words):
        read(*lines)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda diff: diff.replace("\n", "\r\n"), "turned its line ends into CR LF"),
        (lambda diff: diff.replace("diff --", "\x1b[1mdiff --"), "it is coloured"),
    ],
)
def test_a_diff_that_a_program_changed_is_told_in_every_format(read, change, words):
    own = make_change(("feat: one", ["a.py"]), diff=HARVESTED["diff"])
    for row in (JOCO, HARVESTED, own.model_dump(mode="json")):
        with pytest.raises(RecordError, match=rf"cases\.jsonl:1: not a case.*{words}"):
            read(row | {"diff": change(row["diff"])})


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.jsonl' cannot be read"):
        read_case_file(tmp_path / "none.jsonl")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"files": [], "target": {"commits": []}}, "target has no commit"),
        ({"junk": ["a.py"], "files": ["a.py"]}, "all of its files are junk"),
        ({"target": {"commits": []}}, "target has no commit"),
        ({"task": "message", "target": {"commits": []}}, "target has no commit"),
        (
            {"target": {"commits": [{"files": [], "type": "fix", "subject": "x"}]}},
            "a commit without files",
        ),
        ({"files": ["b.py"]}, "target has a.py, which is not in files"),
        ({"task": "message", "files": ["b.py"]}, "target has a.py, which is not in"),
        ({"junk": ["b.log"]}, "junk has b.log, which is not in files"),
        ({"files": ["a.py", "b.py", "a.py"]}, "files has a.py twice"),
    ],
)
def test_a_case_that_nothing_can_be_judged_by_is_refused(read, fields, words):
    row = make_case(plan(commit("a.py", "fix"))).model_dump(mode="json")
    with pytest.raises(RecordError, match=rf"cases\.jsonl:2: not a case.*{words}"):
        read(row | {"id": "good"}, row | fields)
