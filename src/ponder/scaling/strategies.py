"""Strategies by name, for faces that let one be chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from ponder.asks import Boundary
from ponder.errors import ParameterError, UnsupportedError
from ponder.rewards import AnswerEquality
from ponder.scaling.ab_mcts import AbMcts
from ponder.scaling.answer_prior import AnswerPrior
from ponder.scaling.auto import Auto
from ponder.scaling.best_of_n import BestOfN
from ponder.scaling.budget_forcing import BudgetForcing
from ponder.scaling.deep_conf import DeepConf
from ponder.scaling.dvts import DVTS
from ponder.scaling.journal import plain
from ponder.scaling.mcts import Mcts
from ponder.scaling.particles import Particles
from ponder.scaling.policy import Advice, Failing, Policy
from ponder.scaling.posterior import Beta, Gaussian
from ponder.scaling.power import PowerSampling
from ponder.scaling.rebase import Rebase
from ponder.scaling.revision import Revision
from ponder.scaling.self_consistency import SelfConsistency
from ponder.scaling.short_m import ShortM
from ponder.scaling.speculative_rejection import SpeculativeRejection
from ponder.scaling.step_beam import StepBeam
from ponder.scaling.stopping import BetaRule, Doubling, Learned, Never, StopRule, Unanimous
from ponder.scaling.strategy import Strategy

STRATEGIES: Mapping[str, Any] = {
    kind.name: kind
    for kind in (
        *(BestOfN, SelfConsistency, ShortM, DeepConf),
        *(StepBeam, DVTS, Rebase, Particles, SpeculativeRejection, Mcts, AbMcts),
        *(Revision, BudgetForcing, PowerSampling, Auto),
    )
}
STRATEGY_NAMES = tuple(STRATEGIES)
STOP_RULES: Mapping[str, StopRule] = {
    rule.name: rule for rule in (BetaRule(), Unanimous(), Doubling(), Never())
}

_BY_NAME: Mapping[
    tuple[str, str], Mapping[str, Any]
] = {  # settings that are values, for faces that have names
    (SelfConsistency.name, "rule"): STOP_RULES,
    (AbMcts.name, "prior"): {"gaussian": Gaussian(), "beta": Beta()},
}
_KINDS: Mapping[str, Any] = {  # whatever a strategy's settings are made of
    kind.__name__: kind
    for kind in (
        *(*STRATEGIES.values(), Boundary, AnswerEquality),
        *(BetaRule, Unanimous, Doubling, Never, Learned, AnswerPrior, Gaussian, Beta),
        *(Policy, Advice, Failing),
    )
}
_GIVEN_OTHERWISE = frozenset({"sampling", "equal"})


def settings_of(name: str) -> tuple[str, ...]:
    """Return the names of the settings that a strategy has."""
    return tuple(one.name for one in fields(_kind(name)) if one.name not in _GIVEN_OTHERWISE)


def defaults_of(name: str) -> dict[str, Any]:
    """Return a strategy's settings and their defaults, as `strategy_named` takes them in plain data.

    None: the strategy finds a value itself, or has a file of ponder's own.
    """
    kind = _kind(name)()
    return {one: _told(name, one, getattr(kind, one)) for one in settings_of(name)}


def choices_of(name: str, setting: str) -> tuple[Any, ...]:
    """Return the values that a strategy's setting may have, where they are few and have names."""
    if (name, setting) in _BY_NAME:
        return tuple(_BY_NAME[name, setting])
    return _literals(get_type_hints(_kind(name))[setting])


def _told(name: str, setting: str, value: Any) -> Any:
    by_name = _BY_NAME.get((name, setting), {})
    if isinstance(value, Boundary):
        return value.strings[0]
    if isinstance(value, Policy):
        return None
    return next((key for key, one in by_name.items() if one == value), value)


def _literals(hint: Any) -> tuple[Any, ...]:
    if get_origin(hint) is Literal:
        return get_args(hint)
    return tuple(value for one in get_args(hint) for value in _literals(one))


def strategy_named(
    name: str, settings: Mapping[str, Any] | None = None, sampling: Mapping[str, Any] | None = None
) -> Strategy:
    """Return a strategy by name.

    Parameters
    ----------
    settings : its fields by name; None is the default. A `step` may be text, a `policy` its file,
        a `rule` one of `STOP_RULES` by name, and AB-MCTS's `prior` "gaussian" or "beta".
    sampling : the sampling parameters of its texts.

    Raises
    ------
    ParameterError : there is no such strategy, it has no such setting, or a value is not allowed.
    """
    kind, known = _kind(name), settings_of(name)
    given = {key: value for key, value in (settings or {}).items() if value is not None}
    for key, value in given.items():
        if key not in known:
            raise ParameterError(key, value, f"left unset with {name}, whose settings are {', '.join(known)}")
    if isinstance(step := given.get("step"), str | int | float):
        if not isinstance(step, str):
            raise ParameterError("step", step, "text")
        given["step"] = Boundary((step,))
    if isinstance(policy := given.get("policy"), str):
        given["policy"] = Policy.load(policy)
    for key, value in given.items():
        values = _BY_NAME.get((name, key))
        if values is not None and isinstance(value, str | int | float):
            if value not in tuple(values):
                raise ParameterError(key, value, "one of " + ", ".join(values))
            given[key] = values[str(value)]
    strategy: Strategy = kind(**given, sampling=dict(sampling or {}))
    return strategy


def described(strategy: Strategy) -> dict[str, Any]:
    """Return a strategy as plain data, of which `strategy_described` makes it again.

    Of one that is none of `STRATEGIES` it is the name alone.
    """
    kind = STRATEGIES.get(strategy.name)
    if kind is None or type(strategy) is not kind:
        return {"name": strategy.name}
    settings = plain(strategy)
    del settings["is"]
    return {"name": strategy.name, "settings": settings}


def strategy_described(told: Mapping[str, Any]) -> Strategy:
    """Return the strategy that was `described`.

    Raises
    ------
    UnsupportedError : the strategy is none of `STRATEGIES`, or has a setting, such as a function, that is not
        ponder's.
    ParameterError : a setting is not allowed.
    """
    if "settings" not in told:
        raise UnsupportedError(f"the strategy {told['name']} is not ponder's, and is not made from its name")
    strategy: Strategy = _made({"is": _kind(told["name"]).__name__, **told["settings"]})
    return strategy


def _made(told: Any) -> Any:
    """Return what `plain` told of."""
    if isinstance(told, list):
        return tuple(map(_made, told))
    if not isinstance(told, dict):
        return told
    given = {name: value if name == "sampling" else _made(value) for name, value in told.items()}
    kind = given.pop("is", None)
    if kind is None:
        return given
    if kind not in _KINDS:
        raise UnsupportedError(
            f"a {kind}, which the strategy has, is not ponder's, and is not made from its name"
        )
    if isinstance(biases := given.get("sampling", {}).get("logit_bias"), list):
        given["sampling"] = {**given["sampling"], "logit_bias": dict(biases)}
    return _KINDS[kind](**given)


def _kind(name: str) -> Any:
    if name not in STRATEGIES:
        raise ParameterError("strategy", name, "one of " + ", ".join(STRATEGY_NAMES))
    return STRATEGIES[name]
