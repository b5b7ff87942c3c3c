"""What several tests of splits and leaks take as given."""

from diffscribe.core.params import SplitParams
from tests.support.rows import make_curated

HEADERS = [
    "diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n",
    "diff --git a/x b/z\nsimilarity index 100%\nrename from x\nrename to z\n",
    "diff --git a/x b/x\nold mode 100644\nnew mode 100755\n",
    f"diff --git a/x b/x\nindex {'1' * 40}..{'2' * 40} 100644\n"
    "Binary files a/x and b/x differ\n",
    f"diff --git a/x b/x\nindex {'1' * 40}..{'3' * 40} 100644\n"
    "Binary files a/x and b/x differ\n",
    f"diff --git a/x b/x\nnew file mode 100644\nindex {'0' * 40}..{'e' * 40}\n",
]
"""Sections of diffs without lines, all different."""


def split_params(**fields):
    """Return the section with usual values, but for the fields."""
    values = {
        "by": "repository",
        "validation_repos": (),
        "test_repos": (),
        "validation_fraction": 0.1,
        "test_fraction": 0.2,
        "benchmarks": (),
        "junk_fraction": 0.3,
        "max_junk_files": 3,
        "seed": 7,
    }
    return SplitParams(**{**values, **fields})


SIZES = {f"acme/r{n}": 10 + n for n in range(12)}


def rows_of(sizes=SIZES, **fields):
    """Return so many rows of each repository, a day apart."""
    return [
        make_curated(
            repo=repo,
            head=f"{n:03}",
            committed_at=f"2024-{n // 28 + 1:02}-{n % 28 + 1:02}",
            **fields,
        )
        for repo, size in sizes.items()
        for n in range(size)
    ]
