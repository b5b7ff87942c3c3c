"""What several tests of teachers take as given."""

from diffscribe.core.params import LabelParams, TeacherParams


def label_params(**fields):
    """Return the section with usual values; those of the teacher by their name."""
    teacher = {
        "base_url": "http://127.0.0.1:9/v1",
        "model": "wise",
        "api_key_variable": None,
        "temperature": 0.0,
        "reasoning_effort": None,
        "max_prompt_chars": 9000,
        "max_answer_tokens": 300,
        "timeout_s": 60.0,
        "concurrency": 4,
        "requests_per_minute": None,
        "tokens_per_minute": None,
        "reasks": 2,
        "seed": 7,
    }
    teacher |= {name: fields.pop(name) for name in list(fields) if name in teacher}
    values = {
        "source": "teacher",
        "nonconventional": "guess",
        "mode": "online",
        "cleanup": "rules",
        "raters": (),
        "min_rating": 0.7,
        "teacher": TeacherParams(**teacher),
        "max_failure_fraction": 0.1,
        "gate_rows": 50,
        "gate_threshold": None,
        "budget_usd": None,
        "budget_tokens": None,
        "prices": (),
        "trace_fraction": 0.0,
    }
    return LabelParams(**{**values, **fields})
