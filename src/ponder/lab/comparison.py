"""Several strategies on the same problems: how often each is right, its tokens, whether they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ponder.lab.estimate import Estimate, Gain, gain_of, mean_of
from ponder.lab.report import Chart, Line, Table
from ponder.lab.study import Study
from ponder.rewards import Problem, Reward
from ponder.scaling import Budget, Result, Strategy, problems_needed


@dataclass(frozen=True, slots=True)
class Trial:
    """What one strategy did.

    Attributes
    ----------
    right : [P], whether its answer to each problem is right.
    tokens : generated for a problem, on the mean.
    x : its place on a chart's axis.
    """

    name: str
    right: tuple[float, ...]
    tokens: float
    x: float = 0.0

    @property
    def accuracy(self) -> Estimate:
        """How often it is right."""
        return mean_of(self.right)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Trials on the same problems, the first of which the others are compared with.

    Attributes
    ----------
    levels : [P], a name for each problem's difficulty; empty where problems are not binned.
    axis : what the trials' x is; "" for no chart.
    """

    title: str
    trials: tuple[Trial, ...]
    levels: tuple[str, ...] = ()
    axis: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return all figures as plain data."""
        found: dict[str, Any] = {
            trial.name: {
                "right": trial.accuracy.as_json(),
                "generated_tokens": round(trial.tokens, 1),
                "gain": self.gain(trial).as_json(),
                "problems_needed": self.needed(trial),
                **({"by_difficulty": of} if (of := self._by_level(trial)) else {}),
            }
            for trial in self.trials
        }
        return {"problems": len(self.trials[0].right), "baseline": self.trials[0].name, "trials": found}

    def gain(self, trial: Trial) -> Gain:
        """Return by how much a trial is above the first."""
        return gain_of(trial.right, self.trials[0].right)

    def needed(self, trial: Trial) -> int | None:
        """Return how many problems it takes to show the difference that was seen; None where none was."""
        first = np.asarray(self.trials[0].right)
        gaps = np.asarray(trial.right) - first
        if not gaps.mean():
            return None
        return problems_needed(float(gaps.mean()), float(max(np.abs(gaps).mean(), abs(gaps.mean()))))

    def tables(self) -> list[Table]:
        """Return the trials, and where problems are binned the trials by difficulty."""
        count = len(self.trials[0].right)
        columns = ("", "right", "tokens", f"against {self.trials[0].name}", "p", "problems needed")
        rows = []
        for trial in self.trials:
            gain, needed = self.gain(trial), self.needed(trial)
            shown = (
                ("", "", "") if trial is self.trials[0] else (str(gain), f"{gain.p:.3f}", str(needed or "-"))
            )
            rows.append((trial.name, str(trial.accuracy), f"{trial.tokens:.0f}", *shown))
        tables = [Table(f"{self.title} ({count} problems)", columns, tuple(rows))]
        if self.levels:
            names = sorted(set(self.levels))
            counts = [f"{name} ({self.levels.count(name)})" for name in names]
            cells = [
                (trial.name, *(f"{self._by_level(trial)[name]:.3f}" for name in names))
                for trial in self.trials
            ]
            tables.append(Table(f"{self.title}, by difficulty", ("", *counts), tuple(cells)))
        return tables

    def charts(self) -> list[Chart]:
        """Return accuracy over the axis, if there is one."""
        if not self.axis:
            return []
        x = tuple(trial.x for trial in self.trials)
        line = Line(self.title, x, tuple(trial.accuracy for trial in self.trials))
        return [Chart(self.title, self.axis, "share right", (line,), linear=True)]

    def _by_level(self, trial: Trial) -> dict[str, float]:
        return {
            name: float(
                np.mean([r for r, level in zip(trial.right, self.levels, strict=True) if level == name])
            )
            for name in sorted(set(self.levels))
        }


async def run_trial(
    study: Study,
    name: str,
    strategy: Strategy,
    problems: Sequence[Problem],
    budget: Budget,
    reward: Reward | None = None,
    *,
    x: float = 0.0,
) -> tuple[Trial, list[Result]]:
    """Let a strategy solve problems."""
    results = []
    async for result in study.solved(strategy, problems, budget, reward):
        results.append(result)
        study.say(f"{name}: {len(results)} of {len(problems)} problems")
    return Trial(name, rights(results), tokens_of(results), x), results


def rights(results: Sequence[Result]) -> tuple[float, ...]:
    """Return whether each result is right, 1 or 0."""
    return tuple(float(result.right is True) for result in results)


def tokens_of(results: Sequence[Result]) -> float:
    """Return how many tokens were generated for a problem, on the mean."""
    return float(np.mean([one.answer.ledger.generated_tokens for one in results if one.answer]))
