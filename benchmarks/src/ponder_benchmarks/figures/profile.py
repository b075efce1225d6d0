"""Where the time of a step goes, by operation, and how near each operation is to the machine's limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from ponder.errors import UnsupportedError
from ponder_benchmarks.figures.decode import decode_room, probed
from ponder_benchmarks.figures.prompts import prompt_ids
from ponder_benchmarks.figures.result import Operation, Result
from ponder_benchmarks.figures.session import Case, Say, Turn, open_session
from ponder_benchmarks.figures.settings import RunSettings, check_counts
from ponder_benchmarks.figures.systems import programs

STEPS = 8  # of a repeat whose rows decode; their mean is its sample
REST, STEP = "rest", "step"  # sampling and Python; all of it
BYTES_ONLY = "bytes only"  # the limit of what multiplies in floating point, whose peak is not measured


@dataclass(frozen=True, slots=True)
class ProfileSettings:
    """So many `rows` decode after a cached prompt of `prompt_tokens`; a `prompt` has so many itself."""

    rows: tuple[int, ...] = (1, 4, 16, 32)
    prompt: tuple[int, ...] = (512,)
    prompt_tokens: int = 512

    def __post_init__(self) -> None:
        check_counts(self, {"rows": 1, "prompt": 1, "prompt_tokens": 1})


def measure_profile(run: RunSettings, settings: ProfileSettings, say: Say) -> Result:
    """Measure steps of the engine: rows that decode, and prompts of which nothing is cached.

    Raises
    ------
    UnsupportedError : ponder runs on kernels that do not time their operations.
    PonderError : ponder failed, or did other work than it was asked for.
    """
    room = decode_room(settings.prompt_tokens, max(settings.rows), STEPS)
    with open_session(run, programs(run, room), say) as session:
        if session.ponder["kernels"] != "NativeKernels":
            raise UnsupportedError(
                "ponder bench profile needs native kernels, which time their operations, and ponder runs on "
                "others here: `ponder doctor` or the variable PONDER_KERNELS says why"
            )
        shared = prompt_ids(session.vocab_size, settings.prompt_tokens, run.seed, 0)

        def decoding(rows: int) -> Case:
            arguments = {"prompt": shared, "rows": rows, "steps": STEPS}
            turn = Turn("profile_rows", arguments, work={"tokens": rows * STEPS})
            return _case(f"{rows} row{'s' if rows > 1 else ''}", lambda _: turn)

        def prompt(length: int) -> Case:
            def turn(number: int) -> Turn:
                ids = prompt_ids(session.vocab_size, length, run.seed, number)
                return Turn("profile_prompt", {"prompt": ids}, work={"tokens": length})

            return _case(f"prompt of {length}", turn)

        cases = [*map(decoding, settings.rows), *map(prompt, settings.prompt)]
        comparisons, probes = session.compare(cases, say)
        operations = [
            operation
            for comparison in comparisons
            for operation in operations_of(comparison.name, comparison.answers, probes)
        ]
        result = session.result("profile", settings, comparisons, probed(probes))
        return replace(result, operations=operations)


def operations_of(
    case: str, answers: Sequence[Mapping[str, Any]], probes: Sequence[Mapping[str, Any]]
) -> list[Operation]:
    """Return what a case's answers, one for each repeat, tell of each operation, of the rest and of the step.

    An operation's least time is that of its bytes at the bandwidth of its repeat, or that of its 8-bit
    multiply-accumulates at the peak, whichever is longer. The step's is the sum.
    """
    found: list[Operation] = []
    for name, work in answers[0]["operations"].items():
        ms = tuple(1000 * answer["operations"][name]["seconds"] for answer in answers)
        counted = work["macs"] if work["integers"] else 0
        memory = [work["bytes"] / probe["read_gb_s"] / 1e6 for probe in probes]
        arithmetic = [counted / probe["int8_gmac_s"] / 1e6 for probe in probes]
        one = Operation(case, name, ms, work["bytes"], work["macs"])
        if one.bytes:
            share = tuple(max(least) / took for *least, took in zip(memory, arithmetic, ms, strict=True))
            limit = "memory" if median(memory) >= median(arithmetic) else "arithmetic"
            one = replace(one, share=share, limit=limit if counted == one.macs else BYTES_ONLY)
        found.append(one)
    whole = tuple(1000 * answer["seconds"] for answer in answers)
    rest, shares = [], []
    for repeat, ms in enumerate(whole):
        rest.append(ms - sum(one.ms[repeat] for one in found))
        shares.append(sum(one.ms[repeat] * one.share[repeat] for one in found if one.share) / ms)
    read, multiplied = (sum(getattr(one, amount) for one in found) for amount in ("bytes", "macs"))
    step = Operation(case, STEP, whole, read, multiplied, tuple(shares))
    return [*found, Operation(case, REST, tuple(rest)), step]


def _case(name: str, turn: Callable[[int], Turn]) -> Case:
    return Case(name, "ms", False, turn, lambda answer: 1000 * answer["seconds"])
