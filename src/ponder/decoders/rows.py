"""A step's rows of logits of one request: the only place that knows how they lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from ponder.decoders.text import States, Text
from ponder.sampling.distribution import TraceSettings


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of logits, the mixture done.

    Of each live text, in order: the row after it, then one after each token of a chain that was computed; or
    one after each token that was tried.

    Attributes
    ----------
    logits : [R, V] float32.
    starts : where a text's first row is.
    guessed : the tokens of each text's chain that were computed.
    states : [R, C] float32, what the model's head read for the rows, where it was asked for.
    keep : how much of the distributions is kept that tokens are chosen from; None: nothing.
    """

    logits: torch.Tensor
    starts: Mapping[Text, int]
    guessed: Mapping[Text, tuple[int, ...]]
    states: States | None = None
    keep: TraceSettings | None = None

    def place(self, text: Text, node: int = 0) -> int:
        """Return which row is the one after a text; or after so many tokens of its chain; or of its star."""
        return self.starts[text] + node

    def guess(self, text: Text) -> tuple[int, ...]:
        """Return the tokens of a text's chain that have a row."""
        return self.guessed.get(text, ())

    def states_of(self, text: Text) -> States | None:
        """Return the states [1 + chain, C] of a text's rows, where they were asked for."""
        first = self.starts[text]
        return None if self.states is None else self.states[first : first + 1 + len(self.guess(text))]

    @property
    def one_each(self) -> bool:
        """Whether each live text has one row."""
        return len(self.starts) == len(self.logits)
