"""A file on disk -> `ModelConfig`, tensors, vocabulary, chat template; and names -> files."""

from ponder.checkpoints.checkpoint import (
    Checkpoint,
    GgufVocabulary,
    SpecialTokens,
    TensorSource,
    TokenizerJson,
)
from ponder.checkpoints.config import ModelConfig, RopeConfig
from ponder.checkpoints.layout import tensor_shapes
from ponder.checkpoints.open import open_checkpoint

__all__ = [
    "Checkpoint",
    "GgufVocabulary",
    "ModelConfig",
    "RopeConfig",
    "SpecialTokens",
    "TensorSource",
    "TokenizerJson",
    "open_checkpoint",
    "tensor_shapes",
]
