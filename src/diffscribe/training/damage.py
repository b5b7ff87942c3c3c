"""What libraries say of a damaged model folder, in one line that names it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from diffscribe.errors import SourceError


@contextmanager
def damage_explained(path: Path) -> Iterator[None]:
    """Explain why a model folder, or a file of it, cannot be loaded.

    Raises:
        SourceError: for what transformers, tokenizers and safetensors raise of
            files that are missing, cut off or of another kind.
    """
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, SafetensorError, StrictDataclassError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise SourceError(
            f"{path} cannot be loaded: {reason.rstrip('.')}; fetch it anew, or run "
            "the stage again that writes it"
        ) from error
