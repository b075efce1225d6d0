"""A short name for what a checkpoint holds."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from typing import Any

from ponder.checkpoints.checkpoint import Checkpoint
from ponder.checkpoints.layout import tensor_shapes

SAMPLE = 4096  # bytes, of each tensor's beginning, middle and end
DIGITS = 32


def fingerprint(checkpoint: Checkpoint) -> str:
    """Return hexadecimal digits that tell a checkpoint from others.

    They are of its configuration, vocabulary and chat templates, and of three samples of each tensor: all of
    a large model takes seconds to read, and training changes every tensor all over. Where a few numbers were
    changed by hand it may be the same.
    """
    digest = hashlib.sha256()
    about = (checkpoint.config, checkpoint.special, checkpoint.chat_template, checkpoint.tool_template)
    digest.update(_written(about))
    for one in fields(checkpoint.vocabulary):
        digest.update(_written(getattr(checkpoint.vocabulary, one.name)))
    for name in tensor_shapes(checkpoint.config):
        stored = checkpoint.tensors.stored(name)
        digest.update(f"{name} {stored.kind} {stored.shape}".encode())
        middle = len(stored.data) // 2
        for sample in (stored.data[:SAMPLE], stored.data[middle : middle + SAMPLE], stored.data[-SAMPLE:]):
            digest.update(sample.tobytes())
    return digest.hexdigest()[:DIGITS]


def _written(value: Any) -> bytes:
    """Return a value as bytes; lists of a vocabulary, which are long, in a quicker way than others."""
    if isinstance(value, tuple) and value and isinstance(value[0], str):
        return "\0".join(value).encode("utf-8", "surrogatepass")
    return repr(value).encode("utf-8", "surrogatepass")
