"""A model at its seat: weights, a cache, the token tree over it, and what runs them."""

from __future__ import annotations

from collections.abc import Hashable

from ponder.decoders.ranker import ranker_for
from ponder.engine.runner import Runner
from ponder.models import Transformer
from ponder.sampling.sampler import Sampler
from ponder.tree import Branch, PagePool, RadixTree


class Seat:
    """Where the policy sits, or a draft model, or one that rewards.

    Attributes
    ----------
    model, pool, tree, runner : what sits there.
    ranker, sampler : what makes candidates and tokens of its rows of logits.
    """

    def __init__(self, model: Transformer, num_pages: int) -> None:
        self.model = model
        self.pool = PagePool(model.new_cache(num_pages))
        self.tree = RadixTree(self.pool)
        self.runner = Runner(model, self.pool)
        self.ranker = ranker_for(model.kernels, model.device)

    @property
    def sampler(self) -> Sampler:
        return self.ranker.sampler

    @property
    def context(self) -> int:
        """The most tokens that a text may have."""
        return self.model.config.context_length

    def branch(self, reach: int, salt: str | None) -> Branch:
        """Return an empty branch for a text that may reach so many tokens.

        Texts that share pages agree on the salt and on the regime of their positions.
        """
        key: Hashable = salt, self.model.positions.regime(reach)
        return Branch(self.tree, key)
