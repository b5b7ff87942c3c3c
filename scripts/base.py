"""Stage base: bring the model to start from, pinned."""

from pathlib import Path

import click

from diffscribe.base.base import copy_base, model_metrics
from diffscribe.core.cli import INPUT, OUTPUT, Command, params_option
from diffscribe.core.files import whole_folder
from diffscribe.core.log_params import load_any_params
from diffscribe.core.tracking import report
from diffscribe.doors.torch_runtime import quiet_libraries


@click.command(cls=Command)
@click.argument("shipped", type=INPUT)
@click.argument("base", type=OUTPUT)
@click.argument("details", type=OUTPUT)
@params_option
def main(shipped: Path, base: Path, details: Path, params: Path) -> None:
    """Fill BASE with the model that params name.

    SHIPPED is the folder of diffscribe-135m.
    """
    section = load_any_params(params).base
    quiet_libraries()
    with whole_folder(base) as folder:
        copy_base(section, shipped, folder)
    size = model_metrics(base)
    report(
        details,
        size,
        f"{section.source}, {size['parameters'] / 1e6:.1f} M parameters, "
        f"vocabulary {size['vocabulary']}",
    )


if __name__ == "__main__":
    main()
