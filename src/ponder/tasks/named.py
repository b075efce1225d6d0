"""Tasks by name, for faces that let one be chosen."""

from __future__ import annotations

from collections.abc import Mapping

from ponder.tasks.gym import SETTINGS, gym_task
from ponder.tasks.steps import multiply_add, word_problems
from ponder.tasks.task import Make, Task

_STEPS: Mapping[str, Make] = {"multiply_add": multiply_add, "word_problems": word_problems}

TASK_NAMES = (*_STEPS, *SETTINGS)


def task_named(name: str) -> Task:
    """Return a task by name; any family of reasoning_gym is one.

    Raises
    ------
    ParameterError, UnsupportedError : as `gym_task`.
    """
    if name in _STEPS:
        return Task(name, _STEPS[name], stop="\n\n", max_tokens=48, step="\n")
    return gym_task(name)
