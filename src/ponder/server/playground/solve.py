"""POST /ponder/v1/solve: spend a budget on a better answer, and tell how it goes."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from ponder.constraints import constraint_of
from ponder.constraints.constraint import Constraint
from ponder.errors import ParameterError, renaming
from ponder.lm import LM
from ponder.rewards import Problem, Reward
from ponder.sampling import SamplingParams
from ponder.scaling import (
    STRATEGY_NAMES,
    Answer,
    Budget,
    EffectDone,
    Progress,
    Strategy,
    drive,
    settings_of,
    strategy_named,
)
from ponder.scaling.budget import BUDGET_FIELDS
from ponder.scaling.evaluate import Judges, summarise
from ponder.scaling.journal import plain
from ponder.scaling.strategies import described
from ponder.scaling.strategy import check_reward
from ponder.server.front.settings import ServerSettings
from ponder.server.playground.asked import checked_text, read_sampling, within
from ponder.server.playground.info import FILES
from ponder.server.playground.protocol import SolveBody
from ponder.server.playground.rewards import Rewards
from ponder.server.served import Served

STRATEGY = "best-of-n"
MAX_SETTING = 2**16  # of a strategy's whole numbers
WIDTHS = ("keep", "expand", "chains")  # whose product is how many texts grow at once


@dataclass(frozen=True, slots=True)
class Solving:
    """A problem, and how a budget is spent on it; `names` are the request's of what errors name."""

    names: Mapping[str, str]
    problem: Problem
    strategy: Strategy
    reward: Reward | None
    budget: Budget
    constraint: Constraint | None


def read_solving(
    body: SolveBody, lm: LM, model: Served, rewards: Rewards, settings: ServerSettings
) -> Solving:
    """Return what a request asks for. It may load a reward.

    Raises
    ------
    PonderError : a value is not allowed, is more than the server's limits, or names a file or a program.
    """
    for name in ("problem", "answer", "system"):
        checked_text(name, getattr(body, name) or "", model)
    with renaming({"prompt": "problem", "reference": "answer"}), _template():
        problem = lm.problem(
            body.problem,
            reference=body.answer,
            system=body.system,
            chat=body.chat,
            template_args=body.chat_template_kwargs,
        )
    budget = _budget(body.budget or {}, settings)
    name = STRATEGY if body.strategy is None else body.strategy
    sampling = _sampling(body.sampling, settings)
    if name not in STRATEGY_NAMES:
        raise ParameterError("strategy", name, "one of " + ", ".join(STRATEGY_NAMES))
    chosen = _settings(name, body.settings or {}, settings)
    with renaming({one: f"settings.{one}" for one in settings_of(name)}):
        strategy = strategy_named(name, chosen, sampling)
    reward = None if body.reward is None else rewards.named(body.reward)
    check_reward(strategy, reward)
    with within("constraint"):
        constraint = constraint_of(body.constraint or {})
    names = {
        **{one: f"sampling.{one}" for one in sampling},
        **{one: f"constraint.{one}" for one in body.constraint or {}},
        "prompt": "problem",
        "reference": "answer",
    }
    return Solving(names, problem, strategy, reward, budget, constraint)


async def solve(asked: Solving, model: Served, judges: Judges) -> AsyncGenerator[dict[str, Any]]:
    """Yield what a run tells: `begin`, `progress` and `tree` as often as there is news, at last the `answer`.

    A `progress` has of each text how many characters it has of the one that was in its place before (`same`),
    all or none, and what comes after them.
    """
    reward = asked.reward
    begin = {
        "type": "begin",
        "model": model.name,
        "strategy": described(asked.strategy),
        "reward": None if reward is None else {"name": reward.name, "scale": reward.scale},
        "budget": {name: getattr(asked.budget, name) for name in BUDGET_FIELDS},
    }
    run = drive(asked.strategy, asked.problem, model, reward, asked.budget, constraint=asked.constraint)
    shown: tuple[str, ...] = ()
    with renaming(asked.names), _template():
        async with aclosing(run) as told:
            async for item in told:
                if begin:  # what is refused at once is no stream's error
                    yield begin
                    begin = {}
                if isinstance(item, Progress):
                    yield _progress(item, shown)
                    shown = item.texts
                elif isinstance(item, EffectDone):
                    yield _tree(item)
                else:
                    yield await _answer(asked.problem, item, judges)


def _progress(item: Progress, shown: tuple[str, ...]) -> dict[str, Any]:
    before = (*shown, *[""] * (len(item.texts) - len(shown)))
    texts = []
    for old, new in zip(before, item.texts, strict=False):
        same = len(old) if new.startswith(old) else 0
        texts.append({"same": same, "text": new[same:]})
    best = None if item.best is None else {**item.best.as_json(), "scores": plain(item.scores)}
    return {"type": "progress", "texts": texts, "best": best, "ledger": item.ledger.as_json()}


def _tree(item: EffectDone) -> dict[str, Any]:
    return {
        "type": "tree",
        "effect": item.effect,
        "kind": item.kind,
        "nodes": [asdict(node) for node in item.nodes],
        "note": plain(item.note),
        "ledger": item.ledger.as_json(),
    }


async def _answer(problem: Problem, answer: Answer, judges: Judges) -> dict[str, Any]:
    """Return the answer; where the right one is known, whether it is that, and what choosing could reach."""
    result = await judges.result(problem, answer)
    known: dict[str, Any] = {"alone": None, "oracle": None}
    if result.right is not None:
        summary = summarise((result,))
        known = {"alone": summary.alone, "oracle": bool(summary.oracle)}
    return {"type": "answer", **result.as_json(), **known}


@contextmanager
def _template() -> Iterator[None]:
    """Let errors name a variable of the chat template as the request does."""
    try:
        yield
    except ParameterError as error:
        if not error.field.startswith("template_args"):
            raise
        name = "chat_template_kwargs" + error.field.removeprefix("template_args")
        raise ParameterError(name, error.value, error.allowed) from None


def _budget(given: Mapping[str, Any], settings: ServerSettings) -> Budget:
    """Return what a run may cost, which is never more than the server allows."""
    for name in given:
        if name not in BUDGET_FIELDS:
            raise ParameterError(f"budget.{name[:80]}", given[name], f"one of {', '.join(BUDGET_FIELDS)}")
    with within("budget"):
        n = min(Budget().n, settings.max_n)
        budget = Budget(**{"n": n, **{name: value for name, value in given.items() if value is not None}})
        if budget.n > settings.max_n:
            raise ParameterError("n", budget.n, f"a whole number from 1 to {settings.max_n}")
        most = settings.max_solve_tokens
        if budget.max_generated_tokens is None:
            return replace(budget, max_generated_tokens=most)
        if budget.max_generated_tokens > most:
            raise ParameterError("max_generated_tokens", budget.max_generated_tokens, f"at most {most}")
    return budget


def _sampling(given: Mapping[str, Any] | None, settings: ServerSettings) -> dict[str, Any]:
    params, most = read_sampling(given), settings.max_tokens
    if "n" in params:
        raise ParameterError("sampling.n", params["n"], "left out: budget.n says how many texts there are")
    if most is None:
        return params
    length = params.setdefault("max_tokens", min(most, SamplingParams().max_tokens))
    if length > most:
        raise ParameterError("sampling.max_tokens", length, f"at most {most}")
    return params


def _settings(name: str, given: Mapping[str, Any], settings: ServerSettings) -> dict[str, Any]:
    """Return a strategy's settings: none may name a file, or ask for more than the server allows."""
    with within("settings"):
        known = [one for one in settings_of(name) if one not in FILES]
        for key, value in given.items():
            if key not in known:
                allowed = f"left out with {name}, whose settings are {', '.join(known)}"
                raise ParameterError(key[:80], value, allowed)
            if isinstance(value, dict | list):
                raise ParameterError(key, value, "a number, a text, true or false")
            if isinstance(value, int) and value > MAX_SETTING:
                raise ParameterError(key, value, f"at most {MAX_SETTING}")
        counts = {key: given[key] for key in WIDTHS if type(given.get(key)) is int}
        if math.prod(counts.values()) > settings.max_texts:
            key, value = next(iter(counts.items()))
            raise ParameterError(
                key, value, f"less: {' times '.join(counts)} is at most {settings.max_texts}"
            )
    return dict(given)
