import pytest
import yaml

from diffscribe.commands.use import with_source
from diffscribe.core.errors import ParamsError

BLOCK = """\
seed: 7
harvest:
  sources:        # what is read
    - a           # the first
    - {path: b, private: true}
  # until here
  workers: 0      # all
"""


@pytest.mark.parametrize(
    "repository",
    ["/home/me/app", """an app, "it's" ]: {}""", "- x", "#1", "ä\u2028b", "x" * 300],
)
@pytest.mark.parametrize(
    "text",
    [
        BLOCK,
        "harvest:\n  sources: [a, {path: b}]  # what is read\n  workers: 0\n",
        "harvest: {sources: [], workers: 0}\n",
        "harvest:\n  workers: 0\n  sources:\n  - a\n  - b\n",
    ],
)
def test_one_source_takes_the_place_of_all(text, repository):
    wanted = yaml.safe_load(text)
    marks = [each for each in wanted["harvest"]["sources"] if "private" in each]
    marks = [each | {"read": False} for each in marks]
    wanted["harvest"]["sources"] = [repository, *marks]
    assert yaml.safe_load(with_source(text, repository)) == wanted


def test_other_lines_stay_as_they_are():
    assert with_source(BLOCK, "app") == (
        "seed: 7\nharvest:\n  sources:        # what is read\n    - app\n"
        "    - {path: b, private: true, read: false}\n"
        "  workers: 0      # all\n"
    )


@pytest.mark.parametrize("text", ["", "harvest: {}\n", "harvest:\n  sources: a\n"])
def test_params_without_a_list_of_sources_are_left_alone(text):
    with pytest.raises(ParamsError, match=r"no list harvest\.sources"):
        with_source(text, "app")
