"""Where an address leads, as far as it says itself."""

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def is_loopback(base_url: str) -> bool:
    """Tell whether what is sent there stays on this machine."""
    return urlsplit(base_url).hostname in LOOPBACK


def needs_proxy(base_url: str) -> bool:
    """Tell if the environment names a proxy, which cannot reach this machine."""
    parts = urlsplit(base_url)
    is_named = parts.scheme in getproxies() or "all" in getproxies()
    return is_named and not is_loopback(base_url) and not proxy_bypass(parts.netloc)
