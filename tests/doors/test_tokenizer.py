import logging
import shutil

import pytest

from diffscribe.core.errors import SourceError
from diffscribe.core.records import Message
from diffscribe.doors.model_folder import (
    count_chat_tokens,
    count_text_tokens,
    load_tokenizer,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def notices(caplog):
    """What transformers logs, whatever other tests told it to keep quiet about."""
    library = logging.getLogger("transformers")
    level = library.level
    library.setLevel(logging.WARNING)
    library.addHandler(caplog.handler)
    yield caplog
    library.removeHandler(caplog.handler)
    library.setLevel(level)


def test_a_text_beyond_the_context_is_counted_without_a_notice(tiny_base, notices):
    words = "def " * 600
    assert count_text_tokens(load_tokenizer(tiny_base), words) >= 600
    chat = [Message(role="user", content=words)]
    assert count_chat_tokens(load_tokenizer(tiny_base), chat, asks=True) >= 600
    assert notices.messages == []


def test_a_template_without_a_place_for_a_system_message_is_refused(
    tiny_base, tmp_path
):
    base = shutil.copytree(tiny_base, tmp_path / "base")
    (base / "chat_template.jinja").write_text(
        "{{ raise_exception('System role not supported') }}"
    )
    with pytest.raises(SourceError, match="System role not supported; use another"):
        load_tokenizer(base)


def test_a_base_without_a_template_is_refused(tiny_base, tmp_path):
    base = shutil.copytree(tiny_base, tmp_path / "base")
    (base / "chat_template.jinja").unlink()
    with pytest.raises(SourceError, match="no chat template; use an instruct model"):
        load_tokenizer(base)
