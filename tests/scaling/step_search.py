"""A beam over reasoning steps: small, and with all that a step search needs."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ponder.asks import Boundary, Grow, LanguageModel, Path
from ponder.asks.fronts import ascore
from ponder.rewards import Candidate, Judgement, Problem, Scale, lowest
from ponder.scaling import BestOfN, Budget, Choice, Search, Selection, Text, extend, judge, note


def best_of_n(selection: Selection = "plain", sampling: Mapping[str, Any] | None = None) -> BestOfN:
    """Best-of-n that compares answers as text: without the process that compares mathematics."""
    return BestOfN(selection, sampling or {}, equal=operator.eq)


@dataclass(frozen=True)
class StepBeam:
    """Keep some texts, expand each to several, a step at a time."""

    keep: int = 2
    expand: int = 3
    steps: int = 4
    seed: int = 1
    step_tokens: int | None = 8

    name: str = "step-beam"
    needs: frozenset[str] = frozenset({"reward"})

    def search(self, problem: Problem, budget: Budget) -> Search:
        until = Boundary("\n", self.step_tokens)
        params = {"seed": self.seed, "max_tokens": 40}
        grows = [Grow(Path(problem.prompt), {**params, "n": self.keep * self.expand}, until=until)]
        kept: list[tuple[float, Text]] = []
        for _ in range(self.steps):
            grown = yield from extend(*grows)
            judgement = yield from judge(grown.texts)
            assert judgement is not None
            scores = [-1e9 if score is None else score for score in judgement.outcomes(lowest)]
            kept = [(score, text) for score, text in kept if not text.live]
            kept += zip(scores, grown.texts, strict=True)
            kept = sorted(kept, key=lambda pair: -pair[0])[: self.keep]
            yield from note(best=kept[0][1], kept=[text.node for _, text in kept])
            live = [text for _, text in kept if text.live]
            if not live or grown.stopped != "done":
                break
            grows = [Grow(text.path, {**params, "n": self.expand}, until=until) for text in live]
        return Choice(0, tuple(text for _, text in kept), None, tuple(score for score, _ in kept))


@dataclass(frozen=True)
class Ones:
    """Scores each step by its share of ones."""

    name: str = "ones"
    scale: Scale = "probability"
    needs: frozenset[str] = frozenset()

    def free_for(self, policy: LanguageModel, candidates: Sequence[Candidate]) -> bool:
        return True

    async def judge(self, problem: Problem, candidates: Sequence[Candidate]) -> Judgement:
        steps = [
            tuple(step.count("1") / len(step) for step in candidate.steps if step) for candidate in candidates
        ]
        return Judgement(tuple(steps))


@dataclass(frozen=True)
class Reads:
    """Has the model read each candidate, in a request of its own."""

    model: LanguageModel
    name: str = "reads"
    scale: Scale = "logarithm"
    needs: frozenset[str] = frozenset()

    async def judge(self, problem: Problem, candidates: Sequence[Candidate]) -> Judgement:
        readings = [
            await ascore(self.model, problem.prompt, [candidate.text], ends=True) for candidate in candidates
        ]
        scores = [reading.texts[0].logprob for reading in readings]
        return Judgement.of(scores, requests=tuple(reading.usage for reading in readings))
