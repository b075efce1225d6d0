"""The transformer, written once over `kernels.ops`."""

from ponder.kernels.batch import ForwardBatch
from ponder.models.load import load_transformer
from ponder.models.transformer import Transformer

__all__ = ["ForwardBatch", "Transformer", "load_transformer"]
