"""Which names of files stand for keys and passwords."""

import pytest

from diffscribe.propose.private_files import is_private


@pytest.mark.parametrize(
    "path",
    [
        *(".env", "app/.env.local", ".env~", ".envrc", "prod.env", ".aws/credentials"),
        *("id_rsa", "keys/id_ed25519.bak", "server.PEM", "tls.key", ".pypirc"),
        *("google/service-account-1.json", "secrets.yaml", "terraform.tfstate"),
    ],
)
def test_files_of_keys_are_known_by_their_names(path):
    assert is_private(path)


@pytest.mark.parametrize(
    "path",
    [
        *(".env.example", ".env.sample", "example.env", "id_rsa.pub", "environment.py"),
        *("keys.py", "docs/credentials.md", "src/env.ts", "public.key.md"),
    ],
)
def test_files_that_show_how_they_look_are_not(path):
    assert not is_private(path)
