"""How much an engine does at once."""

from __future__ import annotations

from dataclasses import dataclass

from ponder.errors import ParameterError


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """How much at once.

    Attributes
    ----------
    max_waiting : requests that may wait for their turn; more are refused.
    max_rows : texts that may grow at once, unless one request alone has more.
    token_budget : tokens a step computes; texts that grow come first, prompts get the rest, and at least a
        page's worth.
    speculation_rows : texts that grow and guesses of how they go on that a step computes together; guesses
        get what texts leave of it, and half the token budget at most. A guess is nearly free while a step
        waits for weights from memory, and costs as much as a text when it does not.
    """

    max_waiting: int = 1024
    max_rows: int = 256
    token_budget: int = 256
    speculation_rows: int = 8

    def __post_init__(self) -> None:
        for name in ("max_waiting", "max_rows", "token_budget", "speculation_rows"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise ParameterError(name, value, "a whole number, 1 or more")
