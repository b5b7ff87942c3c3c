"""The verb tokens: a sample as the student's tokenizer cuts it, with the loss mask."""

from pathlib import Path

import click

from diffscribe.core.cli import INPUT, OUTPUT, Command, params_option, say
from diffscribe.core.errors import InputError
from diffscribe.core.files import read_jsonl, whole_file
from diffscribe.core.log_params import load_any_params
from diffscribe.core.records import TrainingSample
from diffscribe.doors.model_folder import load_tokenizer
from diffscribe.review.tokens import counted, tokens_of, tokens_page


@click.command(cls=Command)
@click.argument("wanted", metavar="ID")
@click.argument("samples", type=INPUT, default=Path("data/sft"))
@click.argument("base", type=INPUT, default=Path("models/base"))
@click.argument("page", type=OUTPUT, default=Path("reports/tokens.html"))
@params_option
def tokens_command(
    wanted: str, samples: Path, base: Path, page: Path, params: Path
) -> None:
    """Show the tokens of a sample, and which of them are learned.

    ID is the beginning of the id of one of SAMPLES. Cut and mask are those of the
    trainer, with the tokenizer of BASE.
    """
    from diffscribe.train.trainer import masked_ids

    split, sample = find_sample(samples, wanted)
    tokenizer = load_tokenizer(base)
    masked = masked_ids(sample, tokenizer, load_any_params(params).train)
    tokens = tokens_of(tokenizer, masked)
    title = f"Sample {sample.id[:12]}, {split}"
    with whole_file(page) as partial:
        partial.write_text(tokens_page(title, tokens), encoding="utf-8")
    say(f"tokens: {counted(tokens)}: {page}")


def find_sample(folder: Path, wanted: str) -> tuple[str, TrainingSample]:
    """Return the one sample whose id begins so, with the name of its split.

    Raises:
        InputError: if there is none, or more than one.
    """
    found = [
        (path.stem, sample)
        for path in sorted(folder.glob("*.jsonl"))
        for sample in read_jsonl(path, TrainingSample)
        if sample.id.startswith(wanted.lower())
    ]
    if len(found) != 1:
        ids = ", ".join(sample.id[:12] for _, sample in found[:5])
        raise InputError(
            f"id '{wanted}' begins {len(found)} samples of '{folder}'"
            f"{f' ({ids})' if ids else ''}; give the beginning of one, as "
            f"'{folder}/*.jsonl' has them"
        )
    return found[0]
