"""Stage eval: compare student, base and controls on held-out changes."""

from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from shutil import get_terminal_size

import click

from diffscribe.commits.diff import read_changes
from diffscribe.commits.prompt import load_plan_prompts
from diffscribe.commits.student_prompt import Counters, load_student_prompts
from diffscribe.core.cli import INPUT, OUTPUT, Command, params_option, progress, say
from diffscribe.core.files import whole_folder
from diffscribe.core.params import load_params
from diffscribe.core.records import SplitChange
from diffscribe.core.tracking import report, tracked_run
from diffscribe.doors.model_folder import token_counters
from diffscribe.eval.ask import System, ask_all, find_models, systems_of
from diffscribe.eval.cases import Case, read_selection, with_student_prompts
from diffscribe.eval.controls import fit_controls, read_planned
from diffscribe.eval.metrics import headline
from diffscribe.eval.questions import Decoding
from diffscribe.eval.report import (
    log_evaluation,
    summary,
    terminal_table,
    write_report,
)
from diffscribe.review.report_page import write_page


@click.command(cls=Command)
@click.argument("prompts", type=INPUT)
@click.argument("base", type=INPUT)
@click.argument("models", type=INPUT)
@click.argument("baseline", type=INPUT)
@click.argument("splits", type=INPUT)
@click.argument("test", type=INPUT)
@click.argument("reports", type=OUTPUT)
@click.argument("metrics", type=OUTPUT)
@params_option
def main(
    prompts: Path,
    base: Path,
    models: Path,
    baseline: Path,
    splits: Path,
    test: Path,
    reports: Path,
    metrics: Path,
    params: Path,
) -> None:
    """Ask the GGUFs in MODELS the samples of TEST and compare them in REPORTS.

    The changes that the samples show, and what controls are fitted on, are in
    SPLITS; the plans that the baseline made of them in BASELINE. PROMPTS holds the
    student's prompts and the full one that a base may be asked with; BASE's tokenizer
    counts those of the hybrid.
    """
    values = load_params(params)
    section = values.eval
    full = load_plan_prompts(prompts / "teacher", values.style)
    words = load_student_prompts(
        prompts / "student", values.render.answer, values.style.message
    )
    ggufs = find_models(models)
    changes = splits / "test.jsonl"
    cases = read_selection(test, changes, section.max_samples, section.seed)
    training = list(read_changes(splits / "train.jsonl", SplitChange))
    planned = read_planned(baseline)
    controls = fit_controls(training, planned, "groups_given" in section.also)
    counters = cache(partial(token_counters, base))

    def alone(asked: Sequence[Case]) -> list[Case]:
        budget, style = values.render.max_prompt_tokens, values.style.message
        return with_student_prompts(
            asked, words, budget, values.render, style, Counters(*counters())
        )

    systems = systems_of(ggufs, cases, full, planned, alone, section)
    systems += [System(name, control, cases) for name, control in controls.items()]
    has_bodies = values.style.body != "none"
    decoding = Decoding(
        section.max_answer_tokens,
        section.seed,
        with_bodies=has_bodies,
        candidates=section.candidates,
    )
    with tracked_run("eval", values) as run:
        evaluated = ask_all(systems, cases, decoding, values.style, progress)
        evaluation = evaluated.evaluation
        with whole_folder(reports) as folder:
            write_report(folder, evaluated)
            write_page(folder, evaluated, section.page_samples)
        log_evaluation(run, reports, evaluated, headline(evaluation))
    say(terminal_table(evaluation, get_terminal_size().columns))
    report(metrics, headline(evaluation), summary(evaluation))


if __name__ == "__main__":
    main()
