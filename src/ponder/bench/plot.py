"""A run as a picture: how latencies are distributed, and how throughput went."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ponder.bench.load import Run
from ponder.bench.summary import inter_token_gaps

_BINS = 60


def plot(run: Run, path: Path, title: str) -> None:
    """Draw latency CDFs, and below them generated tokens a second and requests under way, into a PNG file."""
    figure = Figure(figsize=(8, 8), layout="constrained")
    figure.suptitle(title, fontsize="medium", parse_math=False)
    latencies, throughput = figure.subplots(2, 1)
    _latencies(latencies, run)
    _throughput(throughput, run)
    figure.savefig(path, dpi=120, format="png")


def step_counts(run: Run) -> tuple[list[float], list[int]]:
    """Return when the number of requests under way changed, in seconds from the start, and to what."""
    changes = [(m.sent_s, 1) for m in run.measurements] + [(m.ended_s, -1) for m in run.measurements]
    times, counts, under_way = [0.0], [0], 0
    for at, change in sorted(changes):
        under_way += change
        times.append(at - run.started_s)
        counts.append(under_way)
    return times, counts


def token_rates(run: Run, bins: int) -> list[float]:
    """Return generated tokens a second in equal parts of the run; a chunk counts its share of the tokens."""
    width = run.duration_s / bins
    rates = [0.0] * bins
    for m in run.measurements:
        chunks = sum(map(len, m.chunk_times))
        for row in m.chunk_times:
            for at in row:
                part = min(int((at - run.started_s) / width), bins - 1)
                rates[part] += m.generated / chunks / width
    return rates


def _latencies(axes: Axes, run: Run) -> None:
    answered = [m for m in run.measurements if m.failure is None]
    firsts = [(m.scheduled_s, m.first_token_s) for m in answered]
    _cdf(axes, [first - due for due, first in firsts if first is not None], "first token")
    _cdf(axes, [gap for m in answered for gap in inter_token_gaps(m)], "between tokens")
    _cdf(axes, [m.ended_s - m.scheduled_s for m in answered], "whole request")
    axes.set(xlabel="seconds", ylabel="share of requests or gaps", xscale="log", ylim=(0, 1))
    axes.grid(visible=True, alpha=0.3)
    if answered:
        axes.legend()


def _cdf(axes: Axes, values: Sequence[float], label: str) -> None:
    shown = [max(value, 1e-6) for value in values]  # the axis is logarithmic
    if shown:
        axes.ecdf(shown, label=label)


def _throughput(axes: Axes, run: Run) -> None:
    edges = [run.duration_s * i / _BINS for i in range(_BINS + 1)]
    axes.stairs(token_rates(run, _BINS), edges, fill=True, alpha=0.5)
    axes.set(xlabel="seconds", ylabel="generated tokens/s", xlim=(0, run.duration_s))
    axes.grid(visible=True, alpha=0.3)
    under_way = axes.twinx()
    under_way.step(*step_counts(run), where="post", color="black", linewidth=0.8)
    under_way.set(ylabel="requests under way", ylim=(0, None))
