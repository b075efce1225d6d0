"""A policy over a small tree of reasoning steps, and rewards for it, that a test can enumerate.

A step is a letter and a line break. Branch i of a text writes the i-th letter next, so n samples of a text
are its first n children, and a text that is rolled out goes on with "a". Which texts end, and what they
score, is a hash of the text.
"""

from __future__ import annotations

import asyncio
import operator
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ponder.asks import Boundary
from ponder.rewards import Candidate, Problem, Scale
from ponder.rewards.verifier import Verifier
from ponder.scaling import Answer, Budget, EffectDone, Strategy, drive
from ponder.testing import ScriptedModel
from ponder.testing.scripts import Place, Word

PROBLEM = Problem("What is 6 * 7?", "42")
LINE = Boundary(("\n",))
EQUAL: dict[str, Any] = {"equal": operator.eq}
COMMON: dict[str, Any] = {"step": LINE, **EQUAL}


@dataclass(frozen=True)
class StepTree:
    """A tree of steps: a text ends after `deepest` steps, and with probability `ends` after each before."""

    seed: int = 0
    ends: float = 0.3
    deepest: int = 5

    def ended(self, text: str) -> bool:
        return text.count("\n") >= self.deepest or self._number(f"end {text}") < self.ends

    def value(self, text: str) -> float:
        """What a text scores, in [0, 1)."""
        return self._number(f"score {text}")

    def rolled_out(self, text: str, steps: int = 1000) -> str:
        """Return a text after so many further steps of "a", or when it ends."""
        for _ in range(steps):
            if text and self.ended(text):
                break
            text += "a\n"
        return text

    def model(self) -> ScriptedModel:
        return ScriptedModel(self._word)

    def reward(self, scale: Scale = "probability") -> Verifier:
        def check(problem: Problem, candidate: Candidate) -> float:
            return self.value(candidate.text)

        return Verifier("tree", check, needs=frozenset(), scale=scale)

    def _word(self, place: Place) -> Word:
        if place.position % 2 == 0:
            return Word("abcdefghijklmnopqrstuvwxyz"[dict(place.lineage).get(place.position, 0)])
        return Word("\n", ends=self.ended(place.text + "\n"))

    def _number(self, told: str) -> float:
        return random.Random(f"{self.seed}/{told}").random()


def searched(
    strategy: Strategy, tree: StepTree, n: int = 8, model: ScriptedModel | None = None, **budget: Any
) -> tuple[Answer, list[EffectDone]]:
    """Run a strategy on a tree; return its answer and all effects."""

    async def events() -> list[Any]:
        run = drive(strategy, PROBLEM, model or tree.model(), tree.reward(), Budget(n, **budget))
        return [event async for event in run]

    told = asyncio.run(events())
    return told[-1], [event for event in told if isinstance(event, EffectDone)]


def texts_of(effects: list[EffectDone]) -> dict[int, str]:
    """Return the whole text of each node."""
    whole = {-1: ""}
    for effect in effects:
        if effect.kind == "extend":
            for node in effect.nodes:
                whole[node.node] = whole[node.parent] + node.text
    return whole


def noted(effects: list[EffectDone], name: str) -> list[list[str]]:
    """Return what the notes list by this name, as texts."""
    whole = texts_of(effects)
    return [[whole[i] for i in effect.note[name]] for effect in effects if effect.kind == "note"]


def top(texts: list[str], count: int, value: Callable[[str], float]) -> list[str]:
    """Return the best texts, equals in order."""
    return sorted(texts, key=lambda text: -value(text))[:count]


def letters(text: str, count: int) -> list[str]:
    """Return a text's first children."""
    return [f"{text}{'abcdefghijklmnopqrstuvwxyz'[i]}\n" for i in range(count)]
