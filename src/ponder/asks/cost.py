"""What a model's forward passes cost in floating-point operations, counted from what requests used."""

from __future__ import annotations

from dataclasses import dataclass

from ponder.asks.events import Usage


@dataclass(frozen=True, slots=True)
class Cost:
    """Floating-point operations of the parts of a forward pass; a multiplication and an addition are two.

    Counted are the products of matrices and of attention, as is usual: norms, activations and the softmax are
    some thousandths of them.

    Attributes
    ----------
    token : of a token in all layers: 2 for each weight that it is multiplied with.
    attended : of a token that sees one in one layer: 4 * heads * head size, for its score and its value.
    row : of a row of logits.
    windows : how many tokens a token of each layer sees at most, itself included (None: all).
    """

    token: int
    attended: int
    row: int
    windows: tuple[int | None, ...]

    def flops(self, usage: Usage) -> int:
        """Return what was computed."""
        return (
            self.token * usage.computed_tokens
            + self.attended * usage.attended_tokens
            + self.row * usage.logit_rows
        )

    def published_flops(self, usage: Usage) -> int:
        """Return what papers report: 2 for each weight and token, no attention, and no cache."""
        return (self.token + self.row) * (usage.computed_tokens + usage.cached_tokens)

    def tokens(self, first: int, end: int) -> int:
        """Return the operations of the tokens at positions `first` to `end` - 1, without rows of logits."""
        seen = sum(_seen(end, window) - _seen(first, window) for window in self.windows)
        return self.token * (end - first) + self.attended * seen


def _seen(tokens: int, window: int | None) -> int:
    """Return how many tokens the first so many tokens of a text see in a layer, themselves among them."""
    growing = tokens if window is None else min(tokens, window)
    return growing * (growing + 1) // 2 + (tokens - growing) * (window or 0)
