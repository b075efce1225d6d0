"""A `Transformer` read from directly: all rows of logits, which the engine never asks for."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ponder.kernels import AttentionPlan, ForwardBatch
from ponder.models import Transformer
from ponder.tree.page_pool import PagePool, pages_for


class TransformerLogits:
    """The `LogitSource` of a model in this process, with a cache of its own for one sequence.

    Parameters
    ----------
    longest : the most tokens of a sequence.
    chunk : how many are computed in one pass; None: all. 1 is how text is generated.
    """

    def __init__(self, name: str, model: Transformer, longest: int, chunk: int | None = None) -> None:
        self._name, self._model, self._chunk = name, model, chunk
        self._pool = PagePool(model.new_cache(pages_for(longest)))

    @property
    def name(self) -> str:
        return self._name

    def logits(self, tokens: Sequence[int], wanted: int) -> torch.Tensor:
        """Read `tokens` as one sequence; return the logits after each of the last `wanted`."""
        size, first = self._chunk or len(tokens), len(tokens) - wanted
        parts = [self._run(tokens, start, start + size, first) for start in range(0, len(tokens), size)]
        return torch.cat(parts)

    def _run(self, tokens: Sequence[int], start: int, end: int, first: int) -> torch.Tensor:
        """Compute tokens[start:end] after those before; return the logits after token `first` and later."""
        device, end = self._model.device, min(end, len(tokens))
        positions = torch.arange(start, end, device=device)
        plan = AttentionPlan(
            query_lengths=[end - start],
            context_lengths=[end],
            block_tables=[torch.arange(pages_for(end), device=device)],
        )
        batch = ForwardBatch(
            token_ids=torch.tensor(tokens[start:end], dtype=torch.int64, device=device),
            positions=positions,
            slot_mapping=positions,  # pages are in order, so a token's slot is its position
            plan=plan,
            reaches=[len(tokens)],
            logit_rows=torch.arange(min(max(first, start), end), end, device=device) - start,
        )
        return self._model.forward(batch, self._pool.cache)
