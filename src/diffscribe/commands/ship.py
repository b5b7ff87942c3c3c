"""The verb `ship`: the folder of diffscribe-135m, made of what a run wrote."""

import json
import shutil
from pathlib import Path

import click

from diffscribe.core.cli import INPUT, OUTPUT, Command, params_option, say
from diffscribe.core.errors import InputError, ParamsError
from diffscribe.core.files import repository_root, whole_folder, write_json
from diffscribe.core.params import load_params
from diffscribe.doors.adapter import WEIGHTS
from diffscribe.review.model_card import model_card, read_evaluation, read_results

SHIPPED_FOLDER = Path("models/diffscribe-135m")
BASE_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
MAX_ADAPTER_BYTES = 25_000_000
"""Each version stays in the history of the repository for good."""


@click.command(cls=Command)
@click.argument("run", type=INPUT, default=Path())
@click.argument("folder", type=OUTPUT, default=SHIPPED_FOLDER)
@params_option
def ship_command(run: Path, folder: Path, params: Path) -> None:
    """Write the folder of diffscribe-135m from what the stages wrote.

    RUN holds `data`, `models` and `reports` of all stages; --params is what they ran
    with. FOLDER gets the adapter, the baseline, a model card and results.json.
    """
    from diffscribe.base.smollm2 import SMOLLM2

    values = load_params(params)
    if values.base.source != SMOLLM2:
        raise ParamsError(
            f"base.source is {values.base.source}; what is shipped is an adapter of "
            f"{SMOLLM2} (train.adapter goes on from another adapter of it)"
        )
    with whole_folder(folder) as partial:
        _copy_adapter(run / "models" / "adapter", partial)
        (partial / "baseline").mkdir()
        for name in ("baseline.json", "baseline.safetensors"):
            _copy(run / "models" / "baseline" / name, partial / "baseline" / name)
        _copy(repository_root() / SHIPPED_FOLDER / "NOTICE", partial / "NOTICE")
        evaluation = read_evaluation(run)
        results = read_results(run, folder.name, partial, values, evaluation)
        write_json(partial / "results.json", results.model_dump(mode="json"))
        card = model_card(results, evaluation)
        (partial / "README.md").write_text(card, encoding="utf-8")
    say(
        f"ship: {folder}: {results.spent['tokens']:,} tokens seen, "
        f"{results.files[WEIGHTS]['bytes']:,} bytes of adapter"
    )


def _copy_adapter(adapter: Path, folder: Path) -> None:
    _copy(adapter / WEIGHTS, folder / WEIGHTS)
    size = (folder / WEIGHTS).stat().st_size
    if size > MAX_ADAPTER_BYTES:
        raise InputError(
            f"{adapter / WEIGHTS} has {size:,} bytes, more than "
            f"{MAX_ADAPTER_BYTES:,}; train with a smaller train.lora.r"
        )
    name = "adapter_config.json"
    _copy(adapter / name, folder / name)
    config = json.loads((folder / name).read_bytes())
    write_json(folder / name, {**config, "base_model_name_or_path": BASE_ID})


def _copy(file: Path, to: Path) -> None:
    try:
        shutil.copyfile(file, to)
    except FileNotFoundError as error:
        raise InputError(
            f"input '{file}' cannot be read: {error.strerror}; run the stages first"
        ) from error
