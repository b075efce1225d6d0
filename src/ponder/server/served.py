"""What a server needs of the model that it serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ponder.asks import Grow, LanguageModel, Resolved
from ponder.asks.model_card import ModelCard
from ponder.text import EncodedPrompt, Prompt, Tokenizer
from ponder.text.call_form import CallForm

if TYPE_CHECKING:
    from ponder.engine import EngineStats


class Served(LanguageModel, Protocol):
    """A `LanguageModel` with what an HTTP face tells of it.

    Attributes
    ----------
    tokenizer : cuts and spells texts.
    max_waiting : how many requests may wait for their turn.
    load_s : seconds that loading took.
    """

    @property
    def tokenizer(self) -> Tokenizer: ...

    @property
    def max_waiting(self) -> int: ...

    @property
    def load_s(self) -> float: ...

    def encode(self, prompt: Prompt) -> EncodedPrompt:
        """Return the text that the model sees and its token ids.

        Raises PonderError for a prompt that the model cannot read.
        """
        ...

    def call_form(self) -> CallForm | None:
        """Return how the model writes calls of tools; None: nobody knows.

        Raises PonderError where the chat template cannot be rendered.
        """
        ...

    def card(self) -> ModelCard:
        """Return what the model is."""
        ...

    def resolve(self, ask: Grow) -> Resolved:
        """Say how a request would apply. Raises PonderError for whatever would be refused when it runs."""
        ...

    def room(self, ask: Grow) -> int:
        """Return how many tokens may come after a request's prompt, and after its mixture's.

        It is negative where a prompt is longer than the context.
        Raises PonderError for a prompt that the model cannot read.
        """
        ...

    def stats(self) -> EngineStats:
        """Return what the engine has done and holds."""
        ...

    async def probe(self, timeout_s: float) -> float:
        """Return the seconds a round trip through the decode loop takes. Raises TimeoutError."""
        ...

    def close(self) -> None:
        """End all requests with ClosedError."""
        ...
