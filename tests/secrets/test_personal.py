import pytest

from diffscribe.secrets.personal import strip_trailers
from diffscribe.secrets.scan import find_secrets


def emails(text):
    return [value.decode() for value in find_secrets(text.encode())]


@pytest.mark.parametrize(
    "text",
    [
        'author = "Jane Roe <jane.roe@corp.io>"',
        '"email": "jane.roe@corp.io",',
        "mailto:jane.roe@corp.io",
        "* thanks to jane.roe@corp.io.",
        "+jane.roe@corp.io",
    ],
)
def test_the_address_of_a_person_is_found(text):
    assert emails(text.replace("+", " ")) == ["jane.roe@corp.io"]


@pytest.mark.parametrize(
    "text",
    [
        "jane@example.com",
        "jane@mail.example",
        "jane@app.test",
        "12+jane@users.noreply.github.com",
        "noreply@corp.io",
        "security@corp.io",
        "git@github.com:acme/app.git",
        "ssh://jane@git.corp.io/app",
        "https://jane@git.corp.io/app",
        '"@types/node@20.1.0"',
        "icon@2x.png",
        "getty@tty1.service",
        "a @ b.T",
        "user@host",
        "actions/checkout@v4.example",
        "lodash@4.17.21",
        "aes256-gcm@openssh.com",
        "jane@your-domain.com",
    ],
)
def test_examples_roles_logins_and_packages_are_no_people(text):
    assert emails(text) == []


def test_trailers_that_name_people_go_and_others_stay():
    message = (
        "fix(io): close the file\n\nIt leaked.\n\nFixes: #12\n"
        "Signed-off-by: Jane Roe <jane@corp.io>\n"
        "Co-authored-by: Max Moe <max@corp.io>\nCc: stable\n"
        "BREAKING CHANGE: none\n"
    )
    assert strip_trailers(message) == (
        "fix(io): close the file\n\nIt leaked.\n\nFixes: #12\nBREAKING CHANGE: none",
        3,
    )


def test_a_message_without_trailers_is_left_as_it_is():
    message = "fix: say who it is by: the author\n\nbody \n\n"
    assert strip_trailers(message) == (message, 0)


def test_long_lines_of_hyphens_cost_no_backtracking(seconds):
    assert seconds(strip_trailers, "a-" * 2**19) < 2
    assert seconds(strip_trailers, " " * 2**20) < 2
    assert seconds(strip_trailers, "\n" * 2**20) < 2
