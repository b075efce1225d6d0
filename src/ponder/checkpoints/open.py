"""From a name or a path to a checkpoint."""

from __future__ import annotations

from ponder.checkpoints.checkpoint import Checkpoint
from ponder.hub import registry


def open_checkpoint(name_or_path: str) -> Checkpoint:
    """Open a model by registry name, GGUF file, Hugging Face directory, or pulled hub id.

    Only headers and small files are read; tensors are read by `Checkpoint.tensors`. Nothing is
    downloaded.

    Raises
    ------
    CheckpointError
        The model is unknown, not downloaded, damaged, or of a kind that is not supported.
    """
    path = registry.resolve(name_or_path)
    name = name_or_path if registry.is_registered(name_or_path) else None
    if path.is_dir():
        from ponder.checkpoints.hf_directory import open_hf_directory

        return open_hf_directory(path, name)
    from ponder.checkpoints.gguf_file import open_gguf

    return open_gguf(path, name)
