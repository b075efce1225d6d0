"""Draws a pool: best-of-n over a task's problems, written as it comes."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from importlib.metadata import version
from pathlib import Path

from ponder.asks import LanguageModel
from ponder.errors import DataError
from ponder.lab.pool import Drawn, Pool, Provenance, Sample
from ponder.rewards import AnswerEquality, Candidate, Problem, Reward
from ponder.scaling import BestOfN, Budget, Result, solve_all
from ponder.scaling.parameters import TEMPERATURE
from ponder.scaling.self_consistency import labelled
from ponder.tasks import Task

PACKAGES = ("ponder", "reasoning_gym")


async def draw_pool(
    path: Path,
    task: Task,
    problems: Sequence[Problem],
    model: LanguageModel,
    *,
    samples: int,
    seed: int,
    temperature: float = TEMPERATURE,
    reward: Reward | None = None,
    reward_name: str | None = None,
    concurrency: int = 4,
) -> AsyncIterator[Drawn]:
    """Draw samples of the problems that a pool's file does not have yet, write each and yield it.

    Sample i of a problem is that of best-of-n with this seed, whatever ran before.

    Parameters
    ----------
    path : the file; it need not be there.
    problems : of the task, by this seed.
    reward : what scores the samples, beside their log-probability and entropy.
    reward_name : what the file calls it; by default its own name.

    Raises
    ------
    DataError : the file holds a pool of something else, or other problems; names the line.
    PonderError : a problem could not be solved.
    """
    name = (reward_name or reward.name) if reward else None
    versions = {package: version(package) for package in PACKAGES}
    provenance = Provenance(model.name, task.name, seed, temperature, samples, name, versions)
    there = _begun(path, provenance, problems)
    strategy = BestOfN("majority", {**task.sampling, "temperature": temperature, "seed": seed})
    solved = solve_all(problems[there:], strategy, model, reward, Budget(samples), concurrency=concurrency)
    equal = AnswerEquality()
    with path.open("a", encoding="utf-8", newline="\n") as file:
        async with aclosing(solved):  # type: ignore[type-var]
            async for result in solved:
                if not isinstance(result, Result):
                    continue
                drawn = drawn_of(result, equal, scored=reward is not None)
                file.write(_line(drawn.as_json()))
                file.flush()
                yield drawn


def drawn_of(result: Result, equal: AnswerEquality, *, scored: bool = False) -> Drawn:
    """Return a solved problem as a pool has it: numbers rounded to what they mean.

    Raises
    ------
    DataError : it was not solved, or nobody knows its answer.
    """
    problem, answer, right = result.problem, result.answer, result.candidates_right
    if problem is None or answer is None or right is None:
        raise DataError(result.error or "a pool needs problems whose answers are known")
    candidates = answer.candidates
    groups = labelled([candidate.answer for candidate in candidates], equal)
    scores = answer.scores if scored and answer.scores else (None,) * len(candidates)
    samples = tuple(
        Sample(
            candidate.answer,
            group,
            is_right,
            round(candidate.logprob or 0.0, 3),
            _entropy(candidate),
            candidate.tokens,
            None if score is None else round(score, 4),
        )
        for candidate, group, is_right, score in zip(candidates, groups, right, scores, strict=True)
    )
    return Drawn(problem.id or "", problem.question, problem.reference or "", samples)


def _entropy(candidate: Candidate) -> float | None:
    known = [one.entropy for one in candidate.measures if one.entropy is not None]
    return round(sum(known) / len(known), 3) if known else None


def _begun(path: Path, provenance: Provenance, wanted: Sequence[Problem]) -> int:
    """Return how many problems a file has; begin it if it has none, and cut off what is half a line."""
    try:
        content = path.read_bytes() if path.exists() else b""
        whole = content.rfind(b"\n") + 1
        if not whole:
            path.write_text(_line(provenance.as_json()), encoding="utf-8")
            return 0
        if whole < len(content):
            os.truncate(path, whole)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}") from error
    pool = Pool.read(path)
    for name, asked in provenance.as_json().items():
        found = pool.provenance.as_json()[name]
        if found != asked:
            raise DataError(f"{path}, line 1: a pool of {name} = {found!r}, and {asked!r} is asked for")
    for number, (drawn, problem) in enumerate(zip(pool.problems, wanted, strict=False), 2):
        if drawn.question != problem.question:
            raise DataError(f"{path}, line {number}: another problem than this task and seed have there")
    return len(pool.problems)


def _line(told: object) -> str:
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False) + "\n"
