"""Another process of this Python."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence

from diffscribe.core.errors import ToolError

_HASH = "import json, sys; print(json.dumps([*map(hash, json.load(sys.stdin))]))"
TIMEOUT_S = 60


def string_hashes(texts: Sequence[str], seed: int) -> list[int]:
    """Return Python's own hash of each text, as a process with PYTHONHASHSEED has it.

    They are the same in every process with that seed and this minor version.

    Raises:
        ToolError: if the process fails.
    """
    environment = {"PYTHONHASHSEED": str(seed), "PATH": os.environ.get("PATH", "")}
    try:
        done = subprocess.run(
            [sys.executable, "-s", "-c", _HASH],
            input=json.dumps(texts),
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ToolError(
            f"hashes with PYTHONHASHSEED={seed} cannot be computed: {error}; set "
            "collect.hash_seed to null"
        ) from error
    return list(json.loads(done.stdout))
