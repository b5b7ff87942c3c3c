"""On a real tokenizer and TRL's own preparation of a sample."""

import pytest
from click.testing import CliRunner
from tests.support.rows import make_sample
from tests.support.tab import EVIL

from diffscribe.commands.main import main
from diffscribe.core.files import read_jsonl, write_jsonl
from diffscribe.core.params import load_params
from diffscribe.core.records import Message, Sample
from diffscribe.doors.model_folder import load_tokenizer
from diffscribe.review.tokens import tokens_of
from diffscribe.train.trainer import masked_ids


def sample(id_, answer="feat: read it\n"):
    prompt = (
        Message(role="system", content="Split the change."),
        Message(role="user", content=f"a.py naïve {EVIL}\u202e"),
    )
    completion = (Message(role="assistant", content=answer),)
    return make_sample(
        id=id_ * 64, repo="acme/app", prompt=prompt, completion=completion
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_jsonl(tmp_path / "sft/train.jsonl", [sample("a"), sample("b")])
    write_jsonl(tmp_path / "sft/test.jsonl", [sample("c", f"fix: {EVIL}")])
    return tmp_path


def run(*words):
    return CliRunner().invoke(main, ["tokens", *map(str, words)])


@pytest.fixture
def options(request):
    return ["--params", request.config.rootpath / "params.yaml"]


@pytest.fixture
def tokens(tiny_base, request):
    """Of a sample, with the mask that TRL makes."""
    tokenizer = load_tokenizer(tiny_base)
    params = load_params(request.config.rootpath / "params.yaml").train
    return tokens_of(tokenizer, masked_ids(sample("a"), tokenizer, params))


def test_all_tokens_are_there_and_the_answer_alone_is_learned(tokens, tiny_base):
    tokenizer = load_tokenizer(tiny_base)
    learned = [token.id for token in tokens if token.is_learned]
    assert tokenizer.decode(learned).startswith("feat: read it\n")
    assert tokenizer.eos_token_id in learned
    first = [token.is_learned for token in tokens].index(True)
    assert all(token.is_learned for token in tokens[first:])
    prompt = tokenizer.decode([token.id for token in tokens[:first]])
    assert "naïve" in prompt
    assert prompt.endswith("assistant\n")
    assert {token.text for token in tokens if token.is_special} >= {tokenizer.eos_token}


def test_the_page_has_every_token_and_runs_nothing(
    folder, tiny_base, options, open_page
):
    done = run("C", "sft", tiny_base, "page.html", *options)
    assert done.exit_code == 0, done.output
    tab = open_page(folder / "page.html")
    count = int(done.output.removeprefix("tokens: ").split(" ", 1)[0])
    assert tab.page.locator(".tokens .token").count() == count
    learned = "".join(tab.page.locator(".tokens .learned").all_text_contents())
    assert learned.startswith(f"fix: {EVIL}")
    assert "U+202E" in tab.page.locator(".tokens").text_content()
    assert tab.page.evaluate("document.scripts.length") == 0


@pytest.mark.parametrize(
    ("wanted", "words"), [("d", "begins 0 samples"), ("", "begins 3 samples")]
)
def test_an_id_that_means_no_one_sample_is_refused(
    folder, tiny_base, options, wanted, words
):
    done = run(wanted, "sft", tiny_base, *options)
    assert done.exit_code == 2
    assert words in done.stderr
    assert list(read_jsonl(folder / "sft/test.jsonl", Sample))
