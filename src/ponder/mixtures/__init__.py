"""Several distributions of one next token -> the one that it is chosen from."""

from ponder.mixtures.contrast import Contrast
from ponder.mixtures.dola import DoLa
from ponder.mixtures.guidance import Guidance, context_aware
from ponder.mixtures.mixture import Mixture

__all__ = ["Contrast", "DoLa", "Guidance", "Mixture", "context_aware"]
