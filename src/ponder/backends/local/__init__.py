"""A model in this process."""

from ponder.backends.local.load import load_local
from ponder.backends.local.model import LocalModel

__all__ = ["LocalModel", "load_local"]
