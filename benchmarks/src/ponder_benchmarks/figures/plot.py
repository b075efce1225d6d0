"""A result as a picture: a bar for each system and case, its samples on top."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ponder_benchmarks.figures.result import Comparison, Result


def plot(result: Result, path: Path, title: str) -> None:
    """Draw each unit's cases into a part of a PNG file of their own."""
    units = list(dict.fromkeys(comparison.unit for comparison in result.comparisons))
    figure = Figure(figsize=(8, 4 * len(units)), layout="constrained")
    figure.suptitle(title, fontsize="medium", parse_math=False)
    for unit, axes in zip(units, figure.subplots(len(units), 1, squeeze=False)[:, 0], strict=True):
        _bars(axes, [comparison for comparison in result.comparisons if comparison.unit == unit])
    figure.savefig(path, dpi=120, format="png")


def _bars(axes: Axes, comparisons: Sequence[Comparison]) -> None:
    labels = list(dict.fromkeys(label for comparison in comparisons for label in comparison.samples))
    width = 0.8 / len(labels)
    for place, label in enumerate(labels):
        shown = [(i, comparison) for i, comparison in enumerate(comparisons) if label in comparison.samples]
        at = [i - 0.4 + (place + 0.5) * width for i, _ in shown]
        axes.bar(at, [comparison.median(label) for _, comparison in shown], width, label=label, alpha=0.7)
        for x, (_, comparison) in zip(at, shown, strict=True):
            samples = comparison.samples[label]
            axes.plot([x] * len(samples), samples, ".", color="black", markersize=3)
    better = "more is better" if comparisons[0].higher_is_better else "less is better"
    axes.set(ylabel=f"{comparisons[0].unit} ({better})")
    axes.set_xticks(range(len(comparisons)), [comparison.name for comparison in comparisons])
    axes.grid(visible=True, axis="y", alpha=0.3)
    axes.legend()
