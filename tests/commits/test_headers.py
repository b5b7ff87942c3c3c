import pytest
from tests.support.growth import assert_linear

from diffscribe.commits.grammar import Header
from diffscribe.commits.headers import (
    LooseHeader,
    conventional_header,
    read_header,
    shown_scope,
)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        # Other words for a type.
        ("feature(api): add a valve", ("feat", "api", False, "add a valve")),
        ("bugfix(api)!: close it", ("fix", "api", True, "close it")),
        ("Tests: close it", ("test", None, False, "close it")),
        ("deps!: drop it", ("chore", None, True, "drop it")),
        ("dx(core): allow it", ("feat", "core", False, "allow it")),
        ("feat/fix: add a valve", ("feat", None, False, "add a valve")),
        # Blanks, colons and marks out of place.
        ("feat\uff1aadd it", ("feat", None, False, "add it")),
        ("feat:\u00a0add it", ("feat", None, False, "add it")),
        ("feat (api) : add it", ("feat", "api", False, "add it")),
        ("fix(api):add it", ("fix", "api", False, "add it")),
        ("feat!(api): drop it", ("feat", "api", True, "drop it")),
        ("feat(api):: add it", ("feat", "api", False, "add it")),
        ("feat(api): ! drop it", ("feat", "api", True, "drop it")),
        ("feat\uff08api\uff09\uff01\uff1adrop it", ("feat", "api", True, "drop it")),
        ("## fix: close it", ("fix", None, False, "close it")),
        ("`fix: close it`", ("fix", None, False, "close it")),
        ("1.2.3: fix: close it", ("fix", None, False, "close it")),
        ("fix: v1.2.3-rc.1 - close it", ("fix", None, False, "close it")),
        # Scopes of all kinds.
        ("fix(app/[slug]): close it", ("fix", "app/[slug]", False, "close it")),
        ("fix(get(x)): close it", ("fix", "get(x)", False, "close it")),
        ("fix(a, b): close it", ("fix", "a, b", False, "close it")),
        ("feat(@acme/ui): add it", ("feat", "@acme/ui", False, "add it")),
        # Emoji.
        ("\U0001f389 feat(a.md): add it", ("feat", "a.md", False, "add it")),
        ("chore: :hammer: add it", ("chore", None, False, "add it")),
        ("\u2728(parser): add it", ("feat", "parser", False, "add it")),
        ("\u2728 Add it", ("feat", None, False, "Add it")),
        (":bug: close it", ("fix", None, False, "close it")),
        ("\U0001f41b docs: tell it", ("docs", None, False, "tell it")),
        ("\U0001f4a5 feat: drop it", ("feat", None, True, "drop it")),
        ("feat: :boom: drop it", ("feat", None, True, "drop it")),
        # Tags.
        ("[Docs] Tell it", ("docs", None, False, "Tell it")),
        ("[api][Tests] Close it", ("test", None, False, "Close it")),
        ("[docs] fix: close it", ("fix", None, False, "close it")),
        (":bug: [docs] close it", ("fix", None, False, "close it")),
        # A type twice, and the text of a merged pull request.
        ("fix: feat: add it", ("fix", None, False, "add it")),
        ("chore: fix(api)!: close it", ("chore", "api", True, "close it")),
        (
            "Merge pull request #3 from a/b\n\nfeat: add it",
            ("feat", None, False, "add it"),
        ),
        ("Merge commit from fork\n\nfix: close it", ("fix", None, False, "close it")),
    ],
)
def test_a_type_is_read_however_it_is_written(message, expected):
    assert conventional_header(message) == Header(*expected)


@pytest.mark.parametrize(
    ("text", "areas", "subject"),
    [
        ("net/http: close it", ("net/http",), "close it"),
        ("repo: open: close it", ("repo", "open"), "close it"),
        ("exp init: close it", ("exp init",), "close it"),
        ("Fix tail: close it", ("tail",), "Fix close it"),
        ("[api] Close it", ("api",), "Close it"),
        ("[no-wait][v2] Close it", ("no-wait", "v2"), "Close it"),
        ("Valve: close it", ("Valve",), "close it"),
        ("Note: close it", (), "Note: close it"),
        ("add this: that", (), "add this: that"),
        ("use std::move", (), "use std::move"),
        ("Close it", (), "Close it"),
        ("", (), ""),
    ],
)
def test_an_area_is_taken_from_a_header_without_a_type(text, areas, subject):
    found = read_header(text, ("src/valve.c",))
    assert found == LooseHeader(None, None, False, subject, areas)


def test_an_area_behind_a_type_is_taken_from_the_subject():
    found = read_header("fix: renderer: close it", ())
    assert (found.type, found.subject, found.areas) == (
        "fix",
        "close it",
        ("renderer",),
    )


@pytest.mark.parametrize(
    ("scopes", "paths", "expected"),
    [
        (("api",), ("src/api/a.py",), "api"),
        (("API",), ("src/api.py",), "API"),
        (("core",), ("packages/runtime-core/a.ts",), "core"),
        (("runtime-core",), ("packages/runtimeCore.ts",), "runtime-core"),
        (("plugins",), ("plugin/a.go",), "plugins"),
        (("@acme/ui",), ("acme/ui/a.ts",), "@acme/ui"),
        (("api",), ("src/rapid.py",), None),
        (("web-api",), ("web/a.py", "api/a.py"), None),
        (("a, b",), ("b/x.py",), "b"),
        (("db", "api"), ("api/x.py",), "api"),
        (("deps",), ("package.json", "yarn.lock"), "deps"),
        (("deps",), ("src/a.py",), None),
        (("x" * 40,), (f"{'x' * 40}/a",), None),
        (("get(x)",), ("get/x.py",), None),
        (("*",), ("a",), None),
        ((), ("a",), None),
    ],
)
def test_a_scope_is_shown_if_its_words_stand_in_one_path(scopes, paths, expected):
    assert shown_scope(scopes, paths) == expected


@pytest.mark.parametrize(
    "piece", ["a/", "(", "[a]", "a ", "a: ", "!", ":", "a(", "\u2728"]
)
@pytest.mark.parametrize("head", ["", "fix("])
def test_a_hostile_header_takes_time_by_its_length(head, piece):
    def read(size):
        text = (head + piece * size)[:size]
        read_header(text, (text, "a/b"))

    assert_linear(read, 15_000)
