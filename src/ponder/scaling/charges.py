"""What a run is charged for what it computes: as if it ran alone, with a cache that forgets nothing.

    a path of L tokens, of which the run's texts so far begin with at most k:    L - k tokens
    a path that ends where another text went on already, or within one:          1 token, its last
    a text that grows by m tokens:                                               m tokens, m rows of logits

    a text that a reward reads, as above, but only what it read for earlier
    judgements, and right before for the same candidate, counts as begun:        its new tokens, 1 at least
    a reply of m tokens:                                                         m tokens, m rows of logits
    a text that a classifier reads:                                              all of its tokens

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
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ponder.asks import Grow, LanguageModel, Path
from ponder.asks.cost import Cost
from ponder.asks.language_model import Resolved, Resolver
from ponder.rewards import Candidate, Judgement, Planned, Problem, Reward, planned
from ponder.scaling.budget import Budget, Charge
from ponder.scaling.growing import Growing
from ponder.text import Prompt

Ids = tuple[int, ...]


class Entry(NamedTuple):
    """The path that texts grow from, as tokens, and what is charged once the first of them grows."""

    tokens: Ids
    charge: Charge


@dataclass(frozen=True, slots=True)
class Scoring:
    """What scoring a candidate is charged: texts that are read, and of each how much has been computed."""

    plans: tuple[tuple[Planned, int], ...] = ()

    def read(self, grown: int = 0) -> Charge:
        """Return the charge of what is read, for a candidate that has grown by so many more tokens."""
        before = {plan.after for plan, _ in self.plans}  # what is read of a step, and does not grow
        total = Charge()
        for plan, computed in self.plans:
            price = _price(plan)
            total += _given(plan.tokens, computed, price)
            if plan.tokens not in before:
                total += _grown(len(plan.tokens), grown, price)
            total += Charge(0, 0, price.row if price else 0)
        return replace(total, generated_tokens=0)

    def written(self, grown: int = 0) -> Charge:
        """Return the charge of the longest replies."""
        total = Charge()
        for plan, _ in self.plans:
            for _ in range(plan.replies):
                total += _grown(len(plan.tokens) + grown, plan.most, _price(plan))
        return replace(total, generated_tokens=0)

    def most(self, grown: int = 0) -> Charge:
        """Return the most that it is charged."""
        return self.read(grown) + self.written(grown)


NO_SCORING = Scoring()


@dataclass(slots=True)
class Charges:
    """What the paths of a run are charged, which depends on the texts that it has grown."""

    model: LanguageModel
    resolve: Callable[[Grow], Resolved]
    price: Cost | None
    _prompts: list[tuple[Prompt, Ids]] = field(default_factory=list)
    _texts: list[Ids] = field(default_factory=list)  # in order
    _ends: set[Ids] = field(default_factory=set)  # those that nobody went on from
    _read: dict[int, list[Ids]] = field(default_factory=dict)  # by the reward's model (`id`), in order

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

    def scoring(
        self, budget: Budget, reward: Reward, problem: Problem, candidates: Sequence[Candidate]
    ) -> list[Scoring]:
        """Return what scoring each candidate is charged.

        Raises
        ------
        ParameterError : the reward cannot tell it.
        """
        plans = planned(reward, self.model, problem, candidates)
        if plans is None:
            raise budget.refusing(
                f"left unset with the reward {reward.name}, which does not tell beforehand what it computes"
            )
        if budget.max_flops is not None and any(_price(one) is None for plan in plans for one in plan):
            raise budget.refusing(f"left unset with the reward {reward.name}, whose cost is not known")
        return [Scoring(tuple((one, self._begun(one)) for one in plan)) for plan in plans]

    def scored(self, scoring: Sequence[Scoring], judgement: Judgement) -> Charge:
        """Return what a judgement is charged, and remember what was read for it."""
        for plan in (plan for one in scoring for plan, _ in one.plans):
            if plan.model is not None:
                insort(self._read.setdefault(id(plan.model), []), plan.tokens)
        read = sum((one.read() for one in scoring), Charge())
        most = sum((one.written() for one in scoring), Charge())
        replied = sum(usage.generated_tokens for usage in judgement.requests)
        return read + Charge(
            0, min(replied, most.computed_tokens), min(most.flops, replied * _dearest(scoring))
        )

    def _begun(self, plan: Planned) -> int:
        """Return how many of a text's first tokens the reward's model has computed in this run."""
        if plan.model is None or not plan.tokens:
            return 0
        texts = self._read.get(id(plan.model), [])
        place = bisect_left(texts, plan.tokens)
        near = (plan.after, *texts[max(0, place - 1) : place + 1])
        return min(max(_common(plan.tokens, text) for text in near), len(plan.tokens) - 1)

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
    least = await asyncio.to_thread(charges.least, problem.prompt)
    if reward is not None:
        candidate = begun_candidate("", (), model.name)
        (scoring,) = await asyncio.to_thread(charges.scoring, budget, reward, problem, [candidate])
        least += scoring.most(1)
    budget.check_least(least)
    return charges


def begun_candidate(text: str, steps: Sequence[str], model: str) -> Candidate:
    """Return a text of which another reasoning step has just begun, with a first character."""
    return Candidate(f"{text}x", model=model, logprob=0.0, tokens=1, steps=(*steps, "x"))


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


def _price(plan: Planned) -> Cost | None:
    return None if plan.model is None else plan.model.offers.cost


def _dearest(scoring: Sequence[Scoring]) -> int:
    """Return the most that a token of a reply is charged, in operations."""
    ends = [
        (price, len(plan.tokens) + plan.most)
        for one in scoring
        for plan, _ in one.plans
        if (price := _price(plan)) is not None and plan.replies
    ]
    return max((price.row + price.tokens(end - 1, end) for price, end in ends), default=0)


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
