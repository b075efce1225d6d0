"""Tasks by name, for faces that let one be chosen."""

from __future__ import annotations

from ponder.tasks.gym import SETTINGS, gym_task
from ponder.tasks.task import Task
from ponder.tasks.word_problems import word_problems

TASK_NAMES = ("word_problems", *SETTINGS)


def task_named(name: str) -> Task:
    """Return a task by name; any family of reasoning_gym is one.

    Raises
    ------
    ParameterError, UnsupportedError : as `gym_task`.
    """
    if name == "word_problems":
        return Task(name, word_problems, stop="\n\n", max_tokens=48, step="\n")
    return gym_task(name)
