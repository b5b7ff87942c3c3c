"""The tokens of a sample as a page: what is learned, and what is special."""

import html
from collections.abc import Sequence
from typing import Any, NamedTuple

from diffscribe.review.page import whole_page


class Token(NamedTuple):
    """A token of a sample as training sees it."""

    id: int
    text: str
    is_learned: bool
    """Whether the loss is computed on it."""
    is_special: bool
    """Whether it is one of the tokenizer's special tokens, which no text contains."""


_NAMED = {"\n": "↵\n", "\r": "\\r", "\t": "\\t"}
_MOST_BYTES = 4
"""A letter has at most four bytes in UTF-8, so at most four tokens share one."""


def tokens_of(tokenizer: Any, masked: Sequence[tuple[int, bool]]) -> list[Token]:
    """Return ids with their mask as tokens.

    A letter that several tokens share stands in the last of them; the others are `…`.
    """
    added = tokenizer.added_tokens_decoder.items()
    special = {id_ for id_, token in added if token.special}
    tokens = []
    pending: list[int] = []
    for id_, is_learned in masked:
        pending.append(id_)
        text = tokenizer.decode(pending)
        if "\N{REPLACEMENT CHARACTER}" in text and len(pending) < _MOST_BYTES:
            text = "…"
        else:
            pending = []
        tokens.append(Token(id_, text, is_learned, id_ in special))
    return tokens


def counted(tokens: Sequence[Token]) -> str:
    """Return how many tokens there are, in one line."""
    learned = sum(token.is_learned for token in tokens)
    special = sum(token.is_special for token in tokens)
    return (
        f"{len(tokens)} tokens: {len(tokens) - learned} of the prompt, {learned} "
        f"learned; {special} of all are special"
    )


def tokens_page(title: str, tokens: Sequence[Token]) -> str:
    """Return the page; title is plain text, and no script runs."""
    legend = (
        '<span class="token prompt">the prompt</span>, on which there is no loss, '
        '<span class="token learned">what is learned</span>, '
        '<span class="token special">a special token</span>; ↵ is a line feed, and the '
        "number of a token is shown where the pointer rests."
    )
    pieces = "".join(map(_span, tokens))
    body = (
        f"<h1>Tokens</h1>\n<p>{html.escape(title)}</p>\n<p>{counted(tokens)}.</p>\n"
        f'<p>{legend}</p>\n<pre class="tokens">{pieces}</pre>'
    )
    return whole_page("Tokens", body)


def _span(token: Token) -> str:
    kind = "learned" if token.is_learned else "prompt"
    kind += " special" * token.is_special
    text = html.escape("".join(map(_visible, token.text)))
    return f'<span class="token {kind}" title="{token.id}">{text}</span>'


def _visible(letter: str) -> str:
    if letter.isprintable():
        return letter
    return _NAMED.get(letter, f"U+{ord(letter):04X}")
