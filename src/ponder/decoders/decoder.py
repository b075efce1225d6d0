"""The role of a decoder."""

from __future__ import annotations

from typing import Any, Protocol

from ponder.asks.grow import Method
from ponder.asks.needs import Asker
from ponder.decoders.group import Group
from ponder.decoders.rows import Rows
from ponder.decoders.text import Growth, Ranked, Settled, States
from ponder.sampling.params import SamplingParams


class Decoder(Method, Protocol):
    """Decides which texts grow. Decoders are frozen values; what they remember is in each text's `note`.

    Attributes
    ----------
    normalised : whether penalties and bias act on log-probabilities, as in a search, instead of logits.
    """

    @property
    def normalised(self) -> bool: ...

    def check(self, params: SamplingParams) -> None:
        """Raise ParameterError for parameters that this decoder does not allow."""
        ...

    def width(self, params: SamplingParams) -> int:
        """Return the most texts that live at once, or tokens that are tried."""
        ...

    def asks(self, params: SamplingParams) -> Asker:
        """Say what is needed for these parameters."""
        ...

    def advance(self, group: Group, rows: Rows) -> list[Growth]:
        """Turn the rows of logits of the live texts into growths.

        A live text that parents none is dropped; one that parents several is forked.
        """
        ...

    def settle(self, group: Group) -> Settled:
        """Look at the group after its growths were applied. It may drop live texts and finished ones."""
        ...

    def answers(self, group: Group) -> list[Ranked]:
        """Return the finished texts that the caller asked for, in order."""
        ...


class StateReader(Protocol):
    """A decoder that needs the states of all tokens (`Needs.whole`)."""

    def read(self, note: Any, states: States) -> Any:
        """Return a text's note after the states [tokens, C] of the next tokens of its prompt."""
        ...
