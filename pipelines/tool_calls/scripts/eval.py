"""Stage eval: compare student, base and controls on held-out calls."""

from functools import partial
from pathlib import Path
from shutil import get_terminal_size

import click

from diffscribe.asking.connect import Gguf
from diffscribe.core.cli import INPUT, OUTPUT, Command, params_option, progress, say
from diffscribe.core.files import read_jsonl, whole_folder
from diffscribe.core.log_params import ToolCallsParams, load_log_params
from diffscribe.core.tracking import report, tracked_run
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
from diffscribe.tool_calls.evaluate import (
    JUDGED_CALLS,
    cases_of,
    control_answers,
    question_with_tools,
    score_calls,
)
from diffscribe.tool_calls.records import ToolSample

TITLE = "A student that calls tools"


@click.command(cls=Command)
@click.argument("sft", type=INPUT)
@click.argument("models", type=INPUT)
@click.argument("reports", type=OUTPUT)
@click.argument("metrics", type=OUTPUT)
@params_option
def main(sft: Path, models: Path, reports: Path, metrics: Path, params: Path) -> None:
    """Ask the GGUFs in MODELS the test samples of SFT and compare them in REPORTS."""
    values = load_log_params(params, ToolCallsParams)
    section, seed = values.eval, values.seed
    test = list(read_jsonl(sft / "test.jsonl", ToolSample))
    cases = cases_of(test, section.max_samples, seed)
    training = list(read_jsonl(sft / "train.jsonl", ToolSample))
    with tracked_run("eval", values) as run:
        answers = []
        for name, path in find_ggufs(models).items():
            model = Gguf(path, section.context_tokens, section.threads)
            most = section.max_answer_tokens
            ask = partial(question_with_tools, max_tokens=most, seed=seed)
            answers += ask_log_cases(name, model, cases, ask, progress)
        answers += control_answers(cases, training)
        of_id = {case.id: case for case in cases}
        scores = [score_calls(of_id[each.sample_id], each, section) for each in answers]
        evaluation = evaluate_log(scores, JUDGED_CALLS)
        shown = [
            ShownCase(each.id, each.kind, each.turns[-1].content, each.completion)
            for each in cases
        ]
        with whole_folder(reports) as folder:
            write_log_report(folder, TITLE, evaluation, JUDGED_CALLS, answers, scores)
            page = folder / "index.html"
            write_log_page(
                page, TITLE, shown, evaluation, JUDGED_CALLS, answers, scores
            )
        headline = log_headline(evaluation, JUDGED_CALLS)
        mirror_log_report(run, reports, answers, headline)
    say(log_table(evaluation, JUDGED_CALLS, get_terminal_size().columns))
    report(metrics, headline, f"{len(cases)} cases")


if __name__ == "__main__":
    main()
