"""What an answer cost."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ponder.asks import Usage


@dataclass(frozen=True, slots=True)
class Ledger:
    """Tokens, requests and seconds; ledgers add up.

    Attributes
    ----------
    prompt_tokens, cached_tokens, generated_tokens : as in `Usage`, over all requests to the model.
    reward_tokens : what rewards had models compute.
    requests : requests to the model, those of rewards not counted.
    seconds : by the clock; of answers found at the same time, the sum.
    """

    prompt_tokens: int = 0
    cached_tokens: int = 0
    generated_tokens: int = 0
    reward_tokens: int = 0
    requests: int = 0
    seconds: float = 0.0

    def __add__(self, other: Ledger) -> Ledger:
        mine, theirs = asdict(self), asdict(other)
        return Ledger(**{name: mine[name] + theirs[name] for name in mine})

    def as_json(self) -> dict[str, int | float]:
        """Return the fields, seconds rounded to a tenth of a millisecond."""
        return {**asdict(self), "seconds": round(self.seconds, 4)}


def ledger_of(usage: Usage) -> Ledger:
    """Return what one request to the model cost, but for its time."""
    return Ledger(usage.prompt_tokens, usage.cached_tokens, usage.generated_tokens, requests=1)
