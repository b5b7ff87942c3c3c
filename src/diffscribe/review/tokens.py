"""The tokens of a sample as a page or a text: what is learned, and what is special."""

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
    pieces = "".join(
        f'<span class="token {_classes(token)}" title="{token.id}">'
        f"{html.escape(visible(token.text))}</span>"
        for token in tokens
    )
    body = (
        f"<h1>Tokens</h1>\n<p>{html.escape(title)}</p>\n<p>{counted(tokens)}.</p>\n"
        f'<p>{legend}</p>\n<pre class="tokens">{pieces}</pre>'
    )
    return whole_page("Tokens", body)


def tokens_lines(tokens: Sequence[Token]) -> str:
    """Return a line a token for another program: number, kind and text in quotes."""
    return "\n".join(
        f"{token.id}\t{_classes(token)}\t{visible(token.text)!r}" for token in tokens
    )


def tokens_colours(tokens: Sequence[Token]) -> str:
    """Return the sample as one text for a terminal.

    The prompt is grey, what is learned is green, a special token is reversed, and
    every second token is underlined, so that their borders can be seen.
    """
    import click

    return "".join(
        click.style(
            visible(token.text),
            fg="green" if token.is_learned else "bright_black",
            reverse=token.is_special or None,
            underline=at % 2 == 1 or None,
        )
        for at, token in enumerate(tokens)
    )


def visible(text: str) -> str:
    """Return a text in which every letter can be seen; a line feed stays one."""
    return "".join(map(_visible, text))


def _visible(letter: str) -> str:
    if letter == "\n":
        return "↵\n"
    if letter in "\r\t":
        return {"\r": "\\r", "\t": "\\t"}[letter]
    return letter if letter.isprintable() else f"U+{ord(letter):04X}"


def _classes(token: Token) -> str:
    kind = "learned" if token.is_learned else "prompt"
    return f"{kind} special" if token.is_special else kind
