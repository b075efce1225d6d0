"""Generated tokens a second of branches that share a prompt, and how near to the machine's limits that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ponder.sampling import SamplingParams
from ponder_benchmarks.figures.prompts import prompt_ids
from ponder_benchmarks.figures.result import Comparison, Quantity, Result
from ponder_benchmarks.figures.session import Case, Say, Turn, one_per_repeat, open_session
from ponder_benchmarks.figures.settings import RunSettings, check_counts
from ponder_benchmarks.figures.systems import PONDER, Room, programs

_NOT_LINEAR = ("embed", "attend")


@dataclass(frozen=True, slots=True)
class DecodeSettings:
    """`temperature` and `top_p` are ponder's; peers take the likeliest token, which is less work."""

    prompt_tokens: int = 512
    branches: tuple[int, ...] = (1, 4, 16, 32)
    new_tokens: int = 32
    temperature: float = 0.0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        check_counts(self, {"prompt_tokens": 1, "branches": 1, "new_tokens": 1})
        SamplingParams(temperature=self.temperature, top_p=self.top_p, n=max(self.branches))


def measure_decode(run: RunSettings, settings: DecodeSettings, say: Say) -> Result:
    """Measure tokens a second for each number of branches.

    The prompt is computed before each measurement, untimed. Then every branch grows by `new_tokens`, each a
    forward pass over all branches and a choice for each.

    Raises
    ------
    PonderError : a system is missing, failed, or did other work than the others.
    """
    room = decode_room(settings.prompt_tokens, max(settings.branches), settings.new_tokens)
    with open_session(run, programs(run, room), say) as session:
        prompt = prompt_ids(session.vocab_size, settings.prompt_tokens, run.seed, 0)
        own = {"temperature": settings.temperature, "top_p": settings.top_p}
        cases = [
            decode_case(
                f"{n} branch{'es' if n > 1 else ''}", decode_turn(prompt, n, settings.new_tokens, own)
            )
            for n in settings.branches
        ]
        comparisons, probes = session.compare(cases, say)
        quantities = [
            quantity
            for n, comparison in zip(settings.branches, comparisons, strict=True)
            for quantity in efficiency(comparison, n, settings, session.ponder, probes)
        ]
        return session.result("decode", settings, comparisons, [*probed(probes), *quantities])


def decode_turn(
    prompt: Sequence[int], branches: int, new_tokens: int, own: Mapping[str, Any] | None = None
) -> Turn:
    """Return the turn in which so many branches grow by `new_tokens` each after a prompt."""
    return Turn(
        "decode",
        {"prompt": prompt, "branches": branches, "new_tokens": new_tokens},
        own or {},
        {"prompt_tokens": len(prompt), "tokens": branches * new_tokens},
    )


def decode_case(name: str, turn: Turn) -> Case:
    """Return the case of one decode turn, the same in each round, in tokens a second."""
    return Case(name, "tokens/s", True, lambda _: turn, lambda answer: answer["tokens"] / answer["seconds"])


def decode_room(prompt_tokens: int, branches: int, new_tokens: int) -> Room:
    """Return the room that such a turn needs."""
    return Room(
        cache_tokens=prompt_tokens + branches * (new_tokens + 1),
        sequence_tokens=prompt_tokens + new_tokens + 1,
        branches=branches,
    )


def probed(probes: Sequence[Mapping[str, float | None]]) -> list[Quantity]:
    """Return what the machine could do: bandwidth of reading, multiply-accumulates of 8-bit integers."""
    return [
        Quantity("read bandwidth", "GB/s", one_per_repeat([probe["read_gb_s"] for probe in probes])),
        Quantity("integer peak", "GMAC/s", one_per_repeat([probe["int8_gmac_s"] for probe in probes])),
    ]


def efficiency(
    comparison: Comparison,
    branches: int,
    settings: DecodeSettings,
    ponder: Mapping[str, Any],
    probes: Sequence[Mapping[str, float | None]],
) -> list[Quantity]:
    """Return how fast ponder's steps read, and the shares of bandwidth and of integer peak that this is.

    A step reads all weights once and the cached keys and values once, however many branches share them
    (their number in the middle of the growth); it multiplies each row by every matrix.
    """
    rates = comparison.samples[PONDER]
    step_s = [branches / rate for rate in rates]
    cached = settings.prompt_tokens + branches * (settings.new_tokens + 1) / 2
    step_bytes = ponder["weight_bytes"] + cached * ponder["kv_bytes_per_token"]
    read = [step_bytes / seconds / 1e9 for seconds in step_s]
    multiplied = [ponder["linear_macs"] * rate / 1e9 for rate in rates]
    bandwidth = [probe["read_gb_s"] for probe in probes]
    peak = [probe["int8_gmac_s"] for probe in probes]
    return [
        Quantity(f"{comparison.name}: read", "GB/s", tuple(read)),
        Quantity(f"{comparison.name}: share of bandwidth", "", one_per_repeat(_shares(read, bandwidth))),
        Quantity(f"{comparison.name}: share of integer peak", "", one_per_repeat(_shares(multiplied, peak))),
        *operations(comparison, branches, ponder, peak),
    ]


def operations(
    comparison: Comparison, branches: int, ponder: Mapping[str, Any], peak: Sequence[float | None]
) -> list[Quantity]:
    """Return the milliseconds of a step that each of ponder's operations takes, and what its matrices reach.

    The latter over all operations but attention and the embedding: the norms, rotations, activations and
    residuals that are fused with the matrices count with them. Nothing where the kernels do not say.
    """
    counted = [answer["operations_s"] for answer in comparison.answers if answer.get("operations_s")]
    if not counted:
        return []
    steps = [answer["tokens"] / branches for answer in comparison.answers]
    quantities = [
        Quantity(
            f"{comparison.name}: {name}",
            "ms/step",
            tuple(1000 * times[name] / count for times, count in zip(counted, steps, strict=True)),
        )
        for name in counted[0]
    ]
    linear_s = [sum(s for name, s in times.items() if name not in _NOT_LINEAR) for times in counted]
    rates = [
        ponder["linear_macs"] * answer["tokens"] / seconds / 1e9
        for answer, seconds in zip(comparison.answers, linear_s, strict=True)
    ]
    share = one_per_repeat(_shares(rates, peak))
    return [*quantities, Quantity(f"{comparison.name}: linear layers' share of integer peak", "", share)]


def _shares(values: Sequence[float], limits: Sequence[float | None]) -> list[float | None]:
    return [value / limit if limit else None for value, limit in zip(values, limits, strict=True)]
