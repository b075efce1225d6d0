"""Milliseconds of a step of branches that share a prefix, over short and long prefixes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ponder_benchmarks.figures.decode import decode_room, decode_turn
from ponder_benchmarks.figures.prompts import prompt_ids
from ponder_benchmarks.figures.result import Quantity, Result
from ponder_benchmarks.figures.session import Case, Say, open_session
from ponder_benchmarks.figures.settings import RunSettings, check_counts
from ponder_benchmarks.figures.systems import programs


@dataclass(frozen=True, slots=True)
class ForkSettings:
    """So many branches over each of these prefixes, for so many steps."""

    branches: int = 16
    prefix_tokens: tuple[int, ...] = (64, 2048)
    new_tokens: int = 32

    def __post_init__(self) -> None:
        check_counts(self, {"branches": 1, "prefix_tokens": 1, "new_tokens": 1})


def measure_fork(run: RunSettings, settings: ForkSettings, say: Say) -> Result:
    """Measure a step over each prefix; for each system, how many times the first prefix's the last's takes.

    Raises
    ------
    PonderError : a system is missing, failed, or did other work than the others.
    """
    steps = settings.new_tokens
    room = decode_room(max(settings.prefix_tokens), settings.branches, steps)
    with open_session(run, programs(run, room), say) as session:

        def case(length: int) -> Case:
            turn = decode_turn(prompt_ids(session.vocab_size, length, run.seed, 0), settings.branches, steps)
            return Case(f"prefix of {length}", "ms/step", False, lambda _: turn, milliseconds)

        def milliseconds(answer: Mapping[str, Any]) -> float:
            return float(1000 * answer["seconds"] / steps)

        comparisons, _ = session.compare([case(length) for length in settings.prefix_tokens], say)
        first, last = comparisons[0].samples, comparisons[-1].samples
        growth = [
            Quantity(
                f"{label}: last prefix over first",
                "times",
                tuple(long / short for short, long in zip(first[label], last[label], strict=True)),
            )
            for label in first
        ]
        return session.result("fork", settings, comparisons, growth)
