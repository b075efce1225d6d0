"""What the parts of a study share: a model, tasks, pools and heads, made when they are first asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ponder.asks import LanguageModel
from ponder.errors import ParameterError, PonderError
from ponder.lab.drawing import draw_pool
from ponder.lab.pool import Pool
from ponder.rewards import Head, HeadReward, Problem, Reward, reward_named
from ponder.scaling import Budget, Result, Strategy, label, solve_all, train, tree_for
from ponder.scaling.label_tree import STEPS
from ponder.scaling.parameters import TEMPERATURE
from ponder.scaling.train_reward import DECAYS
from ponder.tasks import Task, task_named

TRAINING_SEED = 1
STEPS_TASK = "multiply_add"
HEAD = "head"


@dataclass(frozen=True, slots=True)
class Study:
    """A model, and what is measured of it.

    Attributes
    ----------
    folder : has `pools` and `heads`, and gets those that it lacks.
    tasks : of the parts that compute from pools.
    problems, samples : of each task's pool.
    trained : problems that a head is trained on.
    compared : problems on which strategies are compared.
    n : samples that a strategy is given.
    ends, tree : how many texts of a problem a head is trained with where answers have one step, and the tree
        of them where they have more (`LabelTree`).
    decays : that its training chooses from.
    reward : of searches: "head", or another reward by name.
    seed : of problems and samples.
    say : is told how far it is.
    """

    model: LanguageModel
    folder: Path
    tasks: tuple[str, ...]
    problems: int = 200
    samples: int = 64
    trained: int = 150
    compared: int = 100
    n: int = 16
    ends: int = 16
    tree: tuple[int, ...] = STEPS
    decays: tuple[float, ...] = DECAYS
    reward: str = HEAD
    seed: int = 7
    concurrency: int = 4
    say: Callable[[str], None] = print

    def as_json(self) -> dict[str, Any]:
        """Return its numbers as plain data."""
        names = ("tasks", "problems", "samples", "trained", "compared", "n", "ends", "tree", "reward", "seed")
        return {name: getattr(self, name) for name in names}

    @property
    def steps_task(self) -> Task:
        """The task of the parts that search over reasoning steps."""
        named = next((task for task in map(task_named, self.tasks) if task.step is not None), None)
        return named or task_named(STEPS_TASK)

    async def pools(self) -> list[Pool]:
        """Return the pool of each task."""
        return [await self._pool(task_named(name)) for name in self.tasks]

    async def scored_pool(self, task: Task) -> Pool:
        """Return a pool of problems that the task's head was not trained on, with that head's scores."""
        head = await self.head(task)
        return await self._pool(task, HeadReward(head, self.model), head)

    async def head(self, task: Task) -> Head:
        """Return the head of a task, and train it where its file is not there yet."""
        path = self._file("heads", task, "safetensors")
        if path.exists():
            return Head.load(path)
        tree = tree_for(task, TRAINING_SEED, steps=self.tree, ends=(self.ends,))
        steps = []
        problems = task.problems(self.trained, TRAINING_SEED)
        async for one in label(problems, self.model, tree, concurrency=self.concurrency):
            if one.steps is not None:
                steps.append(one.steps)
            self.say(f"head of {task.name}: {len(steps)} of {len(problems)} problems")
        made_of = {"model": self.model.name, "tasks": [task.name], "seed": TRAINING_SEED}
        head = train(steps, {**made_of, "temperature": TEMPERATURE}, decays=self.decays)
        head.save(path)
        return head

    async def judged(self, task: Task) -> tuple[Reward, list[Problem]]:
        """Return the searches' reward, and problems to search on that it was not trained on."""
        if self.reward != HEAD:
            return reward_named(self.reward, self.model), self.unseen(task, self.compared)
        head = await self.head(task)
        return HeadReward(head, self.model), self.unseen(task, self.compared, head)

    def unseen(self, task: Task, count: int, head: Head | None = None) -> list[Problem]:
        """Return problems of a task that a head was not trained on."""
        if head is None:
            return task.problems(count, self.seed)
        seen = {problem.question for problem in trained_on(head, task)}
        problems = task.problems(count + len(seen), self.seed)
        return [problem for problem in problems if problem.question not in seen][:count]

    async def solved(
        self, strategy: Strategy, problems: Sequence[Problem], budget: Budget, reward: Reward | None = None
    ) -> AsyncIterator[Result]:
        """Yield what came of each problem.

        Raises
        ------
        PonderError : one could not be solved.
        """
        solved = solve_all(problems, strategy, self.model, reward, budget, concurrency=self.concurrency)
        async for result in solved:
            if not isinstance(result, Result):
                continue
            if result.answer is None:
                raise PonderError(f"{strategy.name}: {result.error}")
            yield result

    async def _pool(self, task: Task, reward: Reward | None = None, head: Head | None = None) -> Pool:
        path = self._file("pools", task, "head.jsonl" if reward else "jsonl")
        count = self.compared if reward else self.problems
        problems, done = self.unseen(task, count, head), 0
        drawing = draw_pool(
            path, task, problems, self.model,
            samples=self.samples, seed=self.seed, reward=reward, concurrency=self.concurrency,
        )  # fmt: skip
        async for _ in drawing:
            done += 1
            self.say(f"pool of {task.name}: {done} problems drawn")
        pool = Pool.read(path)
        return Pool(pool.provenance, pool.problems[:count])

    def _file(self, kind: str, task: Task, ending: str) -> Path:
        folder = self.folder / kind
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{self.model.name}.{task.name}.{ending}"


def trained_on(head: Head, task: Task) -> list[Problem]:
    """Return the problems that a head was trained on.

    Raises
    ------
    ParameterError : it does not say so.
    """
    told = head.provenance
    if not {"seed", "problems"} <= told.keys():
        raise ParameterError("head", dict(told), "one that tells the seed and the number of its problems")
    return task.problems(int(told["problems"]), int(told["seed"]))
