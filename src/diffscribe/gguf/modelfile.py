"""The Modelfile that makes an Ollama model of a GGUF."""

from diffscribe.errors import SourceError

TEMPLATE = """\
{{- range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ end }}<|im_start|>assistant
"""
"""ChatML in Ollama's Go template, which the GGUF's own Jinja is not. Ollama puts
SYSTEM in front of the messages, unless a request brings its own system text.
https://docs.ollama.com/modelfile"""

STOPS = ("<|im_end|>", "<|endoftext|>", "<|im_start|>")
QUOTES = '"""'


def modelfile(gguf: str, system: str, num_ctx: int, temperature: float) -> str:
    """Return the text of a Modelfile that lies beside its GGUF.

    Args:
        gguf: the file's name.
        system: the system text the student was trained with.
        num_ctx: tokens of prompt and answer together.
        temperature: 0 always takes the likeliest token.

    Raises:
        SourceError: if the system text holds three quotes in a row, as a
            Modelfile has no escape for them.
    """
    if QUOTES in system:
        raise SourceError(
            f"the system text holds {QUOTES}, which a Modelfile cannot quote; "
            "reword prompts/student/system.md"
        )
    parameters = {"num_ctx": num_ctx, "temperature": temperature}
    lines = [
        f"FROM ./{gguf}",
        f"TEMPLATE {QUOTES}{TEMPLATE}{QUOTES}",
        f"SYSTEM {QUOTES}{system}{QUOTES}",
        *(f"PARAMETER {name} {value}" for name, value in parameters.items()),
        *(f'PARAMETER stop "{stop}"' for stop in STOPS),
    ]
    return "\n".join(lines) + "\n"
