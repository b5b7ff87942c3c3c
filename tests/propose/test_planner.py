import json
import subprocess
import sys

import pytest
from tests.support.fault_server import Fault, FaultServer
from tests.support.growth import assert_linear
from tests.support.rows import file_change, make_change, new_patch, patch

from diffscribe.commits.grammar import TYPES, format_header
from diffscribe.commits.units import units_of
from diffscribe.core.errors import ParamsError
from diffscribe.core.records import FileStatus
from diffscribe.propose.draft import GENERATED, draft_problem
from diffscribe.propose.house_style import HouseStyle
from diffscribe.propose.planner import propose
from diffscribe.propose.settings import Settings, read_settings

PATHS = ("src/api/client.py", "tests/api/test_client.py", "docs/setup.md", "go.sum")
NONE = Settings(model="none")


def change_of_paths(paths, **fields):
    files = tuple(file_change(path) for path in sorted(paths))
    diff = "".join(patch(file.path, file.path) for file in files)
    return make_change(("feat: x", list(paths)), files=files, diff=diff, **fields)


def problem_of(proposal, change, types=TYPES):
    return draft_problem(proposal.draft, units_of(change.files, change.diff), types)


def headers(proposal):
    return [format_header(commit) for commit in proposal.draft.plan.commits]


@pytest.fixture
def change():
    return change_of_paths(PATHS, recent_subjects=("fix(api): close the pool",))


def test_without_a_model_subjects_name_files(change):
    proposal = propose(change, NONE)
    commits = proposal.draft.plan.commits
    assert problem_of(proposal, change) is None
    assert proposal.generated == tuple(range(1, len(commits) + 1))
    assert (proposal.made_by, proposal.notes) == (GENERATED, ())
    assert propose(change, NONE) == proposal


def test_what_is_not_installed_is_told(change, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    proposal = propose(change, Settings())
    assert problem_of(proposal, change) is None
    assert "run 'diffscribe model install'" in proposal.notes[0]


def test_junk_goes_to_gitignore_and_all_may_be_junk():
    junk = [file_change("debug.orig", status=FileStatus.ADDED)]
    only = make_change(("x", ["a"]), files=junk, diff=new_patch("debug.orig", "x"))
    proposal = propose(only, Settings())
    assert proposal.draft.plan.commits == () and proposal.notes == ()
    assert problem_of(proposal, only) is None
    assert proposal.draft.plan.gitignore == ("*.orig",)


def test_a_large_change_is_planned_in_parts_that_keep_tests_with_code():
    code = [f"src/{kind}/{kind}_{n}.py" for kind in "abcde" for n in range(50)]
    tests = [f"tests/{kind}/test_{kind}_{n}.py" for kind in "abcde" for n in range(10)]
    change = change_of_paths([*code, *tests])
    proposal = propose(change, NONE)
    assert problem_of(proposal, change) is None
    [note] = proposal.notes
    assert note.startswith("300 files are too many")
    kinds = [
        {path.split("/")[1] for path in commit.files}
        for commit in proposal.draft.plan.commits
    ]
    assert all(len(each) == 1 for each in kinds)


def test_time_does_not_grow_with_the_square_of_the_files():
    def work(files):
        paths = [f"src/{n % 30}/{n // 30}/f{n}.py" for n in range(files)]
        propose(change_of_paths(paths), NONE)

    assert_linear(work, 300)


def test_a_house_has_its_own_types_scopes_and_case(change):
    house = HouseStyle(types=("chore", "feat"), is_capitalised=True)
    proposal = propose(change, NONE.model_copy(update={"house": house}))
    commits = proposal.draft.plan.commits
    assert {commit.type for commit in commits} <= {"chore", "feat"}
    assert all(commit.subject[0].isupper() for commit in commits)
    plain = propose(
        change, NONE.model_copy(update={"house": HouseStyle(message="plain")})
    )
    assert problem_of(plain, change, ("",)) is None


def endpoint(server, **fields):
    return Settings(model=f"{server.base_url}#any", **fields)


def fixed(answers):
    """Return what gives the answers in turn, the last one for ever."""
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


@pytest.mark.parametrize(
    ("answers", "subject"),
    [
        (["feat(api): retry requests"], "retry requests"),
        (["```\nfix: close the pool\n```"], "close the pool"),
        (["<think>hm</think>docs: tell how\n\nBecause."], "tell how"),
        (["Sure! Here it is", "fix: close the pool"], "close the pool"),
        (["fix: " + "x" * 80, "fix: close the pool"], "close the pool"),
        (
            ["wip: y is done", "fix: a\nno blank", "fix: close the pool"],
            "close the pool",
        ),
        (["no message at all"], None),
        ([""], None),
    ],
)
def test_an_answer_that_is_no_message_is_asked_for_again(answers, subject):
    change = change_of_paths(["src/a.py"])
    told = []
    with FaultServer(answer=fixed(answers)) as server:
        proposal = propose(change, endpoint(server), told.append)
    assert problem_of(proposal, change) is None
    assert len(server.received) == (len(answers) if subject else 3)
    [commit] = proposal.draft.plan.commits
    if subject:
        assert (commit.subject, proposal.made_by) == (subject, "any")
        assert (proposal.generated, told) == ((), headers(proposal))
    else:
        assert (proposal.generated, proposal.made_by) == ((1,), GENERATED)
        assert "1 of 1 subjects only name files" in proposal.notes
    for request in server.received[1:]:
        roles = [each["role"] for each in request.body["messages"]]
        assert roles[-2:] == ["assistant", "user"]


def test_what_not_even_names_fit_is_not_asked_about():
    folder = "src/" + "long/" * 60
    change = change_of_paths([f"{folder}{n}/{n}.py" for n in range(59)])
    with FaultServer(answer=fixed(["fix: close the pool"])) as server:
        proposal = propose(change, endpoint(server, prompt="student"))
        asked = len(server.received)
    assert problem_of(proposal, change) is None
    assert asked == len(proposal.draft.plan.commits) - len(proposal.generated)
    assert proposal.generated and proposal.notes[-1].endswith("only name files")


def test_any_failure_leaves_a_plan(change):
    faults = (Fault.RESET, Fault.HTML, Fault.MOVED, Fault.TRUNCATED, Fault.WRONG_JSON)
    for fault in faults:
        with FaultServer(share=1.0, faults=(fault,)) as server:
            proposal = propose(change, endpoint(server))
        assert problem_of(proposal, change) is None, fault
        assert proposal.made_by == GENERATED and proposal.notes, fault
    with FaultServer(latency_s=30) as server:
        proposal = propose(change, endpoint(server, timeout_s=0.3))
    assert problem_of(proposal, change) is None and proposal.notes


def test_other_models_are_told_the_house_the_intent_and_the_history(change):
    house = HouseStyle(types=("fix", "feat"), scopes=("api",))
    with FaultServer(answer=fixed(["fix(api): close the pool"])) as server:
        propose(change, endpoint(server, house=house, intent="stop leaks"))
    system, user = (each["content"] for each in server.received[0].body["messages"])
    assert "types fix, feat; one of the scopes api" in system
    assert "stop leaks" in user and "fix(api): close the pool" in user
    assert "grammar" not in server.received[0].body


def test_a_private_repository_is_asked_about_on_this_machine_alone(change):
    secret = change.model_copy(update={"private": True})
    remote = Settings(model="https://models.example.org/v1#any")
    proposal = propose(secret, remote)
    assert problem_of(proposal, secret) is None
    assert any("marked private" in note for note in proposal.notes)
    with FaultServer(answer=fixed(["fix: close the pool"])) as server:
        assert propose(secret, endpoint(server)).made_by == "any"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"diffscribe.model": "http://127.0.0.1:1/v1"}, "add the model"),
        ({"diffscribe.model": "http://me:key@h/v1#m"}, "diffscribe.model: the URL"),
        ({"diffscribe.timeout": "soon"}, "diffscribe.timeout"),
        ({"diffscribe.candidates": "0"}, "diffscribe.candidates"),
        ({"diffscribe.prompt": "mine"}, "diffscribe.prompt"),
        ({"diffscribe.apikeyvariable": "sk-123"}, "diffscribe.apiKeyVariable"),
    ],
)
def test_settings_that_do_not_fit_are_named(config, words):
    with pytest.raises(ParamsError, match=words) as caught:
        read_settings(config, HouseStyle())
    assert "key@" not in str(caught.value) and "sk-123" not in str(caught.value)


@pytest.mark.slow
def test_a_gguf_is_held_to_a_message_of_the_given_type(
    change, tiny_gguf, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    settings = Settings(
        model=str(tiny_gguf), timeout_s=120, house=HouseStyle(scopes=('we"b', "cli"))
    )
    told = []
    proposal = propose(change, settings, told.append)
    given = propose(change, NONE).draft.plan.commits
    assert problem_of(proposal, change) is None
    for number, commit in enumerate(proposal.draft.plan.commits, 1):
        assert commit.type == given[number - 1].type
        assert commit.scope in (None, 'we"b', "cli")
        is_generated = commit.subject == given[number - 1].subject
        assert is_generated == (number in proposal.generated)
    for path in (tmp_path / "diffscribe").glob("*.sock"):
        path.unlink()


LIGHT = """
import json, sys
from diffscribe.core.records import Change
from diffscribe.propose.planner import propose
from diffscribe.propose.settings import Settings
propose(Change.model_validate_json(sys.stdin.read()), Settings(model=sys.argv[1]))
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_a_plan_imports_nothing_heavy(change):
    heavy = {
        "aiohttp",
        "asyncio",
        "dvc",
        "mlflow",
        "openai",
        "pandas",
        "scipy",
        "sklearn",
    }
    heavy |= {"torch", "transformers", "sacrebleu", "tokenizers", "datasets", "gguf"}
    done = subprocess.run(
        [sys.executable, "-c", LIGHT, "none"],
        input=change.model_dump_json(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert heavy.isdisjoint(json.loads(done.stdout))
