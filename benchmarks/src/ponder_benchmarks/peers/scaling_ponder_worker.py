"""ponder's strategies, a problem at a time or many at once; see `serve.py` and scripts/scaling_peers.py."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import ponder
from ponder.asks import Boundary
from ponder.rewards import Problem, arithmetic_verifier
from ponder.scaling import (
    DVTS,
    Answer,
    BestOfN,
    Budget,
    EffectDone,
    StepBeam,
    Strategy,
    Summary,
    drive,
    solve_all,
)


def load(model: str, threads: int, settings: Mapping[str, Any]) -> Strategies:
    """Load a model on the CPU."""
    import torch

    torch.set_num_threads(threads)
    return Strategies(model, settings)


class Strategies:
    """Strategies with one model and the arithmetic verifier."""

    def __init__(self, model: str, settings: Mapping[str, Any]) -> None:
        self._model = ponder.load(model, device="cpu").model
        sampling = {
            "stop": [settings["stop"]],
            "max_tokens": settings["max_tokens"],
            "temperature": settings["temperature"],
        }
        steps: dict[str, Any] = {
            "expand": settings["expand"],
            "step": Boundary((settings["step"],), tokens=settings["max_tokens"]),
            "max_steps": settings["max_steps"],
            "sampling": sampling,
        }
        beam = {**steps, "keep": settings["keep"]}
        paths = settings["keep"] * settings["expand"]
        self._asked: dict[str, tuple[Strategy, int]] = {
            "single sample": (BestOfN("majority", sampling=sampling), 1),
            "best-of-n": (BestOfN("weighted", sampling=sampling), settings["n"]),
            "step beam": (StepBeam(convention="search-and-learn", **beam), paths),
            "step beam, its_hub's": (StepBeam(convention="its-hub", **beam), paths),
            "DVTS": (DVTS(**steps), paths),
        }

    def describe(self) -> dict[str, Any]:
        """Say what was loaded."""
        return {"versions": {name: version(name) for name in ("ponder", "torch")}}

    def search(self, strategy: str, problem: Mapping[str, Any]) -> dict[str, Any]:
        """Solve a problem; return its seconds, candidates and pieces (see `scaling_peers.py`)."""
        start = time.perf_counter()
        found = asyncio.run(self._search(*self._asked[strategy], Problem(**problem)))
        return {"seconds": time.perf_counter() - start, **found}

    def solve_all(
        self, strategy: str, problems: Sequence[Mapping[str, Any]], concurrency: int
    ) -> dict[str, Any]:
        """Solve problems, so many at a time; return the seconds and generated tokens."""
        start = time.perf_counter()
        asked, n = self._asked[strategy]
        summary = asyncio.run(self._solve_all(asked, n, [Problem(**one) for one in problems], concurrency))
        seconds = time.perf_counter() - start
        return {
            "seconds": seconds,
            "generated_tokens": summary.ledger.generated_tokens,
            "right": summary.correct,
        }

    async def _search(self, strategy: Strategy, n: int, problem: Problem) -> dict[str, Any]:
        texts = {-1: ""}
        pieces: list[tuple[str, str, int]] = []
        candidates: list[str] = []
        async for event in drive(strategy, problem, self._model, arithmetic_verifier(), Budget(n)):
            if isinstance(event, EffectDone) and event.kind == "extend":
                for node in event.nodes:
                    before = texts[node.parent]
                    texts[node.node] = before + node.text
                    pieces.append((before, node.text, node.tokens))
            if isinstance(event, Answer):
                candidates = [candidate.text for candidate in event.candidates]
        return {"candidates": candidates, "pieces": pieces}

    async def _solve_all(
        self, strategy: Strategy, n: int, problems: Sequence[Problem], concurrency: int
    ) -> Summary:
        results = solve_all(
            problems, strategy, self._model, arithmetic_verifier(), Budget(n), concurrency=concurrency
        )
        async for result in results:
            if isinstance(result, Summary):
                return result
        raise AssertionError("a run ends with its summary")
