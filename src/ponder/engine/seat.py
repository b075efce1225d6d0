"""A model at its seat: weights, a cache, the token tree over it, and what runs them."""

from __future__ import annotations

from collections.abc import Hashable

from ponder.engine.runner import Runner
from ponder.models import Transformer
from ponder.positions.rope_scaling import regime
from ponder.tree import Branch, PagePool, RadixTree


class Seat:
    """Where the policy sits, or a draft model, or one that rewards.

    Attributes
    ----------
    model, pool, tree, runner : what sits there.
    """

    def __init__(self, model: Transformer, num_pages: int) -> None:
        self.model = model
        self.pool = PagePool(model.config, num_pages, model.device, model.cache_dtype)
        self.tree = RadixTree(self.pool)
        self.runner = Runner(model, self.pool)

    @property
    def context(self) -> int:
        """The most tokens that a text may have."""
        return self.model.config.context_length

    def branch(self, reach: int, salt: str | None) -> Branch:
        """Return an empty branch for a text that may reach so many tokens.

        Texts that share pages agree on the salt and on the frequencies of their positions.
        """
        key: Hashable = salt, regime(self.model.config.rope, reach)
        return Branch(self.tree, key)
