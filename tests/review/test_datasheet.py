import json
import re

import pytest
import yaml

from diffscribe.core.errors import InputError
from diffscribe.core.files import write_json, write_jsonl
from diffscribe.core.records import CuratedChange, Message, Sample, SplitChange
from diffscribe.review.datasheet import card, gather, page

EVIL = '</script><script>alert("x")</script>'


def sample(change, repo):
    return Sample(
        id=change.id,
        parent_id=None,
        repo=repo,
        task="plan",
        prompt=(Message(role="user", content=EVIL),),
        completion=(Message(role="assistant", content="{}"),),
        files=(),
        junk=(),
        target=change.label.plan,
    )


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
    assert sheet.tokens[0] == ("train", 2, 150.0, 30.5)
    assert sheet.types == [("fix", 3)]
    assert sheet.languages == [("Python", 2), ("TOML", 1), ("other", 1)]
    assert sheet.repositories == [
        ("acme/app", "MIT, none found", 2, "train"),
        ("x/<b>|y", "Apache-2.0", 1, "test"),
    ]
    assert dict(sheet.clusters)["clusters of more than one change"] == 1
    assert sheet.redacted == [("email", 2)]
    assert len(sheet.samples) == 3


def test_the_page_needs_no_network_and_runs_nothing_of_a_sample(folder):
    text = page(gather(folder, folder))
    assert "default-src 'none'" in text
    assert not re.search(r"(?:src|href)=", text)
    assert "http" not in text.replace("http-equiv", "")
    assert EVIL not in text
    assert "x/&lt;b&gt;|y" in text
    (embedded,) = re.findall(r'type="application/json" id="samples">(.*?)</scr', text)
    assert json.loads(embedded)[0]["prompt"] == EVIL


def test_a_browser_shows_the_samples_and_runs_no_script_of_them(folder, browser):
    path = folder / "index.html"
    path.write_text(page(gather(folder, folder)), encoding="utf-8")
    tab = browser.new_page()
    dialogs = []
    tab.on("dialog", lambda dialog: [dialogs.append(dialog.message), dialog.dismiss()])
    tab.goto(path.as_uri())
    assert tab.inner_text("#title").startswith("1 of 3 · train · acme/app")
    tab.click("#back")
    assert tab.inner_text("#title").startswith("3 of 3 · test · x/<b>|y")
    assert tab.inner_text("#prompt") == EVIL
    assert dialogs == []
    tab.close()


def test_the_card_has_the_yaml_of_the_hub_and_whole_tables(folder):
    text = card(gather(folder, folder))
    _, front, body = text.split("---\n", 2)
    head = yaml.safe_load(front)
    assert head["size_categories"] == ["n<1K"]
    assert [each["split"] for each in head["configs"][0]["data_files"]] == [
        "train",
        "validation",
        "test",
    ]
    assert "| x/<b>\\|y" in body
    assert "| email" in body


@pytest.mark.parametrize("name", ["curated.jsonl", "render.json"])
def test_data_that_is_not_there_yet_is_an_explained_failure(name, folder):
    (folder / name).unlink()
    with pytest.raises(InputError, match=f"{name}.* cannot be read"):
        gather(folder, folder)
