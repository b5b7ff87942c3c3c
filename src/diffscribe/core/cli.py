"""What all stage scripts share: arguments, --params, progress, exit codes."""

from diffscribe.core.interrupt import exit_interrupted, interrupt_by_exception

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from diffscribe.core.errors import DiffscribeError, InputError

if TYPE_CHECKING:
    from tqdm import tqdm


T = TypeVar("T")

INPUT = click.Path(path_type=Path)
OUTPUT = click.Path(path_type=Path)

params_option = click.option(
    "--params",
    type=click.Path(path_type=Path),
    default=Path("params.yaml"),
    show_default=True,
    help="The params file to read.",
)


class Stage(click.Command):
    """A command whose explained failures become one line and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the stage; exit as errors.py documents."""
        try:
            interrupt_by_exception()
            for parameter in self.params:
                if isinstance(parameter, click.Argument) and parameter.type is INPUT:
                    _require(ctx.params[str(parameter.name)])
            return super().invoke(ctx)
        except DiffscribeError as error:
            click.echo(f"{ctx.info_name}: {error}", err=True)
            sys.exit(error.exit_code)
        except KeyboardInterrupt:
            exit_interrupted(str(ctx.info_name))


def _require(paths: Path | tuple[Path, ...]) -> None:
    """Refuse an input that is missing, and say who writes it."""
    for path in paths if isinstance(paths, tuple) else (paths,):
        if not path.exists():
            raise InputError(
                f"input '{path}' does not exist; run the stage that writes it "
                "first, or all of them with 'make repro'"
            )


def progress(items: Iterable[T], name: str, total: int | None = None) -> "tqdm[T]":
    """Show rate and ETA on stderr while iterating; silent if no terminal."""
    from tqdm import tqdm

    return tqdm(items, desc=name, total=total, disable=None, smoothing=0.1)
