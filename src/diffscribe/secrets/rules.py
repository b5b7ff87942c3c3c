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
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import product
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
MIN_WORD_ENTROPY = 2.0
MIN_PART_CHARS = 4
MIN_PHONE_DIGITS, MAX_PHONE_DIGITS = 9, 15
MIN_PAIRS = 9
MAX_KNOWN_SHARE = 0.5
"""Of pairs of letters; 1 in 100 words has fewer known ones, 98 in 100 drawn ones."""
MIN_NAMED_SHARE = 0.7
"""1 in 10,000 drawn texts of base62 has as many known ones, names in code have."""
MIN_KEY_CHARS = 40
"""Base64 in a private key: Ed25519 has 64 characters, a filler in examples fewer."""
MIN_KEY_SHARE = 0.4
"""Share of base64 in the text between the marks of a private key."""


class Rule(NamedTuple):
    """One pattern of a kind of secret."""

    kind: str
    pattern: bytes
    """Its group is the secret, or without any the whole match; if it is unset, none."""
    gate: bytes
    """What every match holds; the pattern is tried on a text that holds it."""
    near: bytes
    """What is on the first line of a match of a few lines; empty if that is unknown."""
    is_real: Callable[[str], bool]
    """Whether a match is a secret, not an example or a variable's name."""
    family: str = "secret"

    def placeholder(self, number: int) -> str:
        """Return the text that replaces the secret of this number in a row."""
        return f"<{self.family}:{self.kind}:{number}>"


class Span(NamedTuple):
    """The place of a private key's body, between its marks."""

    start: int
    end: int


def find_secrets(text: bytes) -> dict[bytes, Rule]:
    """Return the distinct secrets of a text, each with the first rule that finds it.

    A token that is split over literals is returned in its parts.
    """
    found = _search(text)
    for line in _windows(_suspect(), text):
        for value, rule in _search(_undisguised(line)).items():
            if value in text:
                found.setdefault(value, rule)
    for lines in _windows(_join(), text):
        parts = _join().split(lines)
        whole = b"".join(parts)
        for value, rule in _search(whole).items():
            if rule.is_real is is_token and value not in lines:
                for part in _parts_of(value, whole, parts):
                    found.setdefault(part, rule)
    return found


def _parts_of(value: bytes, whole: bytes, parts: list[bytes]) -> Iterator[bytes]:
    """Yield what the parts of a whole hold of a value in it, unless that is short."""
    start, stop = whole.index(value), whole.index(value) + len(value)
    at = 0
    for part in parts:
        piece = part[max(0, start - at) : max(0, stop - at)]
        if len(piece) >= MIN_PART_CHARS:
            yield piece
        at += len(part)


def _undisguised(text: bytes) -> bytes:
    """Return a text with plain letters and spaces for those that look like them."""
    shown = text.decode("utf-8", "replace").translate(_letters())
    return unicodedata.normalize("NFKC", shown).encode("utf-8", "replace")


def _search(text: bytes) -> dict[bytes, Rule]:
    found: dict[bytes, Rule] = {}
    automaton, gates = _scanner()
    searches: list[tuple[int, list[bytes]]] = []
    for number in automaton.Match(text) or ():
        near, indices = gates[number]
        parts = list(_windows(near, text)) if near else [text]
        searches += [(index, parts) for index in indices]
    for index, parts in sorted(searches):
        rule, pattern = load_rules()[index], _patterns()[index]
        for match in (each for part in parts for each in pattern.finditer(part)):
            groups = match.groups() or (match[0],)
            value = next((each for each in groups if each), b"")
            if value in found or not value or not rule.is_real(value.decode("latin-1")):
                continue
            if not _is_like(match[0].decode("latin-1"), *_AROUND.get(rule.is_real, ())):
                found[value] = rule
    return found


def _windows(near: Any, text: bytes) -> Iterator[bytes]:
    """Yield the lines that hold something, each with the lines below it."""
    start = stop = line_end = 0
    for match in near.finditer(text):
        if match.start() < line_end:
            continue
        begin = text.rfind(b"\n", line_end, match.start()) + 1 or line_end
        if begin > stop:
            if stop:
                yield text[start:stop]
            start = begin
        line_end = stop = text.find(b"\n", match.end()) + 1 or len(text)
        for _ in range(LINES_BELOW):
            stop = text.find(b"\n", stop) + 1 or len(text)
    if stop:
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
        and not _is_named(value)
        and not _is_like(value, "example", "template", "code", "place")
    )


def _is_named(value: str) -> bool:
    """Tell a name in code, made of words and numbers, from what was drawn."""
    known, pairs = _known_pairs(value)
    return (
        pairs >= MIN_PAIRS
        and known / pairs >= MIN_NAMED_SHARE
        and _NAME.fullmatch(value) is not None
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


def is_given_password(value: str) -> bool:
    """Tell a password from a word, a variable and a dummy where one is given.

    A symbol counts as much as a digit, three words and a number are a phrase, so is a
    word and a year, and letters alone count if a generator drew them.
    """
    if len(value) < MIN_PASSWORD_CHARS or _is_like(
        value, "example", "variable", "place"
    ):
        return False
    kinds = [bool(kind.search(value)) for kind in _KINDS]
    letters, digits, symbols = any(kinds[:2]), kinds[2], kinds[3]
    is_drawn = has_drawn_letters(value) or bool(_SCRAMBLED.fullmatch(value))
    if _is_like(value, "dummy" if all(kinds) else "fixture"):
        return False
    if not letters or (not is_drawn and _is_like(value, "code")):
        return False
    if digits:
        is_phrase = bool(_PHRASE.fullmatch(value))
        return symbols or is_drawn or is_phrase or is_password(value)
    return is_drawn or (symbols and all(kinds[:2]))


def has_drawn_letters(value: str) -> bool:
    """Tell letters that a generator drew from those of words, in any case."""
    known, pairs = _known_pairs(value)
    return pairs >= MIN_PAIRS and known / pairs < MAX_KNOWN_SHARE


def _known_pairs(value: str) -> tuple[int, int]:
    """Return how many pairs of letters are in the table, and how many there are.

    Letters beyond ASCII are of languages that the table does not know.
    """
    small = value.lower()
    pairs = [small[at : at + 2] for at in range(len(small) - 1)]
    pairs = [each for each in pairs if each.isascii() and each.isalpha()]
    return sum(each in _pairs() for each in pairs), len(pairs)


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


def is_remote_login(value: str) -> bool:
    """Tell the password of a login elsewhere, also a word, from an example's."""
    return entropy(value) >= MIN_WORD_ENTROPY and not _is_like(
        value, "example", "fixture", "variable"
    )


def is_wrapped(value: str) -> bool:
    """Tell whether this is base64 of something with a token or a login in it."""
    found = _search(_from_base64(value))
    return any(rule.is_real in (is_token, is_login) for rule in found.values())


def is_kubernetes_secret(value: str) -> bool:
    """Tell whether this is base64 of a text, and of none that is public."""
    text = _from_base64(value).decode("ascii", "replace").strip()
    return (
        len(text) >= MIN_PASSWORD_CHARS
        and "\ufffd" not in text
        and all(char.isprintable() or char.isspace() for char in text)
        and "BEGIN CERT" not in text
        and not _is_like(text, "example", "variable")
    )


def _from_base64(value: str) -> bytes:
    """Return what base64 or base64url holds, also without its padding."""
    plain = value.rstrip("=").replace("-", "+").replace("_", "/")
    if len(plain) % 4 == 1:
        plain = plain[:-1]
    return base64.b64decode(plain + "=" * (-len(plain) % 4))


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
    name, host = _AT.split(address.lower())[-2:]
    return not (
        name in harmless["roles"].split()
        or "noreply" in name
        or "no-reply" in name
        or "[bot]" in name
        or host.rpartition(".")[2] in harmless["suffixes"].split()
        or _is_like(host, "hosts")
    )


def is_home(folder: str) -> bool:
    """Tell the folder of a person from those of systems, images and examples."""
    harmless = _data()["harmless"]
    name = re.split(r"[/\\\\]", folder)[-1].lower()
    return (
        name not in (harmless["users"] + harmless["roles"]).split()
        and not name.startswith((".", "user"))
        and not _is_like(name, "example", "dummy")
    )


def is_account(number: str) -> bool:
    """Tell an account's number by its checksum; repetition is an example."""
    plain = re.sub("[ -]", "", number)
    if plain[0].isalpha():
        moved = plain[4:] + plain[:4]
        return int("".join(str(int(each, 36)) for each in moved)) % 97 == 1
    doubled = (int(each) * (1 + at % 2) for at, each in enumerate(reversed(plain)))
    return (
        sum(each // 10 + each % 10 for each in doubled) % 10 == 0
        and entropy(plain) >= MIN_VENDOR_ENTROPY
    )


def is_phone(number: str) -> bool:
    """Tell a phone's number from an offset, a sum and a made-up one."""
    digits = re.sub("[^0-9]", "", number)
    return (
        MIN_PHONE_DIGITS <= len(digits) <= MAX_PHONE_DIGITS
        and entropy(digits) >= MIN_WORD_ENTROPY
        and not _is_like(digits, "example", "fiction")
    )


DEMANDS = {
    "token": is_token,
    "login": is_login,
    "remote_login": is_remote_login,
    "wrapped": is_wrapped,
    "kubernetes": is_kubernetes_secret,
    "basic_auth": is_basic_auth,
    "password": is_given_password,
    "random": is_random,
    "person": is_person,
    "home": is_home,
    "account": is_account,
    "phone": is_phone,
}
"""What a match has to look like, by the sections of rules.toml in their order."""

PEOPLE = ("person", "home", "account", "phone")
"""Sections whose matches are data of people, not secrets."""

_AROUND: dict[Callable[[str], bool], tuple[str, ...]] = {
    is_remote_login: ("own_machine",),
    is_random: ("public",),
}
"""By demand, what a match as a whole must not be like."""

_CHANGE = re.compile(r"(?=[a-z][A-Z0-9]|[A-Z][0-9]|[0-9][A-Za-z])")

_NAME = re.compile(r"(?=.*[g-zG-Z])[A-Za-z_](?:[A-Za-z_]|[0-9](?![a-z]))*")
_AT = re.compile(r"@|\\u0040|%40|&#64;")
_KINDS = [
    re.compile(each) for each in ("[a-z]", "[A-Z]", "[0-9]", r"[!#$%&()*+,:;=?@^~]")
]
_PHRASE = re.compile(
    r"[A-Za-z]+(?:[-_.+][A-Za-z]+){2,}[-_.+]?[0-9]+|[A-Z][a-z]+[-_.]?[0-9]{4}"
)
_SCRAMBLED = re.compile(
    r"(?!.*[A-Za-z]{5})(?=.*[0-9])(?=.*[a-z])(?=.*[A-Z])(?=.*[^\w.-]).{12,}"
)
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
            _expand(pattern),
            _expand(gate),
            _expand(near),
            is_real,
            "personal" if section in PEOPLE else "secret",
        )
        for section, is_real in DEMANDS.items()
        for kind, entry in _data()[section].items()
        for pattern, gate, near in _spell_out(kind, entry)
    )


def _data() -> dict[str, Any]:
    return read_table("secrets", "rules.toml")


def _spell_out(
    kind: str, entry: str | list[str] | dict[str, Any]
) -> Iterator[tuple[str, str, str]]:
    """Yield what an entry of rules.toml searches, its gate, and what is near."""
    if isinstance(entry, dict) and "marks" in entry:
        marks = "|".join(map(re.escape, sorted(_in_base64(entry["marks"].split()))))
        yield f"[\\w+/-]*(?:{marks})[\\w+/-]+={{0,2}}", marks, ""
        return
    if isinstance(entry, dict):
        for place in entry["places"]:
            name = entry["beside"]
            pattern = _data()["places"][place].replace("{NAME}", name)
            gate = _data()["gates"].get(kind) or f"(?i){name}"
            yield pattern, gate, f"(?i){name}{{NEAR}}"
        return
    for pattern in [entry] if isinstance(entry, str) else entry:
        gate = _data()["gates"].get(kind) or pattern.partition("{BESIDE}")[0]
        yield pattern, gate, ""


def _in_base64(marks: Iterable[str]) -> set[str]:
    """Return what base64 has for marks that begin at any byte."""
    found = set()
    for mark, before in product(marks, range(3)):
        size = (before + len(mark)) * 8 // 6
        text = base64.b64encode(b"-" * before + mark.encode()).decode()
        found.add(text[before + (before > 0) : size])
    return found


_FRAGMENT = re.compile(r"\{([A-Z][A-Z0-9_]*)\}")


def _expand(pattern: str) -> bytes:
    """Return a pattern with each `{NAME}` replaced by the fragment it names."""
    fragments = _data()["fragments"]
    while _FRAGMENT.search(pattern):
        pattern = _FRAGMENT.sub(lambda each: fragments[each[1]], pattern)
    return pattern.encode()


@cache
def _scanner() -> tuple[Any, tuple[tuple[Any, list[int]], ...]]:
    """Return the automaton that tells which gates occur, and the rules behind each.

    What these are searched near comes first. The automaton does not count repetitions:
    one that does has a state for each, and building states takes ten times as long as
    walking through them.
    """
    behind: dict[tuple[bytes, bytes], list[int]] = {}
    for index, rule in enumerate(load_rules()):
        behind.setdefault((rule.gate, rule.near), []).append(index)
    automaton = re2.Set.SearchSet(_options())
    for gate, _ in behind:
        automaton.Add(_COUNT.sub(lambda n: b"+" if int(n[1]) else b"*", gate))
    automaton.Compile()
    return automaton, tuple(
        (compile_linear(near) if near else None, indices)
        for (_, near), indices in behind.items()
    )


@cache
def _patterns() -> tuple[Any, ...]:
    return tuple(compile_linear(rule.pattern) for rule in load_rules())


_COUNT = re.compile(rb"\{([0-9]+)(?:,[0-9]*)?\}")


@cache
def _key_patterns() -> tuple[Any, ...]:
    patterns = _data()["private_key"]["pattern"]
    return tuple(compile_linear(_expand(each)) for each in patterns)


@cache
def _key_marks() -> Any:
    return compile_linear(_data()["private_key"]["marks"].encode())


@cache
def _suspect() -> Any:
    return compile_linear(_data()["disguises"]["suspect"].encode())


@cache
def _join() -> Any:
    return compile_linear(_data()["disguises"]["join"].encode())


@cache
def _letters() -> dict[int, str | None]:
    disguises = _data()["disguises"]
    unseen = dict.fromkeys(map(ord, disguises["unseen"]))
    return unseen | {ord(each): plain for each, plain in disguises["letters"].split()}


@cache
def _harmless() -> dict[str, Any]:
    return {
        name: re2.compile(pattern)
        for name, pattern in _data()["harmless"].items()
        if name not in ("roles", "suffixes", "users", "pairs")
    }


@cache
def _pairs() -> frozenset[str]:
    return frozenset(_data()["harmless"]["pairs"].split())


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
