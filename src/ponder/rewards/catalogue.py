"""Rewards by name, for faces that let one be chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import resources

from ponder.asks import LanguageModel
from ponder.errors import ParameterError
from ponder.rewards.arithmetic import arithmetic_verifier
from ponder.rewards.code import code_verifier
from ponder.rewards.confidence import Confidence
from ponder.rewards.head import Head, HeadReward
from ponder.rewards.likelihood import Likelihood
from ponder.rewards.profanity import profanity_reward
from ponder.rewards.reward import Reward
from ponder.rewards.sentiment import sentiment_reward
from ponder.rewards.verifier import exact_verifier, math_verifier

HEAD = "head:"
_HEADS = resources.files("ponder.rewards") / "heads"  # by the models' names

_REWARDS: Mapping[str, Callable[[LanguageModel], Reward]] = {
    "likelihood": lambda model: Likelihood(model),
    "mean-likelihood": lambda model: Likelihood(model, normalise="tokens"),
    "self-certainty": lambda _: Confidence("self-certainty"),
    "entropy": lambda _: Confidence("entropy"),
    "math": lambda _: math_verifier(),
    "exact": lambda _: exact_verifier(),
    "arithmetic": lambda _: arithmetic_verifier(),
    "code": lambda _: code_verifier(),
    "public-code": lambda _: code_verifier("public"),
    "sentiment": lambda _: sentiment_reward(),
    "profanity": lambda _: profanity_reward(),
    "head": lambda model: _shipped_head(model),
}
REWARD_NAMES = tuple(_REWARDS)


def reward_named(name: str, model: LanguageModel) -> Reward:
    """Return a reward by name; "head" is the trained `Head` that comes with ponder, "head:FILE" a file's.

    Those that need a model use `model`.

    Raises
    ------
    ParameterError : there is no such reward, or no head for the model.
    CheckpointError : the file is no head.
    UnsupportedError : a package that the reward needs is not installed.
    """
    if name.startswith(HEAD):
        return HeadReward(Head.load(name.removeprefix(HEAD)), model)
    if name not in _REWARDS:
        raise ParameterError("reward", name, f"one of {', '.join(REWARD_NAMES)}, or {HEAD}FILE")
    return _REWARDS[name](model)


def _shipped_head(model: LanguageModel) -> Reward:
    """Return the head for a model that comes with ponder; its provenance says what it learned from."""
    files = {file.name.removesuffix(".safetensors"): file for file in _HEADS.iterdir()}
    if model.name not in files:
        made = f"which ponder train-reward FILE --model {model.name} makes"
        raise ParameterError("reward", "head", f"head:FILE, {made}: ponder has heads for {', '.join(files)}")
    with resources.as_file(files[model.name]) as file:
        return HeadReward(Head.load(file), model)
