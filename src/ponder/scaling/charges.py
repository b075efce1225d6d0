"""What a run is charged for what it computes: as if it ran alone, with a cache that forgets nothing.

    a path of L tokens, of which the run's texts so far begin with at most k:    L - k tokens
    a path that ends where another text went on already, or within one:          1 token, its last
    a text that grows by m tokens:                                               m tokens, m rows of logits

A token is charged when it is given or generated, once: a text that goes on has been charged for its last
token. So what is charged is never less than what the run's requests compute, it does not depend on what
else the model does at the same time or what others left in its cache, and a run that was interrupted is
charged as if it had not been. Only what the cache has lost, since memory was short or the run was
interrupted, is computed once more than it is charged for.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ponder.asks import Grow, LanguageModel, Path
from ponder.asks.cost import Cost
from ponder.asks.language_model import Resolved, Resolver
from ponder.rewards import Candidate, Problem, Reward, is_free
from ponder.scaling.budget import Budget, Charge
from ponder.scaling.growing import Growing
from ponder.text import Prompt

Ids = tuple[int, ...]


class Entry(NamedTuple):
    """The path that texts grow from, as tokens, and what is charged once the first of them grows."""

    tokens: Ids
    charge: Charge


@dataclass(slots=True)
class Charges:
    """What the paths of a run are charged, which depends on the texts that it has grown."""

    model: LanguageModel
    resolve: Callable[[Grow], Resolved]
    price: Cost | None
    _prompts: list[tuple[Prompt, Ids]] = field(default_factory=list)
    _texts: list[Ids] = field(default_factory=list)  # in order
    _ends: set[Ids] = field(default_factory=set)  # those that nobody went on from

    def enter(self, asks: Sequence[Grow]) -> tuple[Entry, ...]:
        """Return the entry of each ask of an effect."""
        return tuple(self._entry(self._tokens(ask.path)) for ask in asks)

    def keep(self, entries: Sequence[Entry], growing: Sequence[Growing]) -> None:
        """Remember the texts of an effect that is over."""
        for text in growing:
            if text.tokens:
                whole = (*entries[text.number].tokens, *text.tokens)
                insort(self._texts, whole)
                self._ends.add(whole)

    def least(self, prompt: Prompt) -> Charge:
        """Return what one token after a prompt is charged."""
        tokens = self._tokens(Path(prompt))
        return _given(tokens, 0, self.price) + _grown(len(tokens), 1, self.price)

    def refuse(self, budget: Budget, reward: Reward, candidates: Sequence[Candidate] = ()) -> None:
        """Refuse a reward that is not free."""
        if not is_free(reward, self.model, candidates):
            what = "texts that the model did not write alone" if candidates else "texts again"
            raise budget.refusing(f"left unset with the reward {reward.name}, which may read {what}")

    def _tokens(self, path: Path) -> Ids:
        found = next((tokens for prompt, tokens in self._prompts if prompt == path.prompt), None)
        if found is not None and not path.text:
            return (*found, *path.tokens)
        resolved = self.resolve(Grow(Path(path.prompt, path.tokens, path.text)))
        if found is None:
            self._prompts.append((path.prompt, resolved.token_ids))
        return (*resolved.token_ids, *resolved.begun)

    def _entry(self, tokens: Ids) -> Entry:
        place = bisect_left(self._texts, tokens)
        computed = 0  # how many of its first tokens have been
        for text in self._texts[max(0, place - 1) : place + 1]:
            common = _common(tokens, text)
            computed = max(computed, common - (common == len(text)))  # a text's last token has not been
        if computed < len(tokens) and tokens[: computed + 1] in self._ends:  # but it was charged for
            self._ends.remove(tokens[: computed + 1])
            return Entry(tokens, _given(tokens, computed + 1, self.price))
        return Entry(tokens, _given(tokens, min(computed, len(tokens) - 1), self.price))


async def charges_of(
    budget: Budget, problem: Problem, model: LanguageModel, reward: Reward | None
) -> Charges | None:
    """Return what keeps count for a budget that limits what is computed, None for another.

    Raises
    ------
    ParameterError : model or reward do not tell what they compute, or the budget is too small for an answer.
    """
    if not budget.needs_charges:
        return None
    if not isinstance(model, Resolver) or model.offers.paths != "tokens":
        raise budget.refusing(f"left unset with {model.name}, whose tokens are not known before")
    if budget.max_flops is not None and model.offers.cost is None:
        raise budget.refusing(f"left unset with {model.name}, which does not tell what it costs")
    charges = Charges(model, model.resolve, model.offers.cost)
    if reward is not None:
        charges.refuse(budget, reward)
    budget.check_least(await asyncio.to_thread(charges.least, problem.prompt))
    return charges


def charge_of(
    growing: Sequence[Growing], gains: Sequence[int], entries: Sequence[Entry], price: Cost | None
) -> Charge:
    """Return what an effect's texts are charged once they have grown by so many more tokens.

    Without entries only what they generate is known. Tokens that a text gave up have been generated too.
    """
    grown = [len(text.tokens) + gain for text, gain in zip(growing, gains, strict=True)]
    given_up = sum(text.given_up for text in growing)
    if not entries:
        return Charge(sum(grown) + given_up)
    begun = {text.number for text, count in zip(growing, grown, strict=True) if count}
    charges = [entries[number].charge for number in begun]
    charges += (
        _grown(len(entries[text.number].tokens), count, price)
        for text, count in zip(growing, grown, strict=True)
    )
    return sum(charges, Charge(given_up))


def _given(tokens: Ids, computed: int, price: Cost | None) -> Charge:
    """Return the charge of a path's tokens but for the first, which have been computed."""
    flops = 0 if price is None else price.tokens(computed, len(tokens))
    return Charge(0, len(tokens) - computed, flops)


def _grown(length: int, count: int, price: Cost | None) -> Charge:
    """Return the charge of so many tokens after a path of this length."""
    flops = 0 if price is None else price.row * count + price.tokens(length, length + count)
    return Charge(count, count, flops)


def _common(one: Ids, other: Ids) -> int:
    """Return with how many equal tokens two texts begin."""
    differ = (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    return next(differ, min(len(one), len(other)))
