"""A result as a picture: a bar for each system and case, its samples on top; a profile as a roofline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ponder_benchmarks.figures.profile import BYTES_ONLY, STEP
from ponder_benchmarks.figures.result import Comparison, Result

_MARKERS = "os^Dv"  # of the five operations that multiply


def plot(result: Result, path: Path, title: str) -> None:
    """Draw each unit's cases into a part of a PNG file of their own, or a profile's roofline."""
    units = list(dict.fromkeys(comparison.unit for comparison in result.comparisons))
    figure = Figure(figsize=(8, 4 * len(units)), layout="constrained")
    figure.suptitle(title, fontsize="medium", parse_math=False)
    parts = figure.subplots(len(units), 1, squeeze=False)[:, 0]
    if result.operations:
        _roofline(parts[0], result)
    else:
        for unit, axes in zip(units, parts, strict=True):
            _bars(axes, [comparison for comparison in result.comparisons if comparison.unit == unit])
    figure.savefig(path, dpi=120, format="png")


def _roofline(axes: Axes, result: Result) -> None:
    """Draw a point for each operation that multiplies, under the roofs (doi:10.1145/1498765.1498785).

    Points are hollow where they multiply in floating point: the flat roof, of 8-bit integers, is not theirs.
    """
    shown = [one for one in result.operations if one.macs and one.name != STEP]
    cases, names = ([*dict.fromkeys(getattr(one, of) for one in shown)] for of in ("case", "name"))
    bandwidth, peak = (limit.median for limit in result.quantities)
    assert bandwidth is not None, "native kernels measure both"
    assert peak is not None
    intensities = [one.macs / one.bytes for one in shown]
    ends = [min(intensities) / 2, peak / bandwidth, max(*intensities, peak / bandwidth) * 2]
    slope = [bandwidth * x for x in ends]
    axes.plot(ends, slope, "--", color="black", label=f"reading, {bandwidth:.1f} GB/s")
    axes.plot(ends, [min(y, peak) for y in slope], color="black", label=f"8-bit integers, {peak:.0f} GMAC/s")
    for one, x in zip(shown, intensities, strict=True):
        marker, colour = _MARKERS[names.index(one.name)], f"C{cases.index(one.case)}"
        fill = "none" if one.limit == BYTES_ONLY else "full"
        axes.plot(x, one.rate(one.macs), marker, color=colour, fillstyle=fill, alpha=0.7)
    for marker, name in zip(_MARKERS, names, strict=False):
        axes.plot([], [], marker, color="grey", label=name)
    axes.plot([], [], "o", color="grey", fillstyle="none", label="floating point")
    for place, case in enumerate(cases):
        axes.plot([], [], linewidth=6, color=f"C{place}", label=case)
    axes.set(xscale="log", yscale="log", xlabel="MACs for each byte", ylabel="GMAC/s (more is better)")
    axes.set_ylim(top=4 * max(peak, *(one.rate(one.macs) for one in shown)))
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small")


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
