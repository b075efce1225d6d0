"""Rewards by name, for faces that let one be chosen."""

from __future__ import annotations

from ponder.asks import LanguageModel
from ponder.errors import ParameterError
from ponder.rewards.arithmetic import arithmetic_verifier
from ponder.rewards.likelihood import Likelihood
from ponder.rewards.reward import Reward
from ponder.rewards.verifier import exact_verifier, math_verifier

REWARD_NAMES = ("likelihood", "mean-likelihood", "math", "exact", "arithmetic")


def reward_named(name: str, model: LanguageModel) -> Reward:
    """Return a reward by name; those that need a model use `model`.

    Raises
    ------
    ParameterError : there is no such reward.
    """
    match name:
        case "likelihood":
            return Likelihood(model)
        case "mean-likelihood":
            return Likelihood(model, normalise="tokens")
        case "math":
            return math_verifier()
        case "exact":
            return exact_verifier()
        case "arithmetic":
            return arithmetic_verifier()
    raise ParameterError("reward", name, "one of " + ", ".join(REWARD_NAMES))
