"""Write the invented logs of an agent that pipelines/success_memory learns from.

Nobody made these changes: functions, issues and failures are made up here, and nothing
is drawn, so that equal code writes equal bytes. The scripts are real: each one that is
logged as valid changes the file in data/tree as its diff says.
"""

import difflib
import hashlib
import json
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

FOLDER = Path(__file__).parents[1] / "pipelines" / "success_memory" / "data"
START = datetime(2030, 1, 7, 9, 0, tzinfo=UTC)

TASKS = 80
# Each function with the file it is in, a word of its own, and why somebody asks.
FUNCTIONS = """
billing/charge.py|pay|amount|support cannot tell which card was used
billing/charge.py|refund|order|two refunds of one order went out last week
billing/invoice.py|render_invoice|lines|the tax line is missing in Austria
billing/invoice.py|send_invoice|address|customers get it an hour late
shop/cart.py|add_item|product|quantities above 99 vanish silently
shop/cart.py|merge_carts|guest|guests lose what they put in before they log in
shop/stock.py|reserve|shelf|the warehouse counts one item twice
shop/stock.py|release|hold|expired holds are never seen again
mail/queue.py|enqueue|letter|newsletters overtake password resets
mail/queue.py|drain|batch|the nightly job stops at the first bounce
mail/render.py|fill_template|values|a missing key shows as None in the greeting
auth/session.py|open_session|user|tokens of kiosk devices should live an hour
auth/session.py|close_session|token|the audit wants to know who ended it
auth/password.py|check_password|attempt|timing differs between known and unknown names
auth/password.py|reset_password|mailbox|links can be opened a second time
search/index.py|index_page|page|umlauts are split into two words
search/index.py|forget_page|url|deleted articles still come up first
search/query.py|parse_query|phrase|a lone quote breaks the whole form
search/query.py|rank_hits|hits|new articles never reach the top
media/image.py|resize|picture|portraits come out stretched on phones
media/image.py|strip_metadata|photo|places of private homes leak through uploads
media/video.py|transcode|clip|the worker runs out of memory at 4K
media/video.py|extract_frame|second|black thumbnails annoy the editors
report/sales.py|monthly_total|month|February shows the figures of March
report/sales.py|by_region|region|islands are counted as mainland
report/export.py|write_csv|rows|semicolons in names shift the columns
report/export.py|write_pdf|sheet|page numbers begin at zero
sync/pull.py|fetch_changes|since|clocks of branch offices run behind
sync/pull.py|apply_change|patch|conflicts are written over without a word
sync/push.py|upload|chunk|large files start again from nothing
sync/push.py|confirm|receipt|the remote sometimes answers twice
chat/room.py|join|member|banned people come back under new names
chat/room.py|leave|reason|the list shows ghosts for minutes
chat/message.py|post|body|emoji are stored as question marks
chat/message.py|edit|revision|nobody sees that a text was changed
geo/route.py|shortest_path|stops|ferries count as bridges
geo/route.py|estimate_time|legs|rush hour is not in the forecast
geo/place.py|geocode|street|house numbers with letters fail
hr/leave.py|request_leave|days|half days are rounded up
hr/leave.py|approve_leave|manager|deputies cannot approve in August
hr/payroll.py|gross_pay|hours|night shifts lose their bonus
hr/payroll.py|net_pay|deductions|the church tax is taken twice
lab/sensor.py|read_sensor|channel|spikes of one sample trigger alarms
lab/sensor.py|calibrate|offset|drift over the weekend goes unnoticed
lab/plot.py|draw_curve|points|gaps are joined by straight lines
lab/plot.py|save_figure|title|reviewers ask for vector graphics
game/score.py|add_points|player|points of a lost round are kept
game/score.py|leaderboard|limit|ties are shown in random order
game/level.py|load_level|name|mods crash the loader
game/level.py|spawn|monster|two spawn in one place
"""

HEAD = "import libcst as cst\n\n\nclass $name(cst.CSTTransformer):\n"
FUNCTION = """    def leave_FunctionDef(self, original_node, updated_node):
        if original_node.name.value != "$function":
            return updated_node
"""
CALL = """    def leave_Call(self, original_node, updated_node):
        if not isinstance(original_node.func, cst.Name):
            return updated_node
        if original_node.func.value != "store_$word":
            return updated_node
        return updated_node.with_changes(func=cst.Name("audit_$word"))
"""


class Family(NamedTuple):
    """A kind of change: how it is asked for, the script, what it does to a file."""

    operation: str
    issue: str
    name: str
    script: str
    old: str
    new: str


FAMILIES = (
    Family(
        "add_decorator",
        "Log every call of $function in $file: $why.",
        "AddDecorator",
        HEAD
        + FUNCTION
        + """        decorator = cst.Decorator(decorator=cst.Name("log_calls"))
        return updated_node.with_changes(
            decorators=[decorator, *updated_node.decorators]
        )
""",
        "def $function(",
        "@log_calls\ndef $function(",
    ),
    Family(
        "rename_function",
        "$why, so call it what it does: $function becomes checked_$function.",
        "RenameFunction",
        HEAD
        + FUNCTION
        + """        return updated_node.with_changes(
            name=cst.Name("checked_$function")
        )
""",
        "def $function(",
        "def checked_$function(",
    ),
    Family(
        "add_parameter",
        "Callers of $function need a switch dry_run that is off by default, as $why.",
        "AddParameter",
        HEAD
        + FUNCTION
        + """        off = cst.Name("False")
        dry_run = cst.Param(name=cst.Name("dry_run"), default=off)
        params = updated_node.params
        return updated_node.with_changes(
            params=params.with_changes(params=[*params.params, dry_run])
        )
""",
        "def $function($word):",
        "def $function($word, dry_run = False):",
    ),
    Family(
        "replace_call",
        "In $file, $why; use audit_$word where store_$word is called.",
        "ReplaceCall",
        HEAD
        + Template(CALL).safe_substitute(before="store_$word", after="audit_$word"),
        "store_$word(",
        "audit_$word(",
    ),
    Family(
        "add_return_annotation",
        "mypy should catch it when $why: say that $function returns a bool.",
        "AnnotateReturn",
        HEAD
        + FUNCTION
        + """        return updated_node.with_changes(
            returns=cst.Annotation(annotation=cst.Name("bool"))
        )
""",
        "def $function($word):",
        "def $function($word) -> bool:",
    ),
    Family(
        "remove_print",
        "$why, and the print of $word in $file hides that. Take it out.",
        "RemovePrint",
        HEAD
        + """    def leave_Expr(self, original_node, updated_node):
        call = original_node.value
        if not isinstance(call, cst.Call) or not isinstance(call.func, cst.Name):
            return updated_node
        argument = call.args[0].value
        if call.func.value != "print" or argument.value != "$word":
            return updated_node
        return cst.RemoveFromParent()
""",
        "    print($word)\n",
        "",
    ),
    Family(
        "add_docstring",
        "Nobody knows what $function promises about its $word: $why. Document it.",
        "AddDocstring",
        HEAD
        + FUNCTION
        + """        docstring = cst.SimpleString('\\"\\"\\"Handle the $word.\\"\\"\\"')
        line = cst.SimpleStatementLine(body=[cst.Expr(value=docstring)])
        body = updated_node.body
        return updated_node.with_changes(
            body=body.with_changes(body=[line, *body.body])
        )
""",
        "def $function($word):\n",
        'def $function($word):\n    """Handle the $word."""\n',
    ),
)


class Case(NamedTuple):
    """One task of the agent."""

    number: int
    file: str
    operation: str
    phase: str
    issue: str
    script: str
    diff: str
    words: dict[str, str]


def functions() -> list[dict[str, str]]:
    """Return each function with its file, word and reason."""
    keys = ("file", "function", "word", "why")
    lines = FUNCTIONS.strip().splitlines()
    return [dict(zip(keys, line.split("|"), strict=True)) for line in lines]


def source(words: dict[str, str]) -> str:
    """Return one function as it is in its file before any change."""
    text = (
        "def $function($word):\n    print($word)\n"
        "    if not $word:\n        return False\n"
        "    store_$word($word)\n    return True\n"
    )
    return Template(text).substitute(words)


def trees() -> dict[str, str]:
    """Return the text of each file before any change."""
    found: dict[str, str] = {}
    for words in functions():
        head = found.get(words["file"], f'"""Code of {words["file"]}."""\n')
        found[words["file"]] = f"{head}\n\n{source(words)}"
    return found


def cases() -> list[Case]:
    """Return every function with a kind of change, and some with another one too."""
    found = []
    files = trees()
    for number, words in enumerate([*functions(), *functions()][:TASKS]):
        round_, place = divmod(number, len(functions()))
        family = FAMILIES[(place + 3 * round_) % len(FAMILIES)]
        before = files[words["file"]]
        old, new = (
            Template(each).substitute(words) for each in (family.old, family.new)
        )
        values = words | {"name": family.name}
        issue = Template(family.issue).substitute(words)
        found.append(
            Case(
                number,
                words["file"],
                family.operation,
                f"{family.operation}({words['function']})",
                issue[0].upper() + issue[1:],
                Template(family.script).substitute(values),
                unified(words["file"], before, before.replace(old, new)),
                words,
            )
        )
    return found


def unified(name: str, before: str, after: str) -> str:
    """Return the diff of a file, with one line of context."""
    lines = difflib.unified_diff(
        *(text.splitlines(keepends=True) for text in (before, after)),
        *(f"a/{name}", f"b/{name}"),
        n=1,
    )
    return "".join(lines)


VISITORS = (
    '  File "/home/dev/agent/.venv/lib/python3.11/site-packages/libcst/_visitors.py", '
    "line 71, in on_leave\n    updated_node = leave_func(original_node, updated_node)\n"
)
RUN = (
    "Traceback (most recent call last):\n"
    '  File "/home/dev/agent/runner.py", line 41, in apply\n'
    '    exec(compile(script, "<script>", "exec"), namespace)\n'
)
VISIT = (
    "Traceback (most recent call last):\n"
    '  File "/home/dev/agent/runner.py", line 48, in apply\n'
    "    changed = module.visit(transformer())\n"
)


def failure(case: Case, kind: int) -> tuple[str, str]:
    """Return a script that fails as models make them fail, and its traceback."""
    script = case.script
    lines = script.splitlines()

    def line_of(text: str, broken: str) -> int:
        return next(n for n, line in enumerate(broken.splitlines(), 1) if text in line)

    if kind == 0 and "with_changes" in script:
        broken = script.replace("updated_node.with_changes", "updated_node.with_change")
        method = "leave_Call" if "leave_Call" in script else "leave_FunctionDef"
        number = line_of("with_change(", broken)
        node = method.removeprefix("leave_")
        error = f"AttributeError: '{node}' object has no attribute 'with_change'\n"
        frame = f'  File "<script>", line {number}, in {method}\n'
        return broken, f"{VISIT}{VISITORS}{frame}{error}"
    if kind == 1:
        broken = script.replace("import libcst as cst", "import libcst")
        number = line_of("class ", broken)
        error = "NameError: name 'cst' is not defined\n"
        return broken, f'{RUN}  File "<script>", line {number}, in <module>\n{error}'
    if kind == 2:
        at = next(n for n, line in enumerate(lines) if line.strip().startswith("if "))
        lines[at] = lines[at].removesuffix(":")
        shown = f"    {lines[at].strip()}\n    {' ' * len(lines[at].strip())}^\n"
        error = f"{shown}SyntaxError: expected ':'\n"
        place = f'  File "<script>", line {at + 1}\n'
        return "\n".join(lines) + "\n", f"{RUN}{place}{error}"
    for right in (".name.value", ".func.value"):
        if right in script:
            broken = script.replace(right, right.removesuffix(".value"))
            break
    error = f"AssertionError: the script changed nothing in {case.file}\n"
    place = '  File "/home/dev/agent/runner.py", line 53, in apply\n'
    raised = "    assert changed.code != module.code, problem\n"
    return broken, f"Traceback (most recent call last):\n{place}{raised}{error}"


def unpolished(script: str) -> str:
    """Return a script that does the same in worse style."""
    short = script.replace("original_node", "o").replace("updated_node", "u")
    return short.replace("\n\n\n", "\n")


def success(case: Case, at: datetime, generation: int) -> dict[str, Any]:
    """Return the line of a success, as one of the generations logged it."""
    row: dict[str, Any] = {
        "timestamp_utc": at.isoformat(),
        "spec_issue_id": None,
        "spec_issue_description": case.issue,
        "spec_target_files": [case.file],
        "patch_source": f"LLMCore_polish_iteration_{1 + case.number % 3}",
    }
    if generation == 1:
        return row | {
            "spec_operations_summary": [case.operation],
            "successful_diff_summary": case.diff[:1000],
        }
    detail = {"name": case.operation, "target_file": case.file}
    row |= {
        "spec_operations_details": [detail],
        "successful_diff_summary": case.diff,
        "successful_script": case.script,
    }
    if generation == 3:
        row |= {
            "predicted_core": "LLMCore",
            "user_rating": (5, 4, None)[case.number % 3],
        }
    return row


def attempt(case: Case, at: datetime, memory_id: str, **changed: Any) -> dict[str, Any]:
    """Return the line of an attempt."""
    row = {
        "at": at.isoformat(),
        "memory_id": memory_id,
        "kind": "repair",
        "number": 1,
        "phase": case.phase,
        "target_file": case.file,
        "prompt": f"Phase {case.phase} of {case.file}",
        "valid": False,
    }
    if "script" in changed:
        row["raw_output"] = f"```python\n{changed['script']}```"
    return row | changed


def spec_of(case: Case) -> tuple[str, str]:
    """Return an issue with its symbols, and its specification in YAML."""
    words = case.words
    asked = (
        f"Issue: {case.issue}\nSymbols: {words['file']}:{words['function']}, "
        f"{words['file']}:store_{words['word']}"
    )
    spec = (
        f"issue_description: {json.dumps(case.issue)}\n"
        f"target_files:\n- {case.file}\n"
        f"operations:\n- name: {case.operation}\n  target_file: {case.file}\n"
        f"acceptance_tests:\n- pytest tests/test_{Path(case.file).stem}.py\n"
    )
    return asked, spec


def style_of(case: Case) -> tuple[str, str]:
    """Return code with a draft of its fingerprint, and the refined one."""
    wide = 88 + case.number % 3 * 6
    asked = f"Code:\n{source(case.words)}\nDraft: indent 4, line length unknown"
    return asked, (
        f"indent: 4\nquotes: double\nlinelen: {wide}\nsnake_pct: 100\ncamel_pct: 0\n"
        "screaming_pct: 0\ndocstyle: none\n"
    )


def unify_of(case: Case) -> tuple[str, str]:
    """Return fingerprints of files, and their profile in JSON."""
    wide = 88 + case.number % 3 * 6
    prints = [
        {
            "file_path": case.file,
            "fingerprint": f"indent:4 linelen:{wide}",
            "weight": 0.7,
        },
        {"file_path": "setup.py", "fingerprint": "indent:4 linelen:79", "weight": 0.3},
    ]
    profile = {
        "indent_width": 4,
        "preferred_quotes": "double",
        "max_line_length": wide,
        "docstring_style": "none",
    }
    return "\n".join(map(json.dumps, prints)), json.dumps(profile) + "\n"


LOGGED = {"spec": spec_of, "style": style_of, "style_unify": unify_of}


def main(folder: Path) -> None:
    """Fill a folder with the logs, the patch sets and the code before any change."""
    for name in ("autopatches", "tree"):
        shutil.rmtree(folder / name, ignore_errors=True)
    successes: list[dict[str, Any]] = []
    attempts: list[dict[str, Any]] = []
    for case in cases():
        at = START + timedelta(hours=7 * case.number)
        generation = 1 if case.number < 7 else 2 if case.number < 30 else 3
        row = success(case, at, generation)
        if generation == 1:
            row |= hashed(folder / "autopatches", case, at)
        successes.append(row)
        memory_id = at.isoformat()
        if case.number % 4 != 3:
            kind = case.number // 2 % 4
            broken, traceback = failure(
                case, kind if case.operation != "remove_print" else 1 + kind % 3
            )
            early = at - timedelta(minutes=9)
            answered = {"script": broken, "traceback": traceback}
            attempts.append(attempt(case, early, memory_id, **answered))
            fixed = {"number": 2, "script": case.script, "valid": True}
            if case.number % 3 == 0:
                rough = fixed | {"script": unpolished(case.script), "style_score": 0.41}
                late = early + timedelta(minutes=2)
                attempts.append(attempt(case, late, memory_id, **rough))
                fixed |= {"number": 3, "kind": "polish", "style_score": 0.93}
            last = early + timedelta(minutes=4)
            attempts.append(attempt(case, last, memory_id, **fixed))
        if case.number % 8 == 3:
            kind_, make = [*LOGGED.items()][case.number // 8 % 3]
            asked, answer = make(case)
            logged = {
                "kind": kind_,
                "prompt": asked,
                "raw_output": answer,
                "valid": True,
            }
            attempts.append(attempt(case, at, memory_id, **logged))
    # A rating that was given later: the line is written again.
    successes.append(successes[40] | {"user_rating": 2})
    write(folder / "success_memory.jsonl", successes)
    write(folder / "attempts.jsonl", attempts)
    for name, text in trees().items():
        path = folder / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def hashed(folder: Path, case: Case, at: datetime) -> dict[str, str]:
    """Return the hash of an early success, and save what was saved of it."""
    salted = str(int(hashlib.sha256(case.script.encode()).hexdigest()[:15], 16))
    kind = case.number % 4
    if kind == 3:
        return {"successful_script_hash": salted}
    path = folder / f"{at:%Y%m%d-%H%M%S}-{case.operation}"
    path.mkdir(parents=True)
    meta = {
        "patch_set_name": path.name,
        "generation_timestamp_utc": (at + timedelta(seconds=2)).isoformat(),
        "original_spec": {"issue_description": case.issue},
        "patch_source": f"LLMCore_polish_iteration_{1 + case.number % 3}",
    }
    (path / "patch_meta.json").write_text(json.dumps(meta, indent=1) + "\n")
    (path / "script.py").write_text(case.script)
    if kind == 2:
        (path / "earlier.py").write_text(unpolished(case.script))
    if kind == 0:
        digest = hashlib.sha256(case.script.encode()).hexdigest()
        return {"successful_script_hash": digest}
    return {"successful_script_hash": salted}


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write an object a line."""
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else FOLDER)
