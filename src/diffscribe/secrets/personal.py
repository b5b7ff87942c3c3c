"""E-mail addresses and names of people."""

import re

from diffscribe.secrets.formats import TokenFormat

_ROLES = """
    git hg svn ssh root user username you your yourname name email mail someone somebody
    noreply no-reply donotreply do-not-reply nobody mailer-daemon notifications
    info support security admin administrator help contact hello team sales press abuse
    postmaster webmaster hostmaster privacy legal conduct opensource oss dev developers
    maintainers bot github-actions builds ci test tests tester example foo bar baz
    alice bob
"""
"""Local parts that name no person."""
_PLACES = (
    "(?:your|my|some|any|the)?-?"
    "(?:domain|company|host|site|server|org|mail|email|app|website|provider)"
)
_RESERVED = re.compile(
    r"(?:^|\.)(?:example|test|invalid|localhost|local|internal|lan)$"
    r"|(?:^|\.)example\.(?:com|net|org|edu|io|co|dev)$|(?:^|\.)noreply\."
    rf"|^{_PLACES}\.|^(?:foo|bar|baz|test|acme|abc|xyz|[a-z])\.(?:com|net|org|co|io)$"
    r"|^(?:openssh\.com|libssh\.org)$"
)
"""RFC 2606 and 6761, GitHub's noreply hosts, hosts of examples, names of ciphers."""
_NOT_COUNTRIES = "js ts go cs rb hs ex kt db os vm"
"""Two letters after a dot that are a file's or a variable's, not a country's."""
_DOMAINS = (
    "com|net|org|edu|gov|mil|int|info|biz|name|pro|dev|app|tech|cloud|online|site|xyz"
    "|email|systems|software|solutions|company|agency|network|digital|academy|museum"
    "|zone|world|life|blog|space|studio|design|works|technology|international|social"
    "|[a-z]{2}"
)

TRAILER = "trailer"
_TRAILER = re.compile(
    r"(?im)^[ \t]*(?:(?:[a-z]+(?:-[a-z]+)*-by|cc|thanks-to):[ \t]"
    r"|(?:from|to|author|co-author|committer|patch by):[^\n@]*@).*\n?"
)
"""Lines that name people: Signed-off-by, Co-authored-by, Cc and their like."""


def is_personal(address: str) -> bool:
    """Tell a person's address from a role's, a machine's and an example's."""
    name, _, host = address.lower().rpartition("@")
    return not (
        name in _ROLES.split()
        or "noreply" in name
        or "no-reply" in name
        or "[bot]" in name
        or host.rpartition(".")[2] in _NOT_COUNTRIES.split()
        or _RESERVED.search(host)
    )


def strip_trailers(message: str) -> tuple[str, int]:
    """Return a message without the lines that name people, and how many there were.

    Other trailers stay: `Fixes`, `BREAKING CHANGE`, `Change-Id`.
    """
    kept, trailers = _TRAILER.subn("", message)
    return (kept.rstrip() if trailers else message), trailers


PERSONAL_FORMATS = (
    TokenFormat(
        "email",
        rf"(?i)(?:^|[^\w.+/:@%=$}}-]|mailto:)([\w.+-]*\w@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?:{_DOMAINS}))(?:[^\w@-]|$)",
        "RFC 5322 addr-spec under a top-level domain in common use",
        is_personal,
        kind="personal",
    ),
)
