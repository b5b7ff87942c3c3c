"""What the machine offers to torch, and how a run is made to repeat."""

import ctypes
import os
import platform
import re
from pathlib import Path

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
KEPT_BY_MALLOC = {
    M_TRIM_THRESHOLD: -1,  # never
    M_TOP_PAD: 2**28,
    M_MMAP_MAX: 0,
}
"""Arguments of mallopt(3); the names are those of malloc.h."""


def has_gpu() -> bool:
    """Tell whether torch sees a CUDA device."""
    import torch

    return torch.cuda.is_available()


def has_bf16() -> bool:
    """Tell whether the hardware computes in bfloat16.

    A CPU without bfloat16 instructions emulates them, slower than float32.
    """
    import torch

    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def machine() -> dict[str, str | int | None]:
    """Return what computes: processor, threads, and the GPU or None."""
    import torch

    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8") if info.is_file() else ""
    named = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    return {
        "processor": named[1] if named else platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def seed_torch(seed: int) -> None:
    """Seed torch and make it deterministic: equal bits on machines of one kind."""
    # cuBLAS needs this before its first call, or refuses to be deterministic.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    import torch
    from transformers import set_seed

    set_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)


def suit_torch_to_cpu() -> None:
    """Set how OpenMP waits and how memory is kept; call it before torch is imported.

    OpenMP has threads spin while they wait for others, on cores that those need, unless
    the user has set how they wait. glibc, where malloc is glibc's, gives large tensors
    back to the system after each step, and every page of the next one is a fault again.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for name, value in KEPT_BY_MALLOC.items():
            mallopt(name, value)


def quiet_libraries() -> None:
    """Keep progress bars and notices of libraries off stderr."""
    import datasets
    from transformers.utils import logging

    datasets.disable_progress_bars()
    logging.disable_progress_bar()
    logging.set_verbosity_error()


def patch_with_unsloth() -> None:
    """Import Unsloth, which patches TRL and transformers; call it before them.

    Its statistics are switched off, and its compiled files go to .cache/.
    """
    os.environ.setdefault("UNSLOTH_DISABLE_STATISTICS", "1")
    os.environ.setdefault("UNSLOTH_COMPILE_LOCATION", ".cache/unsloth")
    import unsloth  # noqa: F401
