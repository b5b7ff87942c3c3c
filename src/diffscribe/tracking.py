"""Metrics to file, to the terminal and to MLflow; the only door to MLflow."""

from collections.abc import Mapping
from pathlib import Path

import click

from diffscribe.jsonl import write_json

Number = int | float | None


def report(path: Path, metrics: Mapping[str, object], summary: str) -> None:
    """Write a stage's metrics file and print its one summary line."""
    write_json(path, metrics)
    click.echo(f"{path.stem}: {summary}")
