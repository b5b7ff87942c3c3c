import re

import pytest
from jinja2 import Environment
from tests.support.tiny_gguf import TEMPLATE as TRAINED

from diffscribe.core.errors import SourceError
from diffscribe.merge_quantize.gguf import TEMPLATE, modelfile

SYSTEM = 'Answer with {"commits": []}\n\nNothing else, not even "ok"'


def instructions(text):
    """Read a Modelfile by its grammar: a name, then a line or \"\"\"lines\"\"\"."""
    grammar = r'([A-Z]+) (?:"""(.*?)"""|([^\n]*))(?:\n|\Z)'
    found = list(re.finditer(grammar, text, re.DOTALL))
    assert "".join(match[0] for match in found) == text
    return [(match[1], match[2] or match[3]) for match in found]


def test_every_instruction_is_there_once_with_its_value():
    text = modelfile("student-q8_0.gguf", SYSTEM, num_ctx=1024)
    assert instructions(text) == [
        ("FROM", "./student-q8_0.gguf"),
        ("TEMPLATE", TEMPLATE),
        ("SYSTEM", SYSTEM),
        ("PARAMETER", "num_ctx 1024"),
        ("PARAMETER", "temperature 0"),
        ("PARAMETER", "top_k 0"),
        ("PARAMETER", "top_p 1.0"),
        ("PARAMETER", "min_p 0.0"),
        ("PARAMETER", "repeat_penalty 1.0"),
        ("PARAMETER", 'stop "<|im_end|>"'),
        ("PARAMETER", 'stop "<|endoftext|>"'),
        ("PARAMETER", 'stop "<|im_start|>"'),
    ]


def test_a_system_text_that_cannot_be_quoted_is_refused():
    assert 'say ""' in modelfile("a.gguf", 'say ""', 1)
    with pytest.raises(SourceError, match=r"prompts/student/system\.md"):
        modelfile("a.gguf", 'say """', 1)


def test_the_template_renders_what_the_student_was_trained_on():
    actions = {
        "{{- range .Messages }}": "{% for message in messages %}",
        "{{ .Role }}": "{{ message.role }}",
        "{{ .Content }}": "{{ message.content }}",
        "{{ end }}": "{% endfor %}",
    }
    template = TEMPLATE
    for go, jinja in actions.items():
        assert template.count(go) == 1
        template = template.replace(go, jinja)
    messages = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": "Files:\n M a.py\n"},
        {"role": "assistant", "content": '{"commits":[]}'},
        {"role": "user", "content": "again"},
    ]
    jinja_environment = Environment(keep_trailing_newline=True)
    ours, trained = (
        jinja_environment.from_string(each).render(
            messages=messages, add_generation_prompt=True
        )
        for each in (template, TRAINED)
    )
    assert ours == trained
