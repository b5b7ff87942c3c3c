"""Clean the commit messages of a history of what a diff cannot show.

Issue numbers, tickets, trailers, addresses and marks name things outside of the
change; a model that learns them invents them.
"""

import re
import textwrap

from diffscribe.commits.grammar import CLOSING
from diffscribe.commits.words import (
    MAX_MATCHED_CHARS,
    content_words,
    specific_words,
    words,
)

_STANDARDS = """
    ADR AES ANSI ARM ARMV AVX BASE BLAKE C CP CRC CSS CUDA CVE CWE E2E EC ECMA ES EUC
    FIPS GB GPT GTK H HTML HTTP IEC IEEE IPV ISO JSON KOI LATIN LTS MD MP OAUTH PCI PEP
    PHP PKCS PSR PY QT RFC RSA RUSTSEC SHA SM SQL SSE TLS TLSV TOP UCS USB UTF WIN X XML
"""
"""What looks like a ticket but names a standard: UTF-8, RFC-9110."""
_ISSUE_URL = (
    r"https?://[^\s()]{0,300}/(?:issues?|pull|pulls|merge_requests|browse|commit|tickets?)"
    r"/[^\s()]{0,300}[\w/]"
)
_EMAIL = r"(?<![\w.+-])<?[\w.+-]+@[A-Za-z][\w.-]{0,250}\.[A-Za-z]{2,}>?"
_REFERENCE = (
    rf"(?:{_ISSUE_URL}|{_EMAIL}"
    r"|(?<![\w.-])gh-[1-9]\d*\b"
    r"|(?:(?<![\w&.-])[\w.-]{1,100}/[\w.-]{1,100}|(?<![\w&])(?:GH|gh)?)#[1-9]\d*\b"
    rf"|(?<![\w/.-])(?!(?:{'|'.join(_STANDARDS.split())})-)"
    r"[A-Z][A-Z0-9]{1,9}-[1-9]\d*\b(?!\.\d)"
    r"|(?:(?i:commit)\s+)?(?<![\w.+-])(?=\d*[a-f])(?=[a-f]*\d)[0-9a-f]{7,40}\b)"
)
_LEAD_IN = (
    rf"(?i:\b(?:{CLOSING}|closing|fixing|resolving|addresse?s?|implements|see(?:\s+also)?"
    r"|refs?|references?|relate[sd]\s+to|part\s+of"
    r"|follow(?:ing)?[ -]?up(?:\s+(?:to|for|of|on))?"
    r"|(?:as\s+)?(?:described|reported|discussed|mentioned|suggested|requested|noted)"
    r"(?:\s+(?:in|by|at|on))?"
    r"|about|regarding|for|in|of|from|per|via|by|to|on|as|and|with|the|this|issues?|bugs?|tickets?|tasks?"
    r"|prs?|mrs?|(?:pull|merge)\s+requests?|github|jira)(?![\w-]))"
)
_CLAUSE = (
    rf"(?:{_LEAD_IN}(?:\s*:\s*|\s+)){{0,6}}{_REFERENCE}"
    rf"(?:\s*[,;/&]?\s*(?:{_LEAD_IN}\s+){{0,3}}{_REFERENCE})*"
)
_REFERS = re.compile(_REFERENCE)
_BRACKETED = re.compile(
    rf"(?<!\s)\s*[(\[][^()\[\]]{{0,200}}{_REFERENCE}[^()\[\]]{{0,200}}[)\]]"
)
_AT_START = re.compile(rf"{_CLAUSE}[\s:,;.\u2013\u2014-]*")
_AT_END = re.compile(
    rf"(?:^|(?<![\s,;:\u2013\u2014-])[\s,;:\u2013\u2014-]+){_CLAUSE}[\s.!]*$"
)
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
    r"|#{1,6}\s+|[vV]?\d+(?:\.\d+){1,4}[\w.+-]{0,20}(?::|\s-)\s"
    r"|:[a-z][a-z0-9_+-]*:|\[[^\[\]]+\](?=[\s:\[]):?|\[[^\[\]]+\]$"
    rf"|\(?{_REFERENCE}\)?\s*(?::|-(?=\s))|\b(?i:wip):)\s*"
)
_FINAL_MARK = re.compile(
    rf"(?<!\s)\s*(?:(?<!{_EMOJI}){_EMOJI}+|\s:[a-z][a-z0-9_+-]*:"
    r"|\[(?i:(?:skip|no)[ -](?:ci|actions)|ci[ -]skip|wip)\])$"
)
_PLAIN_WORD = re.compile(
    r"[A-Z](?:[a-z]*|[a-z]+(?:-[a-z]+)+|[a-z]+'[a-z]+)(?=[\s,:]|$)"
)


UNSEEN = (
    "\\x00-\\x08\\x0e-\\x1f\\x7f-\\x84\\x86-\\x9f\\xad\\u061c\\u180e\\u200b\\u200e\\u200f"
    "\\u202a-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\U000e0000-\\U000e0fff"
)
"""Characters of control, direction and no width: git refuses one, no one sees any."""
_UNSEEN = re.compile(rf"\x1b\[[0-?]{{0,40}}[ -/]{{0,9}}[@-~]|[{UNSEEN}]")


def visible_text(message: str) -> str:
    """Return a message without colours and characters that no one sees."""
    lines = message.replace("\r\n", "\n").replace("\r", "\n")
    return _UNSEEN.sub("", lines)


def clean_header(header: str) -> str:
    """Return a header with single blanks, cut where no style allows more."""
    return " ".join(header[:MAX_MATCHED_CHARS].split())


def strip_marks(header: str, *, ends: bool = True) -> str:
    """Return a header without the marks before its text and, if `ends`, after it.

    Marks are emoji and their shortcodes, bullets, `[tags]`, and issues with a
    colon.
    """
    text = clean_header(header)
    while match := _MARK.match(text):
        text = text[match.end() :]
    while ends and (match := _FINAL_MARK.search(text)):
        text = text[: match.start()]
    return text.strip() if ends else text


def references(text: str) -> list[str]:
    """Return the issues, tickets, commits and addresses that a text names."""
    return [match[0] for match in _REFERS.finditer(text)]


_LINK = re.compile(r"\[([^\[\]]{1,200})\]\(https?://[^()\s]{0,300}\)")
_OPEN_END = re.compile(
    r"(?i:\b(?:a|about|after|against|also|and|around|as|at|because|before|between|but"
    r"|by|due|during|for|from|if|in|into|like|of|on|onto|or|over|per|regarding|since"
    r"|than|that|the|through|to|under|until|via|when|where|while|with|within|without))$"
)
"""Words that want another one behind them, which went with a reference."""


_POINTS_BACK = re.compile(
    r"(?i:\b(?:added|better|caused?|causes|changes|described|explained|exposed|feedback"
    r"|introduced|mentioned|reported|suggested))$"
)
"""Words before a reference that say nothing without it: `fix a bug introduced`."""


def is_cut(header: str) -> bool:
    """Tell a header that a host cut, as in `call the ser… (#12)`."""
    text = strip_marks(_BRACKETED.sub("", clean_header(header)))
    return text.endswith(("...", "\u2026")) and not text.endswith("/...")


def clean_subject(subject: str) -> str:
    """Return a subject that says only what was changed, or an empty string.

    It is empty if nothing specific is left, or if a reference was woven into the
    sentence, so that what is left would not be one. The first letter becomes
    small unless the word is a name, an acronym or an identifier.
    """
    given = _LINK.sub(r"\1", clean_header(subject))
    text = strip_marks(_BRACKETED.sub("", given))
    start = _AT_START.match(text)
    if start is not None:
        text = text[start.end() :]
        if _ADRIFT.match(text):
            return ""
    whole, text = text, _AT_END.sub("", text)
    if text != whole and _POINTS_BACK.search(text):
        return ""
    if _REFERS.search(text):
        return ""
    text = strip_marks(text).rstrip(" ,;:\u2013\u2014.…。")
    text = text.removesuffix(" -").rstrip()
    if _REFERS.search(given) and (_OPEN_END.search(text) or not specific_words(text)):
        return ""
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
_DETAILS = re.compile(r"<details\b.*?(?:</details>|\Z)", re.S | re.I)
_TOOL = (
    r"(?i:\W{0,9}(?:this [a-z ]{1,30} (?:was|were|is|are|has been) )?"
    r"(?:(?:generated|created|written|made|assisted|authored|built)[ -]"
    r"(?:with|by|using|via):? |co-?authored[- ]by: ?)"
    r"[^\n]{0,80}?\b(?:ai|aider|amp|chatgpt"
    r"|claude|cline|codex|copilot|cursor|devin|gemini|gpt[\w.-]*|jules|llm|opencode"
    r"|windsurf)\b)"
)
"""What tools that write code leave in a message."""
_DIFF = re.compile(
    r"^(?:diff --|@@ -\d|--- a/|# -{5,} >8 -{5,}|Squashed commit of).*", re.M | re.S
)
"""From here on there is a diff, or a log of other commits."""
_LINK_LINE = r"[ \t]*(?:[-*] )?(?:\[[^\]\n]{0,200}\]\()?https?://\S+$"
_NOISE_LINE = re.compile(
    rf"\s*(?:{_TOOL}|(?!BREAKING)[A-Z][A-Za-z]{{0,30}}(?:-[A-Za-z]{{1,30}}){{1,5}}: "
    r"|(?:(?:Reviewed|Tested|Acked|Approved|Suggested|Reported) [Bb]y|Author|Date"
    r"|Reviewers|Subscribers|Test Plan|Prompt): |See merge request "
    r"|commit [0-9a-f]{40}$"
    r"|</?[a-z]{1,12}\b[^>]{0,200}>$|\[(?:skip|no)[ -]ci\]$|\*\*\*NO_CI\*\*\*$"
    r"|(?:Change-Id|Cc|CC|git-svn-id|PiperOrigin-RevId|Differential Revision|BUG|TBR): "
    r"|\(cherry picked from |This reverts commit |Conflicts:$|#|[-*] \[[ xX]\]"
    rf"|[-=_*]{{3,}}\s*$|\* commit '|---$)|{_LINK_LINE}"
)
_NOISE = {
    _UNSEEN: "characters that no one sees",
    re.compile(r"^#", re.M): "a line that begins with #, which git takes for a comment",
    _DIFF: "lines of a diff or a log",
    re.compile(rf"^{_TOOL}", re.M): "what a tool says of itself",
    re.compile(r"<!--|</?(?:details|summary|img|br|p|a)(?=[\s/>])", re.I): "HTML",
    re.compile(r"^[ \t]*[-*] \[[ xX]\]|^See merge request ", re.M): "what hosts add",
    re.compile(rf"^{_LINK_LINE}", re.M): "a line that is a link",
}


def noise_in(message: str) -> str | None:
    """Return what a message holds that is no text about its change, in words."""
    found = (words for form, words in _NOISE.items() if form.search(message))
    return next(found, None)


_WRAP = textwrap.TextWrapper(72, break_long_words=False, break_on_hyphens=False)
_MAX_LINE_CHARS = 100
"""A longer line is a paragraph that its author did not wrap."""
_LIST_ITEM = re.compile(r"\s*(?:[-*•+]|\d{1,2}[.)])\s")
_LIST_LINE = re.compile(r"^[^\S\n]*(?:[-*•+]|\d{1,2}[.)])\s", re.MULTILINE)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'`(\0])")


def clean_body(body: str) -> str:
    """Return a body as plain paragraphs and lists, or an empty string.

    A sentence or list item that refers to something outside of the change is
    dropped whole; a paragraph that lost one is wrapped anew, at 72 columns.
    Fenced blocks go together with the sentence that announces them.
    """
    text = _COMMENT.sub("", body.replace("\r\n", "\n").replace(_CUT, ""))
    text = _own_sections(_DIFF.sub("", _DETAILS.sub("", text)))
    text = _FENCED.sub(
        lambda match: (
            f" {_CUT}\n\n" if text[: match.start()].rstrip().endswith(":") else "\n\n"
        ),
        text,
    )
    lines = [each.rstrip() for each in text.split("\n") if not _NOISE_LINE.match(each)]
    paragraphs = re.split(r"\n{2,}", "\n".join(lines).strip("\n"))
    cleaned = [kept for each in paragraphs if (kept := _clean_paragraph(each))]
    while cleaned and cleaned[-1].endswith(":"):
        cleaned.pop()
    return wrap_long_lines("\n\n".join(cleaned), _MAX_LINE_CHARS)


_HEADING = re.compile(r"^[^\w\n#]{0,9}#{1,6} +(.*)$|^\*\*([^*]{3,60}?):?\*\*:?$", re.M)
_ABOUT_THE_CHANGE = re.compile(
    r"(?i)\W*(?:summary|description|overview|what|why|motivation|background|context"
    r"|rationale|problem|solution|changes?)\b"
)


def _own_sections(body: str) -> str:
    """Return what stands before the first heading, and below those about the change.

    Templates ask for test plans, check lists and screenshots too, which say nothing
    of it.
    """
    start, kept, is_own = 0, [], True
    for heading in _HEADING.finditer(body):
        kept += [body[start : heading.start()]] * is_own
        is_own = _ABOUT_THE_CHANGE.match(heading[1] or heading[2] or "") is not None
        start = heading.end()
    return "\n\n".join([*kept, *[body[start:]] * is_own]).strip()


_NO_PROSE = re.compile(
    # A list of squashed commits.
    r"^[^\S\n]*(?:\* |[-+•] (?:\[|\w+(?:\(.*\))?!?: ))"
    # Links, people and markup, quotes, tables, logs, and what a removed link leaves.
    r"|https?:|www\.|(?<![\w/])@[a-z]|\[[x ]\]|^[^\S\n]*[>|]|</?\w[^>\n]{0,80}>|!\["
    r"|\(\s*\)|\[\s*\]|^[^\S\n]*(?:Traceback|Error:|\$ |at \S+\()|\b\d{6,}\b"
    # The pull request, its tests and its review.
    r"|\b(?:(?:pull|merge) requests?|patch set|this branch|follow[- ]?up|test plan"
    r"|tested (?:by|with|on)|code review|discuss(?:ed|ion)|as requested|feel free"
    r"|cherry[- ]pick\w*|merge conflicts?|post-processor|release notes"
    r"|lint (?:errors?|fixes)|ci (?:fails?|failure))\b|^[^\S\n]*(?:before|after)\s*:"
    # Talk.
    r"|\b(?:looks like|nice to|previous commit)\b|[!?](?=\s|$)|[:;]-?[()P](?=\s|$)"
    rf"|{_EMOJI}",
    re.IGNORECASE | re.MULTILINE,
)
_BODY_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_STOPS = (".", ":", ";", ")", "`")
"""Prose that ends with none of them is a heading or was cut."""
_SENTENCE = re.compile(r"[A-Z`\"'(]\S*\s+\S+\s+\S")
_MIN_BODY_CHARS = 20
MAX_PROSE_CHARS = 600
"""A longer body is a page of documentation, not the reason of a change."""
_MIN_LETTERS = 0.7
_MIN_NEW_WORDS = 4


def prose_body(body: str, subject: str) -> str:
    """Return a clean body if a person wrote it about the change, else an empty string.

    Prose has whole sentences or a list, names neither people nor pull requests nor
    links, does not say `I` or `we`, and has words of its own beside the subject's.
    """
    if not _MIN_BODY_CHARS <= len(body) <= MAX_PROSE_CHARS or _NO_PROSE.search(body):
        return ""
    said = set(_BODY_WORD.findall(body.lower().replace("\u2019", "'")))
    if not said.isdisjoint(words("chatter")):
        return ""
    if _SENTENCE.match(body) is None and not _LIST_ITEM.match(body):
        return ""
    shown = [char for char in body if not char.isspace()]
    if sum(map(str.isalpha, shown)) < _MIN_LETTERS * len(shown):
        return ""
    if not body.endswith(_STOPS) and not _LIST_LINE.search(body):
        return ""
    new = content_words(body) - content_words(subject)
    return body if len(new) >= _MIN_NEW_WORDS else ""


def short_note(note: str) -> str:
    """Return what a BREAKING CHANGE footer says, without a guide that follows it.

    A note without fenced blocks and links that is no longer than a body stays as it is.
    Of others the first sentence without a link stays.
    """
    if len(note) <= MAX_PROSE_CHARS and not _FENCED.search(note) and "://" not in note:
        return note
    sentences = _SENTENCE_END.split(" ".join(clean_body(note).split()))
    plain = next((each for each in sentences if "://" not in each), "")
    return plain if len(plain) <= MAX_PROSE_CHARS else ""


def wrap_long_lines(body: str, max_chars: int) -> str:
    """Return a body whose lines over a length are wrapped, at 72 columns or less."""
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
        for line in body.split("\n")
    )


def _clean_paragraph(paragraph: str) -> str:
    """Clean its list items and the prose between them, each alone."""
    units: list[str] = []
    for line in paragraph.split("\n"):
        if not units or _LIST_ITEM.match(line):
            units.append(line)
        else:
            units[-1] += f"\n{line}"
    return "\n".join(filter(None, map(_clean_unit, units)))


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
