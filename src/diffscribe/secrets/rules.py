"""Find secrets, private keys and people in a text, by the rules of rules.toml.

One RE2 automaton of all patterns tells which of them occur, at hundreds of MB/s; only
those are then searched. RE2 never backtracks, so a hostile line costs as much as any
other of its length. A match counts if it meets the demand that its section of
rules.toml names: an entropy, digits, and no likeness to an example or to code.
"""

import base64
import binascii
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

import re2

from diffscribe.core.files import read_table

LINES_BELOW = 4
"""Between a name and its value, as in Terraform's variables."""
AUTOMATON_BYTES = 64 << 20
"""Memory an automaton may take; RE2 starts it anew beyond."""
PRIVATE_KEY = "private_key"
TRAILER = "trailer"

MIN_TOKEN_CHARS = 16
MIN_PASSWORD_CHARS = 8
MIN_TOKEN_ENTROPY = 3.0
MIN_VENDOR_ENTROPY = 2.5
"""Bits per character; 32 random hex digits have 3.6, one repeated letter has 0."""
MIN_CHANGES = 0.2
"""Changes among small letters, capitals and digits per character; English has few."""
MIN_KEY_CHARS = 40
"""Base64 in a private key: Ed25519 has 64 characters, a filler in examples fewer."""
MIN_KEY_SHARE = 0.4
"""Share of base64 in the text between the marks of a private key."""


class Rule(NamedTuple):
    """One pattern of a kind of secret."""

    kind: str
    pattern: bytes
    """Its group is the secret; without a group, the whole match is."""
    is_real: Callable[[str], bool]
    """Whether a match is a secret, not an example or a variable's name."""
    gate: bytes
    """What every match holds; the pattern is tried on a text that holds it."""
    is_local: bool
    """Whether a match begins on the line of its gate, and ends a few lines below."""
    family: str = "secret"

    def placeholder(self, number: int) -> str:
        """Return the text that replaces the secret of this number in a row."""
        return f"<{self.family}:{self.kind}:{number}>"


class Span(NamedTuple):
    """The place of a private key's body, between its marks."""

    start: int
    end: int


def find_secrets(text: bytes) -> dict[bytes, Rule]:
    """Return the distinct secrets of a text, each with the first rule that finds it."""
    found: dict[bytes, Rule] = {}
    automaton, patterns = _scanner()
    windows: dict[bytes, list[bytes]] = {}
    for index in sorted(automaton.Match(text) or ()):
        rule, pattern, gate = load_rules()[index], *patterns[index]
        if gate and rule.gate not in windows:
            windows[rule.gate] = list(_windows(gate, text))
        for part in windows[rule.gate] if gate else [text]:
            for match in pattern.finditer(part):
                value = next((each for each in match.groups() if each), match[0])
                if value not in found and rule.is_real(value.decode("latin-1")):
                    found[value] = rule
    return found


def _windows(gate: Any, text: bytes) -> Iterator[bytes]:
    """Yield the lines that hold a gate, each with the lines below it."""
    start = stop = line_end = 0
    for match in gate.finditer(text):
        if match.start() < line_end:
            continue
        begin = text.rfind(b"\n", line_end, match.start()) + 1 or line_end
        if begin > stop:
            yield text[start:stop]
            start = begin
        line_end = stop = text.find(b"\n", match.end()) + 1 or len(text)
        for _ in range(LINES_BELOW):
            stop = text.find(b"\n", stop) + 1 or len(text)
    yield text[start:stop]


def find_private_keys(text: bytes) -> list[Span]:
    """Return the bodies of private keys in order, without overlaps.

    A mark without a key below it, as in code that reads keys, does not count.
    """
    if not _key_marks().search(text):
        return []
    spans = sorted(
        Span(*match.span(1))
        for pattern in _key_patterns()
        for match in pattern.finditer(text)
        if _is_key(match[1])
    )
    merged: list[Span] = []
    for span in spans:
        if not merged or span.start >= merged[-1].end:
            merged.append(span)
        elif span.end > merged[-1].end:
            merged[-1] = Span(merged[-1].start, span.end)
    return merged


def strip_trailers(message: str) -> tuple[str, int]:
    """Return a message without the lines that name people, and the number of them.

    Other trailers stay: `Fixes`, `BREAKING CHANGE`, `Change-Id`.
    """
    kept, trailers = _trailer("pattern").subn("", message)
    return (kept.rstrip() if trailers else message), trailers


def hide_trailers(text: str) -> tuple[str, int]:
    """Return a text with `<personal:trailer>` for who is named behind a diff's sign.

    Or behind an escaped line feed, as in JSON. The number of places is returned too.
    """
    return _trailer("within").subn(
        lambda line: text[line.start() : line.start(1)] + f"<personal:{TRAILER}>", text
    )


def list_kinds() -> tuple[str, ...]:
    """Return the name of every kind that redaction counts, in the order of reports."""
    kinds = (rule.kind for rule in load_rules())
    return tuple(dict.fromkeys([PRIVATE_KEY, *kinds, TRAILER]))


# What a match has to look like.


def entropy(text: str) -> float:
    """Return Shannon's entropy in bits per character; 0 for an empty text."""
    total = len(text)
    return -sum(n / total * math.log2(n / total) for n in Counter(text).values())


def is_token(value: str) -> bool:
    """Tell a vendor's token from the example in its documentation."""
    return entropy(value) >= MIN_VENDOR_ENTROPY and not _is_like(value, "example")


def is_random(value: str) -> bool:
    """Tell what a generator drew from names, paths, code and prose."""
    return bool(
        len(value) >= MIN_TOKEN_CHARS
        and entropy(value) >= MIN_TOKEN_ENTROPY
        and any(char.isdigit() for char in value)
        and (
            len(_CHANGE.findall(value)) / len(value) >= MIN_CHANGES
            or _ONE_CASE.fullmatch(value)
        )
        and not _is_like(value, "example", "template", "code", "place")
    )


def is_password(value: str) -> bool:
    """Tell a password from a word, a variable, a path and a test's dummy.

    Words alone cannot be told from prose, so a password needs a digit among its
    letters, or three digits at its end.
    """
    return (
        len(value) >= MIN_PASSWORD_CHARS
        and any(char.isdigit() for char in value)
        and any(char.isalpha() for char in value)
        and not _is_like(
            value, "example", "template", "fixture", "code", "place", "words"
        )
    )


def is_login(value: str) -> bool:
    """Tell the password of a login from the words that examples have there.

    The place says that it is a password, so words count too, unless they are all in
    small letters: `postgres:postgres` is the default of a test's database.
    """
    return is_password(value) or (
        len(value) >= MIN_PASSWORD_CHARS
        and not value.islower()
        and entropy(value) >= MIN_VENDOR_ENTROPY
        and not _is_like(value, "example", "fixture", "template")
    )


def is_basic_auth(value: str) -> bool:
    """Tell whether this is base64 of a name, a colon and a password."""
    try:
        text = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        return False
    name, _, password = text.partition(":")
    return bool(name) and text.isprintable() and is_login(password)


def is_person(address: str) -> bool:
    """Tell a person's address from a role's, a machine's and an example's."""
    harmless = _data()["harmless"]
    name, _, host = address.lower().replace("\\u0040", "@").rpartition("@")
    return not (
        name in harmless["roles"].split()
        or "noreply" in name
        or "no-reply" in name
        or "[bot]" in name
        or host.rpartition(".")[2] in harmless["suffixes"].split()
        or _is_like(host, "hosts")
    )


DEMANDS = {
    "token": is_token,
    "login": is_login,
    "basic_auth": is_basic_auth,
    "password": is_password,
    "random": is_random,
    "person": is_person,
}
"""What a match has to look like, by the sections of rules.toml in their order."""

_CHANGE = re.compile(r"(?=[a-z][A-Z0-9]|[A-Z][0-9]|[0-9][A-Za-z])")
_ONE_CASE = re.compile(r"(?:[0-9a-z]{32,}|[0-9A-Z]{32,})={0,6}")
_LONG_RUN = re.compile(rb"[0-9A-Za-z/+]{16,}={0,2}")


def _is_like(value: str, *harmless: str) -> bool:
    encoded = value.encode("utf-8", "surrogatepass")
    return any(_harmless()[name].search(encoded) for name in harmless)


def _is_key(body: bytes) -> bool:
    if body.startswith(b"LS0t"):
        # A `=` before the end is no base64, and a decoder would raise.
        head = body[:64].replace(b"=", b"")
        text = base64.b64decode(head[: len(head) // 4 * 4])
        return b"PRIVATE KEY" in text or b"OpenVPN" in text
    chars = sum(len(run) for run in _LONG_RUN.findall(body))
    return chars >= max(MIN_KEY_CHARS, MIN_KEY_SHARE * len(body.strip()))


# Loading and compiling, once and at the first use.


@cache
def load_rules() -> tuple[Rule, ...]:
    """Return the rules in order: a text that two rules claim belongs to the first."""
    return tuple(
        Rule(
            kind,
            pattern.encode(),
            is_real,
            gate.encode(),
            isinstance(entry, dict),
            "personal" if section == "person" else "secret",
        )
        for section, is_real in DEMANDS.items()
        for kind, entry in _data()[section].items()
        for pattern, gate in _patterns(kind, entry)
    )


def _data() -> dict[str, Any]:
    return read_table("secrets", "rules.toml")


def _patterns(
    kind: str, entry: str | list[str] | dict[str, str]
) -> Iterator[tuple[str, str]]:
    """Yield the whole patterns of an entry of rules.toml, each with its gate."""
    if isinstance(entry, dict):
        for place in _data()["places"].values():
            yield (
                _expand(place, {"NAME": entry["beside"]}),
                _expand(f"(?i){entry['beside']}", {}),
            )
        return
    for pattern in [entry] if isinstance(entry, str) else entry:
        gate = _data()["gates"].get(kind) or pattern.partition("{BESIDE}")[0]
        yield _expand(pattern, {}), _expand(gate, {})


_FRAGMENT = re.compile(r"\{([A-Z][A-Z0-9_]*)\}")


def _expand(pattern: str, names: dict[str, str]) -> str:
    """Return a pattern with each `{NAME}` replaced by the fragment it names."""
    fragments = _data()["fragments"] | names
    return _FRAGMENT.sub(lambda each: _expand(fragments[each[1]], names), pattern)


@cache
def _scanner() -> tuple[Any, tuple[tuple[Any, Any], ...]]:
    """Return the automaton that tells which rules may occur, their patterns and gates.

    The automaton does not count repetitions: one that does has a state for each, and
    building states takes ten times as long as walking through them.
    """
    automaton = re2.Set.SearchSet(_options())
    for rule in load_rules():
        automaton.Add(_COUNT.sub(lambda n: b"+" if int(n[1]) else b"*", rule.gate))
    automaton.Compile()
    return automaton, tuple(
        (
            compile_linear(rule.pattern),
            compile_linear(rule.gate) if rule.is_local else None,
        )
        for rule in load_rules()
    )


_COUNT = re.compile(rb"\{([0-9]+)(?:,[0-9]*)?\}")


@cache
def _key_patterns() -> tuple[Any, ...]:
    patterns = _data()["private_key"]["pattern"]
    return tuple(compile_linear(_expand(each, {}).encode()) for each in patterns)


@cache
def _key_marks() -> Any:
    return compile_linear(_data()["private_key"]["marks"].encode())


@cache
def _harmless() -> dict[str, Any]:
    return {
        name: re2.compile(pattern)
        for name, pattern in _data()["harmless"].items()
        if name not in ("roles", "suffixes")
    }


@cache
def _trailer(name: str) -> re.Pattern[str]:
    # Messages may hold lone surrogates, which RE2 cannot read; the patterns are linear.
    return re.compile(_data()["trailers"][name])


def compile_linear(pattern: bytes) -> Any:
    """Return a compiled pattern over bytes, with the interface of `re`."""
    return re2.compile(pattern, _options())


def _options() -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = AUTOMATON_BYTES
    options.log_errors = False
    return options
