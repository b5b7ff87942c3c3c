"""Successes, attempts and scripts of which a test names what matters to it."""

from pathlib import Path

from diffscribe.success_memory.records import LoggedAttempt, Memory, Operation

PROMPTS = Path(__file__).parents[2] / "pipelines" / "success_memory" / "prompts"


def transformer(name, function):
    """Return a script that decorates a function."""
    return f'''import libcst as cst


class {name}(cst.CSTTransformer):
    def leave_FunctionDef(self, original, updated):
        if original.name.value != "{function}":
            return updated
        decorator = cst.Decorator(decorator=cst.Name("log"))
        return updated.with_changes(decorators=[decorator, *updated.decorators])
'''


SCRIPT = transformer("AddDecorator", "pay")


def memory(**changed):
    values = {
        "id": "m1",
        "at": "2030-01-02T03:04:05+00:00",
        "issue_id": None,
        "issue": "Log calls to pay()",
        "target_files": ("pay.py",),
        "operations": (Operation(name="add_decorator", target_file="pay.py"),),
        "diff": "+@log\n",
        "diff_is_cut": False,
        "script": SCRIPT,
        "script_hash": None,
        "patch_source": "LLMCore_polish_iteration_1",
        "core": None,
        "rating": None,
        "generation": 2,
        "source": "memory.jsonl",
        "line": 1,
    }
    return Memory(**values | changed)


def attempt(**changed):
    values = {
        "at": "2030-01-02T03:04:05+00:00",
        "memory_id": "2029-01-01T00:00:00+00:00",
        "kind": "repair",
        "number": 1,
        "phase": "add_decorator(pay)",
        "target_file": "pay.py",
        "issue": "Log calls to pay()",
        "prompt": "",
        "raw_output": "",
        "script": SCRIPT,
        "valid": True,
    }
    return LoggedAttempt(**values | changed)
