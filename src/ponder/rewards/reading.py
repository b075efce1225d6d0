"""What a reward has models compute for a candidate, told before it is scored."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from ponder.asks import Grow, LanguageModel, Path, Resolver
from ponder.errors import PonderError
from ponder.rewards.reward import Candidate, Problem, Reward, is_free
from ponder.text import Prompt


class Planned(NamedTuple):
    """A text that a reward will have a model read, and how much the model may write after it.

    Attributes
    ----------
    tokens : all of the text.
    model : who reads it; None for a model without a cache, which computes all of it.
    after : the text that the same model read just before for the same candidate.
    replies, most : how many replies are drawn, and the most tokens of each.
    """

    tokens: tuple[int, ...]
    model: LanguageModel | None = None
    after: tuple[int, ...] = ()
    replies: int = 0
    most: int = 0


def planned(
    reward: Reward, policy: LanguageModel, problem: Problem, candidates: Sequence[Candidate]
) -> list[tuple[Planned, ...]] | None:
    """Return what a reward will have read for each candidate; None if it cannot tell.

    A reward that is not free (`is_free`) tells by `plan(policy, problem, candidate)`, which returns the texts
    in the order in which they are read, or None.
    """
    if is_free(reward, policy, candidates):
        return [()] * len(candidates)
    told = getattr(reward, "plan", None)
    plans = [None if told is None else told(policy, problem, candidate) for candidate in candidates]
    known = [tuple(plan) for plan in plans if plan is not None]
    return known if len(known) == len(plans) else None


def joint_plan(
    rewards: Sequence[Reward], policy: LanguageModel, problem: Problem, candidate: Candidate
) -> tuple[Planned, ...] | None:
    """Return what several rewards will have read for a candidate; None if one cannot tell."""
    plans = [planned(reward, policy, problem, [candidate]) for reward in rewards]
    told = [plan[0] for plan in plans if plan is not None]
    return tuple(chain.from_iterable(told)) if len(told) == len(plans) else None


def tokens_of(model: LanguageModel, prompt: Prompt) -> tuple[int, ...] | None:
    """Return a prompt's tokens; None if the model cannot tell, and none where it would refuse the prompt."""
    if not isinstance(model, Resolver) or model.offers.paths != "tokens":
        return None
    try:
        return model.resolve(Grow(Path(prompt))).token_ids
    except PonderError:
        return ()
