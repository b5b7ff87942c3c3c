"""Stage samples: build the sample repositories of the embedded default.

Usage: python scripts/samples.py data/samples reports/samples.json
"""

from pathlib import Path

import click

from diffscribe.core.cli import OUTPUT, Command, params_option, progress
from diffscribe.core.files import whole_folder
from diffscribe.core.params import load_params
from diffscribe.core.tracking import report
from diffscribe.samples.build import build_sample, count_samples
from diffscribe.samples.domains import all_repositories


@click.command(cls=Command)
@click.argument("samples", type=OUTPUT)
@click.argument("details", type=OUTPUT)
@params_option
def main(samples: Path, details: Path, params: Path) -> None:
    """Write a git bundle for each sample repository to the folder SAMPLES."""
    section = load_params(params).samples
    with whole_folder(samples) as folder:
        built = [
            build_sample(repository, folder / f"{repository.name}.bundle", section)
            for repository in progress(all_repositories(), "samples")
        ]
    counts = count_samples(built)
    report(
        details,
        counts,
        f"wrote {counts['commits']} commits in {counts['repositories']} repositories, "
        f"{counts['languages']} languages",
    )


if __name__ == "__main__":
    main()
