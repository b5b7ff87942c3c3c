"""Where an address leads, as far as it says itself."""

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def is_loopback(base_url: str) -> bool:
    """Tell whether what is sent there stays on this machine."""
    return urlsplit(base_url).hostname in LOOPBACK


def proxy_to(base_url: str) -> str | None:
    """Return the proxy that the environment names for an address, or None.

    It cannot reach this machine, so what leads here has none.
    """
    parts = urlsplit(base_url)
    if is_loopback(base_url) or proxy_bypass(parts.netloc):
        return None
    proxies = getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")
