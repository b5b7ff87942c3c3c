from random import Random

import pytest
from secret_corpus import TOKENS, as_diff, planted, private_key_in_context

from diffscribe.commits.diff import parse_diff
from diffscribe.core.records import Issue, OriginalCommit, Plan, PlannedCommit
from diffscribe.secrets.redact import MAX_SECRET_BYTES, Problem, redact, redact_texts
from diffscribe.secrets.rules import find_private_keys

TOKEN = TOKENS["github_token"](Random(1))
OTHER = TOKENS["github_token"](Random(2))


def shape(diff):
    """Paths, hunk headers and the marks of all lines."""
    return [
        (
            len(patch.header),
            [(hunk.header, [line[0] for line in hunk.lines]) for hunk in patch.hunks],
        )
        for patch in parse_diff(diff)
    ]


def test_a_row_without_secrets_is_the_same_row(labeled):
    row = labeled()
    redacted = redact(row)
    assert redacted.change is row
    assert redacted.problem is None
    assert sum(redacted.counts.values()) == 0


def test_a_secret_has_one_placeholder_everywhere_in_the_row(labeled):
    path = f"conf/{TOKEN}.env"
    commit = PlannedCommit(
        files=(path,),
        type="fix",
        subject=f"drop {TOKEN}",
        body=f"It was {TOKEN}, then {OTHER}.",
        issues=(Issue(path=path, message=f"holds {TOKEN}"),),
    )
    row = labeled(
        plan=Plan(commits=(commit,), gitignore=(f"{TOKEN}.*",)),
        paths=(path,),
        diff=as_diff(f"A={TOKEN}\nB={OTHER}\nC={TOKEN}", path),
        gitignore=(TOKEN,),
        recent_subjects=(f"fix: rotate {TOKEN}",),
        commits=(
            OriginalCommit(sha="1", message="", files=(path,), hunks={path: (1,)}),
        ),
    )
    change, counts, problem = redact(row)
    assert problem is None
    assert counts["github_token"] == 2
    assert TOKEN not in change.model_dump_json()
    assert OTHER not in change.model_dump_json()
    one, two = "<secret:github_token:1>", "<secret:github_token:2>"
    (patch,) = parse_diff(change.diff)
    assert patch.path == f"conf/{one}.env" == change.files[0].path
    lines = (f"+A={one}\n", f"+B={two}\n", f"+C={one}\n")
    assert patch.hunks[0].lines[:3] == lines
    (planned,) = change.label.plan.commits
    assert planned.subject == f"drop {one}"
    assert planned.body == f"It was {one}, then {two}."
    assert planned.issues[0].message == f"holds {one}"
    assert planned.files == change.commits[0].files == (f"conf/{one}.env",)
    assert change.label.plan.gitignore == (f"{one}.*",)
    assert change.gitignore == (one,)
    assert change.recent_subjects == (f"fix: rotate {one}",)
    assert dict(change.commits[0].hunks) == {f"conf/{one}.env": (1,)}


def test_what_its_context_gave_away_is_replaced_without_it_too(labeled):
    diff = as_diff('password = "tR7!vQ2m_Lx9"\nlog("tR7!vQ2m_Lx9")', "a.py")
    change = redact(labeled(diff=diff)).change
    assert change.diff.count("<secret:password:1>") == 2


def test_a_short_secret_is_not_cut_out_of_longer_words(labeled):
    diff = as_diff('password = "kR7vQ2mX"\nsum = "abckR7vQ2mXdef"', "a.py")
    assert "abckR7vQ2mXdef" in redact(labeled(diff=diff)).change.diff


@pytest.mark.slow
def test_of_5000_planted_secrets_99_in_100_are_gone_and_diffs_keep_their_shape(labeled):
    left = 0
    for number, each in enumerate(planted(5000)):
        diff = as_diff(each.text, "src/a.txt", "+- "[number % 3])
        change, _, problem = redact(labeled(diff=diff))
        assert problem is None
        assert shape(change.diff) == shape(diff)
        left += each.secret in change.diff
    assert left <= 50


def test_the_mark_of_a_line_is_no_part_of_a_secret(labeled):
    diff = as_diff("jane.roe@corp.io\n/jane.roe@corp.io", "AUTHORS")
    change = redact(labeled(diff=diff)).change
    assert "\n+<personal:email:1>\n" in change.diff


def test_trailers_go_and_addresses_in_messages_are_replaced(labeled):
    row = labeled(paths=("a.py",))
    message = "fix: it\n\nAsk jane@corp.io.\n\nSigned-off-by: Jane Roe <jane@corp.io>\n"
    row = row.model_copy(
        update={"commits": (row.commits[0].model_copy(update={"message": message}),)}
    )
    change, counts, _ = redact(row)
    assert change.commits[0].message == "fix: it\n\nAsk <personal:email:1>."
    assert (counts["trailer"], counts["email"]) == (1, 1)


def test_a_private_key_is_a_problem_and_only_its_body_goes(labeled):
    for number in range(100):
        text = f"before\n{private_key_in_context(Random(f'key {number}'))}\nafter"
        diff = as_diff(text, "id_rsa")
        change, counts, problem = redact(labeled(diff=diff))
        assert problem is Problem.PRIVATE_KEY
        assert counts["private_key"] >= 1
        assert shape(change.diff) == shape(diff)
        assert find_private_keys(change.diff.encode()) == []
        assert "+before\n" in change.diff
        assert "\n+after\n" in change.diff
        assert "<secret:private_key:1>" in change.diff


def test_a_dump_of_secrets_is_emptied(labeled):
    many = MAX_SECRET_BYTES // len(TOKEN) + 1
    tokens = "\n".join(TOKENS["github_token"](Random(n)) for n in range(many))
    change, _, problem = redact(labeled(diff=as_diff(tokens, "dump.txt")))
    assert problem is Problem.SECRETS_LEFT
    assert change.diff == ""
    assert change.commits[0].message == ""
    assert change.label.plan.commits[0].files == ("", "")
    assert change.id == labeled().id


@pytest.mark.parametrize("text", ["ключ = 1", "\udcff\udcfe", "日本 \u2028 \x85"])
def test_other_scripts_and_broken_bytes_survive(text, labeled):
    diff = as_diff(f"{text}\nt = '{TOKEN}'", "a.py")
    assert redact(labeled(diff=diff)).change.diff == diff.replace(
        TOKEN, "<secret:github_token:1>"
    )


def test_texts_of_a_prompt_share_their_placeholders():
    address = "jane@corp.io"
    texts = [f"+A={TOKEN}\n+B={OTHER}", f"say {OTHER} to {address}", "no secret"]
    one, two = "<secret:github_token:1>", "<secret:github_token:2>"
    redacted = redact_texts(texts)
    assert redacted.texts == (
        f"+A={one}\n+B={two}",
        f"say {two} to <personal:email:1>",
        "no secret",
    )
    assert redacted.replaced == {one: TOKEN, two: OTHER, "<personal:email:1>": address}
    assert redacted.problem is None
    assert redact_texts(redacted.texts).texts == redacted.texts


def test_texts_lose_trailers_and_the_bodies_of_private_keys():
    key = private_key_in_context(Random("key 1"))
    added = "".join(f"+{line}\n" for line in key.split("\n"))
    texts, _, counts, problem = redact_texts(
        [f"Signed-off-by: Jane Roe <jane@corp.io>\n{added}", key]
    )
    assert not any(find_private_keys(text.encode()) for text in texts)
    assert (counts["trailer"], problem) == (1, Problem.PRIVATE_KEY)
    assert all(line.startswith("+") for line in texts[0].split("\n") if line)


NO_NAME = "<personal:trailer>"


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("+Signed-off-by: Jane Roe <jane@corp.io>\n", f"+Signed-off-by: {NO_NAME}\n"),
        ("-  Reviewed-by: Jane Roe\n+x\n", f"-  Reviewed-by: {NO_NAME}\n+x\n"),
        ("+Cc: Jane <jane@corp.io>, x\n", f"+Cc: {NO_NAME}, x\n"),
        (
            r'{"m": "fix\n\nCo-authored-by: Ren\u00e9 <rene\u0040corp.io>\nFixes: 7"}',
            rf'{{"m": "fix\n\nCo-authored-by: {NO_NAME}\nFixes: 7"}}',
        ),
        (r"'fix\n\nAcked-by: J Roe <j@corp.io>')", rf"'fix\n\nAcked-by: {NO_NAME}')"),
        (r'"mail": "jane\u0040corp.io"', '"mail": "<personal:email:1>"'),
        ("+sorted-by: name\n+To: the point\n", None),
        (r'+print("Dear\nFrom: here to there")', None),
        (r"+at = re.compile(r'\u0040media')", None),
    ],
)
def test_people_behind_signs_and_escapes_do_not_leave(text, sent):
    redacted = redact_texts([text])
    assert redacted.texts == (text if sent is None else sent,)
    assert redact_texts(redacted.texts).texts == redacted.texts


def test_the_lines_of_a_diff_that_name_people_stay_in_its_row(labeled):
    diff = as_diff("Signed-off-by: Jane Roe", "a.patch")
    assert redact(labeled(diff=diff)).change.diff == diff


def test_a_dump_in_a_prompt_is_emptied():
    many = MAX_SECRET_BYTES // len(TOKEN) + 1
    dump = "\n".join(TOKENS["github_token"](Random(n)) for n in range(many))
    assert redact_texts([dump, "and more"])[::3] == (("", ""), Problem.SECRETS_LEFT)


@pytest.mark.parametrize("within", ["to\\n{}", "MY_{}", "conf_{}.txt"])
def test_a_short_secret_within_a_word_does_not_leave(within):
    texts = ['+password = "hunter2Xy9"\n', within.format("hunter2Xy9")]
    redacted = redact_texts(texts)
    (placeholder,) = redacted.replaced
    assert redacted.texts[1] == within.format(placeholder)
