"""Process reward models: a score for each reasoning step of a text.

    for each step t, of all candidates at once:
        ids(t) = the marked-up text up to where step t is read, as the model's publishers encode it
        score(t) = what the model says at the last token of ids(t)

Scores are kept by their ids(t). The model's prefix cache has ids(t-1), so that step t costs its own tokens
and markers alone. Where ids(t) does not begin with ids(t-1), since what follows changed how a text is cut,
what comes after their last common token is computed again.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from typing import ClassVar

from ponder.asks import LanguageModel, Path, Read, Reading, Usage
from ponder.asks.fronts import aread
from ponder.constraints.recent import Recent
from ponder.errors import PonderError, UnsupportedError
from ponder.rewards.attempts import attempted
from ponder.rewards.conventions import Convention, Ids
from ponder.rewards.judgement import Judgement, Scale, Unscored
from ponder.rewards.reading import Planned
from ponder.rewards.reward import Candidate, Problem
from ponder.text import TokenIds

MAX_KEPT = 2**16  # scores


@dataclass(frozen=True, slots=True)
class ProcessReward:
    """The probability, by a process reward model, that each step is right.

    A step is one of `Candidate.steps`; a text without them is one step. A step of nothing but white space has
    its neighbour's score. A text that does not fit the model's context is unscored.

    Attributes
    ----------
    model : the reward model. Loaded beside the policy, it has a cache of its own.
    convention : how it is asked: `MathShepherd()`, `RlhFlow()`, `Skywork(head)` or `QwenMath(head)`.
    """

    model: LanguageModel
    convention: Convention
    _kept: Recent[bytes, float] = field(default_factory=partial(Recent, MAX_KEPT), repr=False, compare=False)

    name: ClassVar[str] = "process"
    scale: ClassVar[Scale] = "probability"
    needs: ClassVar[frozenset[str]] = frozenset()

    async def judge(self, problem: Problem, candidates: Sequence[Candidate]) -> Judgement:
        reads = type(self.convention.of(self.model)).__name__
        if reads not in self.model.offers.reads:
            raise UnsupportedError(f"{self.model.name} cannot do this: read {reads}")
        asked = await asyncio.to_thread(lambda: [self._asked(problem, one) for one in candidates])
        spent: list[Usage] = []
        for level in range(max((len(one.paths) for one in asked), default=0)):
            ready = [one for one in asked if one.why is None and level < len(one.paths)]
            scores, usages = await self._read([one.paths[level] for one in ready])
            spent += usages
            for one in ready:
                one.take(scores[one.paths[level]])
        unscored = tuple(Unscored(i, one.why) for i, one in enumerate(asked) if one.why is not None)
        return Judgement(tuple(one.steps() for one in asked), unscored, requests=tuple(spent))

    def plan(
        self, policy: LanguageModel, problem: Problem, candidate: Candidate
    ) -> tuple[Planned, ...] | None:
        paths = self._asked(problem, candidate).paths
        return tuple(
            Planned(path, self.model, before) for before, path in zip([(), *paths], paths, strict=False)
        )

    def _asked(self, problem: Problem, candidate: Candidate) -> _Asked:
        steps = [step.strip() for step in candidate.steps or (candidate.text,)]
        written = [step for step in steps if step]
        if not written:
            return _Asked(steps, [], "an empty text has no step to score")
        try:
            return _Asked(steps, self.convention.paths(self.model, problem, written))
        except PonderError as error:
            return _Asked(steps, [], str(error))

    async def _read(self, paths: Sequence[Ids]) -> tuple[dict[Ids, float | PonderError], list[Usage]]:
        """Return the score of each path, and what reading those cost that were not read before."""
        scores: dict[Ids, float | PonderError] = {}
        new = []
        for path in dict.fromkeys(paths):
            kept = self._kept.find(_digest(path))
            if kept is None:
                new.append(path)
            else:
                scores[path] = kept
        readings = await attempted(self._reading, new)
        for path, reading in zip(new, readings, strict=True):
            if isinstance(reading, PonderError):
                scores[path] = reading
                continue
            scores[path] = score = self.convention.score(reading)
            self._kept.keep(_digest(path), score)
        return scores, [reading.usage for reading in readings if isinstance(reading, Reading)]

    async def _reading(self, path: Ids) -> Reading:
        return await aread(
            self.model, Read(Path(TokenIds(path)), at="last", of=self.convention.of(self.model))
        )


@dataclass(slots=True)
class _Asked:
    """A candidate's steps, the path of each that is not empty, their scores so far, or why it has none."""

    texts: list[str]
    paths: list[Ids]
    why: str | None = None
    scores: list[float] = field(default_factory=list)

    def take(self, score: float | PonderError) -> None:
        if isinstance(score, PonderError):
            self.why = str(score)
        else:
            self.scores.append(score)

    def steps(self) -> tuple[float, ...]:
        if self.why is not None:
            return ()
        left = iter(self.scores)
        told: list[float] = []
        for text in self.texts:
            told.append(next(left) if text else told[-1] if told else self.scores[0])
        return tuple(told)


def _digest(path: Ids) -> bytes:
    return blake2b(array("q", path).tobytes(), digest_size=16).digest()
