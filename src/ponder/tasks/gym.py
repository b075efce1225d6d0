"""Families of the package reasoning_gym, with numbers that models of half a billion weights can work with."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from ponder.errors import ParameterError, UnsupportedError
from ponder.tasks.task import Example, Task

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "basic_arithmetic": {"min_terms": 2, "max_terms": 2, "min_digits": 2, "max_digits": 2},
    "chain_sum": {"min_terms": 2, "max_terms": 3, "min_digits": 1, "max_digits": 2},
    "fraction_simplification": {
        "min_value": 1,
        "max_value": 20,
        "min_factor": 2,
        "max_factor": 7,
        "styles": ("plain",),
    },
    "gcd": {"min_numbers": 2, "max_numbers": 2, "min_value": 2, "max_value": 40},
    "lcm": {"min_numbers": 2, "max_numbers": 2, "min_value": 2, "max_value": 20},
    "letter_counting": {"min_words": 2, "max_words": 4},
    "products": {"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 2},
}
"""What differs from the package's own settings."""


def gym_task(name: str) -> Task:
    """Return a family of reasoning_gym by its name there; one without `SETTINGS` as the package makes it.

    Raises
    ------
    ParameterError : there is no such family.
    UnsupportedError : the package is not installed.
    """
    try:
        import reasoning_gym  # type: ignore[import-untyped]
        from reasoning_gym.factory import DATASETS  # type: ignore[import-untyped]
    except ImportError:
        needed = 'reasoning_gym, which pip install "ponder[gym]" adds'
        raise UnsupportedError(f"the task {name} needs {needed}") from None
    if name not in DATASETS:
        raise ParameterError(
            "task", name, f"multiply_add, word_problems, {', '.join(SETTINGS)}, or another of reasoning_gym"
        )
    return Task(name, partial(_examples, reasoning_gym.create_dataset, name))


def _examples(create: Any, name: str, seed: int, count: int) -> list[Example]:
    if not count:
        return []
    made = create(name, size=count, seed=seed, **SETTINGS.get(name, {}))
    return [Example(one["question"], one["answer"], one["answer"]) for one in made]
