"""What an answer cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from operator import add, attrgetter
from typing import Any

from ponder.asks import Usage
from ponder.asks.cost import Cost
from ponder.rewards import Judgement


@dataclass(frozen=True, slots=True)
class Ledger:
    """Tokens, requests and seconds; ledgers add up.

    What a strategy's requests and a reward's cost the model is counted apart; where both ask the same engine,
    the two together are its counters.

    Attributes
    ----------
    prompt_tokens, cached_tokens, generated_tokens, hit_tokens, computed_tokens, proposed_tokens,
    accepted_tokens : as in `Usage`, over all of the strategy's requests to the model.
    reward_tokens : what rewards had models compute.
    requests : the strategy's requests to the model.
    seconds : by the clock; of answers found at the same time, the sum.
    reward_prompt_tokens, reward_cached_tokens, reward_generated_tokens, reward_hit_tokens : as in `Usage`,
        over the requests that rewards made.
    reward_requests : how many those are.
    attended_tokens, logit_rows : as in `Usage`.
    flops, published_flops : floating-point operations of the strategy's requests, as computed and as papers
        count them (`Cost`); 0 of a model that does not tell.
    """

    prompt_tokens: int = 0
    cached_tokens: int = 0
    generated_tokens: int = 0
    reward_tokens: int = 0
    requests: int = 0
    seconds: float = 0.0
    hit_tokens: int = 0
    computed_tokens: int = 0
    proposed_tokens: int = 0
    accepted_tokens: int = 0
    reward_prompt_tokens: int = 0
    reward_cached_tokens: int = 0
    reward_generated_tokens: int = 0
    reward_hit_tokens: int = 0
    reward_requests: int = 0
    attended_tokens: int = 0
    logit_rows: int = 0
    flops: int = 0
    published_flops: int = 0

    def __add__(self, other: Ledger) -> Ledger:
        return Ledger(*map(add, _values(self), _values(other)))

    def as_json(self) -> dict[str, int | float]:
        """Return the fields, seconds rounded to a tenth of a millisecond."""
        return {**_named(self), "seconds": round(self.seconds, 4)}

    def as_entry(self) -> dict[str, int | float]:
        """Return the fields that are not 0, exactly; `ledger_told` makes the same ledger of them."""
        return {name: value for name, value in _named(self).items() if value}


_NAMES = tuple(one.name for one in fields(Ledger))
_OF_USAGE = tuple(one.name for one in fields(Usage))
_values: Callable[[Ledger], tuple[int, ...]] = attrgetter(*_NAMES)  # a ledger is added up at every token
_used: Callable[[Usage], tuple[int, ...]] = attrgetter(*_OF_USAGE)


def _named(ledger: Ledger) -> dict[str, int | float]:
    return dict(zip(_NAMES, _values(ledger), strict=True))


def ledger_told(entry: Mapping[str, Any]) -> Ledger:
    """Return the ledger that an entry tells of. Raises ValueError or TypeError if it is none."""
    for name, value in entry.items():
        kind = float if name == "seconds" else int
        if type(value) is not kind or not 0 <= value < math.inf:
            raise ValueError(f"{name} = {value!r} in a ledger")
    return Ledger(**entry)


def seconds_told(entry: Mapping[str, Any]) -> float:
    """Return the seconds of a line, which are checked like a ledger's."""
    return ledger_told({"seconds": entry["seconds"]}).seconds


def ledger_of(usage: Usage | None, cost: Cost | None = None) -> Ledger:
    """Return what one request to the model cost, but for its time; None: it has told nothing yet."""
    if usage is None:
        return Ledger(requests=1)
    ledger = Ledger(**dict(zip(_OF_USAGE, _used(usage), strict=True)), requests=1)
    if cost is None:
        return ledger
    return replace(ledger, flops=cost.flops(usage), published_flops=cost.published_flops(usage))


def reward_ledger(judgement: Judgement) -> Ledger:
    """Return what a judgement cost."""
    requests = judgement.requests
    return Ledger(
        reward_tokens=judgement.computed_tokens,
        reward_prompt_tokens=sum(usage.prompt_tokens for usage in requests),
        reward_cached_tokens=sum(usage.cached_tokens for usage in requests),
        reward_generated_tokens=sum(usage.generated_tokens for usage in requests),
        reward_hit_tokens=sum(usage.hit_tokens for usage in requests),
        reward_requests=len(requests),
    )
