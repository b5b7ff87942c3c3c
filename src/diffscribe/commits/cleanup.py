"""Clean the commit messages of a history of what a diff cannot show.

Issue numbers, tickets, trailers, addresses and marks name things outside of the
change; a model that learns them invents them.
"""

import re
import textwrap

from diffscribe.commits.grammar import CLOSING, Header, parse_header, split_message
from diffscribe.commits.words import words

_STANDARDS = """
    AES ANSI ARM AVX BASE BLAKE CP CRC CVE CWE ECMA ES FIPS GB GPT HTTP IEC IEEE IPV
    ISO LATIN MD PEP PKCS RFC RSA SHA SSE TLS TOP UTF WIN
"""
"""What looks like a ticket but names a standard: UTF-8, RFC-9110."""
_ISSUE_URL = (
    r"https?://[^\s()]{0,300}/(?:issues?|pull|pulls|merge_requests|browse|commit|tickets?)"
    r"/[^\s()]{0,300}[\w/]"
)
_EMAIL = r"(?<![\w.+-])<?[\w.+-]+@[A-Za-z][\w.-]{0,250}\.[A-Za-z]{2,}>?"
_REFERENCE = (
    rf"(?:{_ISSUE_URL}|{_EMAIL}"
    r"|(?:(?<![\w&.-])[\w.-]{1,100}/[\w.-]{1,100}|(?<![\w&])(?:GH|gh)?)#[1-9]\d*\b"
    rf"|(?<![\w/.-])(?!(?:{'|'.join(_STANDARDS.split())})-)"
    r"[A-Z][A-Z0-9]{1,9}-[1-9]\d*\b(?!\.\d)"
    r"|(?:(?i:commit)\s+)?\b(?=\d*[a-f])(?=[a-f]*\d)[0-9a-f]{7,40}\b)"
)
_LEAD_IN = (
    rf"(?i:\b(?:{CLOSING}|closing|fixing|resolving|addresse?s?|implements|see(?:\s+also)?"
    r"|refs?|references?|relate[sd]\s+to|part\s+of|follow-?up\s+(?:to|for|of|on)"
    r"|(?:as\s+)?(?:described|reported|discussed|mentioned|suggested|requested|noted)"
    r"(?:\s+(?:in|by|at|on))?"
    r"|about|regarding|for|in|of|from|per|via|by|to|on|as|and|with|the|this|issues?|bugs?|tickets?|tasks?"
    r"|prs?|mrs?|(?:pull|merge)\s+requests?|github|jira)(?![\w-]))"
)
_CLAUSE = (
    rf"(?:{_LEAD_IN}(?:\s*:\s*|\s+)){{0,6}}{_REFERENCE}"
    rf"(?:\s*[,;/&]?\s*(?:{_LEAD_IN}\s+){{0,3}}{_REFERENCE})*"
)
_MAX_SUBJECT_CHARS = 1000
"""The rest of a subject is cut: some expressions take time by the square of it, and
no style allows a header that long."""
_REFERS = re.compile(_REFERENCE)
_BRACKETED = re.compile(
    rf"(?<!\s)\s*[(\[][^()\[\]]{{0,200}}{_REFERENCE}[^()\[\]]{{0,200}}[)\]]"
)
_AT_START = re.compile(rf"{_CLAUSE}[\s:,;.\u2013\u2014-]*")
_AT_END = re.compile(rf"(?:^|[\s,;:\u2013\u2014-]+){_CLAUSE}[\s.!]*$")
_ADRIFT = re.compile(
    r"(?i:and|as|because|but|by|for|from|has|in|is|it|of|on|or|so|that|to|was|when"
    r"|where|which|with)\b"
)
_EMOJI = (
    "[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\ufe0e\ufe0f\u200d\u20e3\u2122"
    "\u00a9\u00ae\u2139]"
)
_MARK = re.compile(
    rf"(?:{_EMOJI}|[-*\u2022](?:\s+|(?=[A-Z][a-z]))"
    r"|:[a-z][a-z0-9_+-]*:|\[[^\[\]]+\](?=[\s:\[]):?|\[[^\[\]]+\]$"
    rf"|\(?{_REFERENCE}\)?\s*(?::|-(?=\s))|\b(?i:wip):)\s*"
)
_FINAL_MARK = re.compile(
    rf"\s*(?:{_EMOJI}+|\s:[a-z][a-z0-9_+-]*:"
    r"|\[(?i:(?:skip|no)[ -](?:ci|actions)|ci[ -]skip|wip)\])$"
)
_PLAIN_WORD = re.compile(
    r"[A-Z](?:[a-z]*|[a-z]+(?:-[a-z]+)+|[a-z]+'[a-z]+)(?=[\s,:]|$)"
)


def strip_marks(header: str) -> str:
    """Return a header without the marks before and after its text.

    Marks are emoji and their shortcodes, bullets, `[tags]`, and issues with a
    colon.
    """
    text = " ".join(header[:_MAX_SUBJECT_CHARS].split())
    while match := _MARK.match(text):
        text = text[match.end() :]
    while match := _FINAL_MARK.search(text):
        text = text[: match.start()]
    return text.strip()


def conventional_header(message: str) -> Header | None:
    """Return the header of a message of a history, or None if it is not conventional.

    Marks before and after it do not count.
    """
    return parse_header(strip_marks(split_message(message).header))


def references(text: str) -> list[str]:
    """Return the issues, tickets, commits and addresses that a text names."""
    return [match[0] for match in _REFERS.finditer(text)]


def clean_subject(subject: str) -> str:
    """Return a subject that says only what was changed, or an empty string.

    It is empty if nothing is left, or if a reference was woven into the
    sentence, so that what is left would not be one. The first letter becomes
    small unless the word is a name, an acronym or an identifier.
    """
    text = " ".join(subject[:_MAX_SUBJECT_CHARS].split())
    text = strip_marks(_BRACKETED.sub("", text))
    start = _AT_START.match(text)
    if start is not None:
        text = text[start.end() :]
        if _ADRIFT.match(text):
            return ""
    text = _AT_END.sub("", text)
    if _REFERS.search(text):
        return ""
    text = strip_marks(text).rstrip(" ,;:\u2013\u2014.…。")
    text = text.removesuffix(" -").rstrip()
    word = _PLAIN_WORD.match(text)
    if word is not None and word[0] not in words("proper_nouns"):
        text = text[0].lower() + text[1:]
    return text


_CUT = "\0"
"""Marks a cut; the sentence that holds it is dropped."""
_FENCED = re.compile(
    r"(?<!\s)\s*^[ \t]*(```|~~~).*?(?:^[ \t]*\1[ \t]*$|\Z)", re.M | re.S
)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.S)
_NOISE_LINE = re.compile(
    r"\s*(?:[A-Z][A-Za-z]*(?:-[a-z]+)*-(?:by|on|to|from|with): "
    r"|(?:Change-Id|Cc|CC|git-svn-id|PiperOrigin-RevId|Differential Revision|BUG|TBR): "
    r"|\(cherry picked from |This reverts commit |Conflicts:$|#{1,6} |[-*] \[[ xX]\]"
    r"|[-=_*]{3,}\s*$|Squashed commit of|\* commit '|---$)"
)
_WRAP = textwrap.TextWrapper(72, break_long_words=False, break_on_hyphens=False)
_MAX_LINE_CHARS = 100
"""A longer line is a paragraph that its author did not wrap."""
_LIST_ITEM = re.compile(r"\s*(?:[-*•+]|\d{1,2}[.)])\s")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'`(\0])")


def clean_body(body: str) -> str:
    """Return a body as plain paragraphs and lists, or an empty string.

    A sentence or list item that refers to something outside of the change is
    dropped whole; a paragraph that lost one is wrapped anew, at 72 columns.
    Fenced blocks go together with the sentence that announces them.
    """
    text = _COMMENT.sub("", body.replace("\r\n", "\n").replace(_CUT, ""))
    text = _FENCED.sub(lambda match: _cut_after(text[: match.start()]), text)
    lines = [each.rstrip() for each in text.split("\n") if not _NOISE_LINE.match(each)]
    paragraphs = re.split(r"\n{2,}", "\n".join(lines).strip("\n"))
    cleaned = [kept for each in paragraphs if (kept := _clean_paragraph(each))]
    while cleaned and cleaned[-1].endswith(":"):
        cleaned.pop()
    return wrap_long_lines("\n\n".join(cleaned), _MAX_LINE_CHARS)


def wrap_long_lines(body: str, max_chars: int) -> str:
    """Return a body whose lines over a length are wrapped, at 72 columns or less."""
    lines = body.split("\n")
    return "\n".join(
        textwrap.fill(
            line,
            min(max_chars, 72),
            subsequent_indent="  " if _LIST_ITEM.match(line) else "",
            break_long_words=False,
            break_on_hyphens=False,
        )
        if len(line) > max_chars
        else line
        for line in lines
    )


def _cut_after(before: str) -> str:
    return f" {_CUT}\n\n" if before.rstrip().endswith(":") else "\n\n"


def _clean_paragraph(paragraph: str) -> str:
    units = [_clean_unit(unit) for unit in _units(paragraph)]
    return "\n".join(unit for unit in units if unit)


def _units(paragraph: str) -> list[str]:
    """Take a paragraph apart into its list items and the prose between them."""
    units: list[list[str]] = []
    for line in paragraph.split("\n"):
        if not units or _LIST_ITEM.match(line):
            units.append([line])
        else:
            units[-1].append(line)
    return ["\n".join(unit) for unit in units]


def _clean_unit(unit: str) -> str:
    text = _BRACKETED.sub("", unit)
    if _is_whole(text):
        return text
    if _LIST_ITEM.match(text):
        return ""
    sentences = _SENTENCE_END.split(" ".join(text.split()))
    return _WRAP.fill(" ".join(filter(_is_whole, sentences)))


def _is_whole(text: str) -> bool:
    return _CUT not in text and not _REFERS.search(text)
