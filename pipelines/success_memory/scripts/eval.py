"""Stage eval: compare student, base and controls on held-out pairs."""

from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from shutil import get_terminal_size

import click

from diffscribe.asking.connect import Gguf
from diffscribe.core.cli import INPUT, OUTPUT, Command, params_option, progress, say
from diffscribe.core.errors import RecordError
from diffscribe.core.files import read_jsonl, whole_folder
from diffscribe.core.log_params import SuccessMemoryParams, load_log_params
from diffscribe.core.tracking import report, tracked_run
from diffscribe.doors.sandbox import run_script_on, sandbox_problem
from diffscribe.logs.evaluation import (
    ask_log_cases,
    evaluate_log,
    find_ggufs,
    log_headline,
    log_table,
    mirror_log_report,
    write_log_report,
)
from diffscribe.review.log_page import ShownCase, write_log_page
from diffscribe.success_memory.evaluate import (
    INPUT as INPUT_CONTROL,
)
from diffscribe.success_memory.evaluate import (
    JUDGED,
    Run,
    input_answers,
    nearest_answers,
    question_of_pair,
    repair_verdict,
    score_answer,
    selected,
)
from diffscribe.success_memory.records import PairSample

TITLE = "A student of an agent's memory"


def runner(tree: Path) -> Run:
    """Return what runs a script in a sandbox on a copy of files of a folder."""

    @cache
    def run(script: str, names: tuple[str, ...]) -> Mapping[str, str] | None:
        ran = run_script_on(script, tree, names)
        return None if ran.error else ran.files

    return lambda script, names: run(script, tuple(names))


@click.command(cls=Command)
@click.argument("sft", type=INPUT)
@click.argument("models", type=INPUT)
@click.argument("reports", type=OUTPUT)
@click.argument("metrics", type=OUTPUT)
@click.option("--execute", help="A folder of code, in place of eval.execute.")
@params_option
def main(
    sft: Path,
    models: Path,
    reports: Path,
    metrics: Path,
    execute: str | None,
    params: Path,
) -> None:
    """Ask the GGUFs in MODELS the test pairs of SFT and compare them in REPORTS."""
    values = load_log_params(params, SuccessMemoryParams)
    section, seed = values.eval, values.seed
    ggufs = find_ggufs(models)
    cases = selected(
        list(read_jsonl(sft / "test.jsonl", PairSample)), section.max_samples, seed
    )
    if not cases:
        raise RecordError(
            f"{sft / 'test.jsonl'}: no pairs to ask; see reports/render.json for what "
            "dropped them"
        )
    training = list(read_jsonl(sft / "train.jsonl", PairSample))
    with tracked_run("eval", values) as run:
        answers = []
        for name, path in ggufs.items():
            model = Gguf(path, values.merge_quantize.num_ctx, section.threads)
            most = values.render.max_answer_tokens
            ask = partial(question_of_pair, max_tokens=most, seed=seed)
            answers += ask_log_cases(name, model, cases, ask, progress)
        answers += input_answers(cases)
        answers += nearest_answers(cases, training)
        of_id = {case.id: case for case in cases}
        tree = execute or section.execute
        problem = sandbox_problem() if tree else ""
        if problem:
            say(f"eval: no script is run: {problem}", err=True)
        run_script = runner(Path(tree)) if tree and not problem else None
        scores = [
            score_answer(of_id[each.sample_id], each, run_script) for each in answers
        ]
        evaluation = evaluate_log(scores, JUDGED)
        shown = [
            ShownCase(
                case.id, case.task, case.prompt[-1].content, case.completion[0].content
            )
            for case in cases
        ]
        with whole_folder(reports) as folder:
            write_log_report(folder, TITLE, evaluation, JUDGED, answers, scores)
            page = folder / "index.html"
            write_log_page(page, TITLE, shown, evaluation, JUDGED, answers, scores)
        headline = log_headline(evaluation, JUDGED)
        mirror_log_report(run, reports, answers, headline)
    say(log_table(evaluation, JUDGED, get_terminal_size().columns))
    student = evaluation.systems[0].system
    verdict = repair_verdict(evaluation.comparisons[INPUT_CONTROL])
    report(metrics, headline, f"{len(cases)} pairs; {student} {verdict}")


if __name__ == "__main__":
    main()
