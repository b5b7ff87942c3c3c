"""Stage base: bring the model to start from, pinned.

Usage: python scripts/base.py prompts/student data/splits/train.jsonl
           models/diffscribe-135m models/base reports/base.json
"""

from pathlib import Path

import click

from diffscribe.base.base import SCRATCH, copy_base, model_metrics
from diffscribe.base.scratch import (
    documents,
    initial_model,
    pretrain,
    save,
    train_tokenizer,
)
from diffscribe.commits.student_prompt import load_student_prompts
from diffscribe.core.cli import INPUT, OUTPUT, Command, params_option, progress
from diffscribe.core.files import read_jsonl, whole_folder
from diffscribe.core.params import load_params
from diffscribe.core.records import SplitChange
from diffscribe.core.tracking import report
from diffscribe.doors.torch_runtime import quiet_libraries, seed_torch


@click.command(cls=Command)
@click.argument("prompts", type=INPUT)
@click.argument("train", type=INPUT)
@click.argument("shipped", type=INPUT)
@click.argument("base", type=OUTPUT)
@click.argument("details", type=OUTPUT)
@params_option
def main(
    prompts: Path,
    train: Path,
    shipped: Path,
    base: Path,
    details: Path,
    params: Path,
) -> None:
    """Fill BASE with the model that params name; `scratch` sees TRAIN only.

    SHIPPED is the folder of diffscribe-135m.
    """
    values = load_params(params)
    section = values.base
    losses: list[float] = []
    quiet_libraries()
    with whole_folder(base) as folder:
        if section.source == SCRATCH:
            seed_torch(section.seed)
            texts_shown = load_student_prompts(prompts, values.render.answer).plan
            texts = documents(read_jsonl(train, SplitChange), texts_shown)
            tokenizer = train_tokenizer(texts, texts_shown.system, section.scratch)
            model = initial_model(tokenizer, section.scratch)
            steps = pretrain(model, tokenizer, texts, section.scratch)
            losses = list(progress(steps, "base", total=section.scratch.steps))
            save(model, tokenizer, folder)
        else:
            copy_base(section, shipped, folder)
    size = model_metrics(base)
    report(
        details,
        size | {"pretraining_loss": round(losses[-1], 4) if losses else None},
        f"{section.source}, {size['parameters'] / 1e6:.1f} M parameters, "
        f"vocabulary {size['vocabulary']}",
    )


if __name__ == "__main__":
    main()
