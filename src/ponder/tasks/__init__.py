"""Problems by name, made from a seed: families that small models solve some of."""

from ponder.tasks.named import TASK_NAMES, task_named
from ponder.tasks.task import Task

__all__ = ["TASK_NAMES", "Task", "task_named"]
