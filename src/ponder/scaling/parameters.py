"""A strategy's parameters: whether they are allowed, and what the model is sent of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ponder.errors import ParameterError
from ponder.rewards import Problem
from ponder.sampling import resolve_params
from ponder.scaling.seed import problem_seed

TEMPERATURE = 0.8  # of several samples, as in search-and-learn (Hugging Face, 2024)
AFTER_CODE = "\n```\n"  # the end of a fenced block


def check_sampling(sampling: Mapping[str, Any]) -> None:
    """Refuse sampling parameters that are none, and `n`, which is the strategy's to say."""
    if sampling.get("n") is not None:
        raise ParameterError("n", sampling["n"], "set in the budget, not in the sampling parameters")
    resolve_params(sampling, {})


def check_count(field: str, value: object, least: int = 1) -> None:
    """Refuse what is no whole number of at least `least`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ParameterError(field, value, f"a whole number, {least} or more")


def check_number(field: str, value: object, *, over: float = -math.inf, below: float = math.inf) -> None:
    """Refuse what is no finite number between two others."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not over < float(value) < below:  # type: ignore[arg-type]
        least = "" if over == -math.inf else f" over {over:g}"
        most = "" if below == math.inf else f" and below {below:g}"
        raise ParameterError(field, value, f"a finite number{least}{most}")


def check_flag(field: str, value: object) -> None:
    """Refuse what is neither true nor false."""
    if not isinstance(value, bool):
        raise ParameterError(field, value, "true or false")


def check_choice(field: str, value: object, allowed: Sequence[str]) -> None:
    """Refuse what is none of some names."""
    if value not in allowed:
        raise ParameterError(field, value, "one of " + ", ".join(allowed))


def sampling_for(
    sampling: Mapping[str, Any], problem: Problem, n: int, temperature: float = TEMPERATURE
) -> dict[str, Any]:
    """Return what the model is sent for a problem where a strategy draws `n` texts at a time.

    The temperature is this one unless the caller gave one, or 0 for a single text (greedy); the seed is the
    problem's own. A reply that is to be a program ends after its first block of code, unless the caller gave
    stop strings.
    """
    given = {name: value for name, value in sampling.items() if value is not None}
    defaults: dict[str, Any] = {"temperature": temperature if n > 1 else 0.0}
    if problem.tests is not None and problem.raw is None:
        defaults["stop"] = [AFTER_CODE]
    return {**defaults, **given, "n": n, "seed": problem_seed(given.get("seed", 0), problem)}
