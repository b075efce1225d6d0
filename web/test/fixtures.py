"""Writes what ponder says for the page's tests to agree with: `python web/test/fixtures.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ponder.asks.path import stream_of
from ponder.sampling.distribution import TEMPERATURES, Distribution, TraceSettings
from ponder.sampling.observe import observe
from ponder.sampling.params import SamplingParams
from ponder.sampling.rng import uniforms
from ponder.sampling.row import Row
from ponder.sampling.sampler import sample
from ponder.sampling.trace import TokenTrace
from ponder.traces.document import Row as TraceRow
from ponder.traces.document import Step
from ponder.traces.form import plain, read_as
from ponder.traces.redraw import nucleus, redraw

FOLDER = Path(__file__).parent / "fixtures"
VOCABULARY, TOP, DRAWS = 3000, 50, 16
SEEDS = (0, 1, 7, 2**31, 2**32 - 1, 2**32, 2**53 - 1)
LINEAGES = ((), ((0, 3),), ((5, 1),), ((0, 1), (12, 2)), tuple((place, 1 + place % 7) for place in range(60)))
SETTINGS = (
    {"temperature": 0.0},
    {"temperature": 0.1},
    {"temperature": 0.37, "top_p": 0.9},
    {"temperature": 0.8, "top_p": 0.9},
    {"temperature": 0.83, "top_p": 0.95},
    {"temperature": 1.0},
    {"temperature": 1.0, "top_p": 0.95},
    {"temperature": 1.0, "top_k": 40, "min_p": 0.05},
    {"temperature": 1.27, "top_k": 20, "top_p": 0.8},
    {"temperature": 1.3, "top_p": 0.8},
    {"temperature": 1.55, "min_p": 0.1},
    {"temperature": 2.0, "top_k": 70, "top_p": 0.9},
    {"temperature": 2.0, "top_p": 0.5, "min_p": 0.02},
)


def logits() -> torch.Tensor:
    """Return rows [R, V] from sharp to flat; some have ties, as numbers of few bits have."""
    random = np.random.default_rng(17)
    rows = []
    for heads, spread in ((1, 12.0), (2, 10.0), (5, 8.0), (20, 7.0), (40, 6.0), (120, 5.0)):
        row = random.normal(0.0, 0.9, VOCABULARY)
        row[random.choice(VOCABULARY, heads, replace=False)] += spread + random.random(heads) * spread
        rows += [row + 12, np.round(row * 8) / 8]
    return torch.from_numpy(np.array(rows)).float()


def write(name: str, value: Any) -> None:
    """Write a fixture, on one line."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(value, separators=(",", ":"), allow_nan=False) + "\n")


def in_stream(row: TraceRow) -> dict[str, Any]:
    """Return a row with the digits that it has in a stream."""
    shown: dict[str, Any] = plain(row)
    for name in ("logits", "tempered", "truncated", "tails"):
        shown[name] = [value if value is None else float(f"{value:.6g}") for value in shown[name]]
    return shown


def numbers() -> dict[str, Any]:
    """Return random numbers by where they are used."""
    streams = [stream_of(lineage) for lineage in LINEAGES]
    return {
        "lineages": [
            {"lineage": lineage, "stream": str(stream)}
            for lineage, stream in zip(LINEAGES, streams, strict=True)
        ],
        "uniforms": [
            {"seed": seed, "stream": str(stream), "position": position, "number": number}
            for seed in SEEDS
            for stream in streams
            for position in (0, 1, 1000)
            for number in uniforms(seed, [stream], [position]).tolist()
        ],
    }


def row_of(trace: TokenTrace, seen: Distribution) -> TraceRow:
    """Return what was seen as a row of a trace."""
    return TraceRow(
        trace.entropy,
        trace.kept,
        trace.kept_mass,
        seen.ids,
        seen.logits,
        seen.tempered,
        seen.truncated,
        tuple(tail if np.isfinite(tail) else None for tail in seen.tails),
        tuple(Step(one.step, one.kind, one.removed, one.mass, one.changed) for one in seen.steps),
    )


def rows_of(
    values: torch.Tensor, params: SamplingParams, allowed: np.ndarray | None = None
) -> list[TraceRow]:
    """Return the rows of a trace."""
    rows = [Row(0, [], [], allowed=allowed) for _ in values]
    seen = observe(values, range(len(rows)), rows, params, TraceSettings(top=TOP))
    chosen = sample(values, rows, params)
    return [row_of(trace, one) for trace, one in zip(chosen, seen, strict=True) if trace is not None]


def drawn(values: torch.Tensor, params: SamplingParams, allowed: np.ndarray | None = None) -> list[list[int]]:
    """Return the tokens of each row at positions 0, 1, ..."""
    found = []
    for place in range(DRAWS):
        rows = [Row(0, [], [0] * place, allowed=allowed) for _ in values]
        found.append([trace.token_id for trace in sample(values, rows, params) if trace is not None])
    return [list(tokens) for tokens in zip(*found, strict=True)]


def redrawn(row: TraceRow) -> list[dict[str, Any]]:
    """Return a row, as it is written, at temperatures on the grid and between them."""
    row = read_as(TraceRow, plain(row))
    found = []
    for temperature in (0.1, 0.15, 0.7, 0.77, 1.0, 1.93, 2.0):
        at = redraw(row, TEMPERATURES, temperature)
        counts = {str(p): nucleus(at.probs, p) for p in (0.1, 0.5, 0.9, 0.99, 0.999)}
        found.append({"temperature": temperature, "probs": at.probs, "tail": at.tail, "nuclei": counts})
    return found


def main() -> None:
    """Write all fixtures."""
    values, params = logits(), SamplingParams(temperature=1.0, seed=3)
    rows = rows_of(values, params)
    mask = np.random.default_rng(5).integers(-(2**31), 2**31, VOCABULARY // 32 + 1).astype(np.int32)
    cases = [
        {"settings": settings, "tokens": drawn(values, SamplingParams(seed=3, **settings))}
        for settings in SETTINGS
    ]
    masked = [
        {"settings": settings, "tokens": drawn(values, SamplingParams(seed=3, **settings), mask)}
        for settings in SETTINGS
    ]
    write("numbers", numbers())
    write(
        "redraw",
        {
            "temperatures": TEMPERATURES,
            "rows": [plain(row) for row in rows[:6]],
            "redrawn": [redrawn(row) for row in rows[:6]],
        },
    )
    write(
        "dart",
        {
            "seed": 3,
            "temperatures": TEMPERATURES,
            "vocabulary": VOCABULARY,
            "rows": [in_stream(row) for row in rows],
            "cases": cases,
            "masked_rows": [in_stream(row) for row in rows_of(values, params, mask)],
            "masked": masked,
        },
    )


if __name__ == "__main__":
    main()
