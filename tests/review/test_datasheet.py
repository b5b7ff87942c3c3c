import pytest
from click.testing import CliRunner
from huggingface_hub import DatasetCard
from tests.support.rows import make_sample
from tests.support.tab import EVIL

from diffscribe.commands.main import main
from diffscribe.core.errors import InputError
from diffscribe.core.files import write_json, write_jsonl
from diffscribe.core.records import CuratedChange, Message, SplitChange
from diffscribe.review.datasheet import card, gather, page


def sample(change, repo):
    prompt = (Message(role="user", content=EVIL),)
    completion = (Message(role="assistant", content="{}"),)
    return make_sample(id=change.id, repo=repo, prompt=prompt, completion=completion)


@pytest.fixture
def folder(tmp_path, labeled):
    rows = [
        CuratedChange(**dict(each), cluster="c" if number < 2 else each.id)
        for number, each in enumerate(
            [
                labeled(head="1", license="MIT", languages=("Python",)),
                labeled(head="2", languages=("Python", "TOML")),
                labeled(head="3", repo="x/<b>|y", license="Apache-2.0"),
            ]
        )
    ]
    write_jsonl(tmp_path / "curated.jsonl", rows)
    for name, chosen in (("train", rows[:2]), ("validation", []), ("test", rows[2:])):
        (tmp_path / "splits").mkdir(exist_ok=True)
        (tmp_path / "sft").mkdir(exist_ok=True)
        split = [SplitChange(**dict(row), parent_id=None, junk=()) for row in chosen]
        write_jsonl(tmp_path / f"splits/{name}.jsonl", split)
        write_jsonl(tmp_path / f"sft/{name}.jsonl", [sample(r, r.repo) for r in chosen])
    tokens = {"samples": 2, "prompt_tokens": 300, "answer_tokens": 61}
    none = dict.fromkeys(tokens, 0)
    rejected = {"long_diff": 4, "duplicate_diff": 1, "near_duplicate": 0}
    funnel = [{"reason": name, "dropped": n} for name, n in rejected.items()]
    counts = {
        "harvest": {"commits": 20, "commits_kept": 12, "changes": 9},
        "label": {"labeled": 8},
        "curate": {
            "rejected": rejected,
            "funnel": funnel,
            "redacted": {"email": 2, "jwt": 0},
        },
        "render": {"train": tokens, "validation": none, "test": none},
    }
    for stage, values in counts.items():
        write_json(tmp_path / f"{stage}.json", values)
    return tmp_path


def test_it_gathers_what_the_stages_wrote(folder):
    sheet = gather(folder, folder)
    assert [count for _, count in sheet.funnel] == [20, 12, 9, 8, 3, 3, 2]
    assert sheet.rejected == [("long_diff", 4), ("duplicate_diff", 1)]
    assert sheet.tokens[1][0] == ("train", "2", "150", "30")
    assert sheet.types == [("fix", 3)]
    assert sheet.languages == [("Python", 2), ("TOML", 1), ("other", 1)]
    assert sheet.repositories[1] == [
        ("acme/app", "MIT, none found", "2", "train"),
        ("x/<b>|y", "Apache-2.0", "1", "test"),
    ]
    assert dict(sheet.clusters)["clusters of more than one change"] == 1
    assert sheet.redacted == [("email", 2)]
    assert len(sheet.samples) == 3


def test_private_rows_are_counted_and_left_out(folder):
    first, *others = (folder / "curated.jsonl").read_text().splitlines(True)
    first = first.replace('"private":false', '"private":true')
    (folder / "curated.jsonl").write_text("".join([first, *others]))
    sheet = gather(folder, folder)
    assert sheet.private == (2, 2)
    assert sheet.repositories[1] == [("x/<b>|y", "Apache-2.0", "1", "test")]
    assert sheet.types == [("fix", 1)]
    assert sheet.languages == [("other", 1)]
    assert [title.split(" · ")[1] for title, _ in sheet.samples] == ["x/<b>|y"]
    for text in (page(sheet), card(sheet)):
        assert "acme/app" not in text
        assert "2 private changes and 2 samples of them are left out" in text
    files = DatasetCard(card(sheet)).data.to_dict()["configs"][0]["data_files"]
    assert {each["path"].rpartition("/")[0] for each in files} == {
        "exports/prompt-completion"
    }


def test_the_card_has_the_yaml_of_the_hub_and_whole_tables(folder):
    text = card(gather(folder, folder))
    read = DatasetCard(text)
    head, body = read.data.to_dict(), read.text
    assert head["size_categories"] == ["n<1K"]
    assert [each["split"] for each in head["configs"][0]["data_files"]] == [
        "train",
        "validation",
        "test",
    ]
    assert "| x/<b>\\|y" in body
    assert "| email" in body
    assert "private changes" not in text


@pytest.mark.parametrize("name", ["curated.jsonl", "render.json"])
def test_data_that_is_not_there_yet_is_an_explained_failure(name, folder):
    (folder / name).unlink()
    with pytest.raises(InputError, match=f"{name}.* cannot be read"):
        gather(folder, folder)


def test_the_verb_writes_the_page_and_the_card(folder):
    report = folder / "page" / "index.html"
    words = ["datasheet", str(folder), str(folder), str(report)]
    done = CliRunner().invoke(main, words)
    card_path = folder / "README.md"
    assert done.output == f"datasheet: {report}\ndatasheet: {card_path}\n"
    sheet = gather(folder, folder)
    assert (report.read_text(), card_path.read_text()) == (page(sheet), card(sheet))
