import pytest

from diffscribe.doors.endpoint import is_loopback, proxy_to


@pytest.mark.parametrize(
    ("url", "variables", "proxy"),
    [
        ("https://api.example.com/v1", {}, None),
        ("https://api.example.com/v1", {"https_proxy": "http://p:1"}, "http://p:1"),
        ("https://api.example.com/v1", {"all_proxy": "http://p:1"}, "http://p:1"),
        (
            "https://api.example.com/v1",
            {"https_proxy": "http://p:1", "all_proxy": "http://q:1"},
            "http://p:1",
        ),
        ("https://api.example.com/v1", {"http_proxy": "http://p:1"}, None),
        (
            "https://api.example.com/v1",
            {"all_proxy": "http://p:1", "no_proxy": "example.com"},
            None,
        ),
        ("http://127.0.0.1:80/v1", {"http_proxy": "http://p:1"}, None),
        ("http://localhost:80/v1", {"all_proxy": "http://p:1"}, None),
        ("http://[::1]:80/v1", {"all_proxy": "http://p:1"}, None),
    ],
)
def test_a_proxy_of_the_environment_is_for_others_than_this_machine(
    url, variables, proxy, monkeypatch
):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert proxy_to(url) == proxy


@pytest.mark.parametrize(
    ("url", "is_here"),
    [
        ("http://localhost:8080/v1", True),
        ("http://127.0.0.1/v1", True),
        ("http://[::1]:80/v1", True),
        ("http://localhost.example.com/v1", False),
        ("http://127.0.0.1@example.com/v1", False),
        ("localhost", False),
    ],
)
def test_only_what_surely_stays_here_is_loopback(url, is_here):
    assert is_loopback(url) == is_here
