"""Draws charts into a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ponder.errors import UnsupportedError
from ponder.lab.report import Chart


def draw_charts(charts: Sequence[Chart], path: Path) -> None:
    """Draw charts side by side into a PNG file, intervals as bands.

    Raises
    ------
    UnsupportedError : matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise UnsupportedError('figures need matplotlib, which pip install "ponder[bench]" adds') from None
    columns = math.ceil(math.sqrt(len(charts)))
    rows = math.ceil(len(charts) / columns)
    figure = Figure(figsize=(4.2 * columns, 3.0 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for place, chart in zip(axes.flat, charts, strict=False):
        _chart(place, chart)
    for place in axes.flat[len(charts) :]:
        place.set_visible(False)
    figure.savefig(path, dpi=56, format="png", pil_kwargs={"optimize": True})


def _chart(axes: Any, chart: Chart) -> None:
    for line in chart.lines:
        style = "--" if line.dashed else "-"
        (drawn,) = axes.plot(line.x, [one.value for one in line.y], style, label=line.name, linewidth=1.5)
        low, high = [one.low for one in line.y], [one.high for one in line.y]
        axes.fill_between(line.x, low, high, color=drawn.get_color(), alpha=0.12, linewidth=0)
    axes.set_title(chart.title, fontsize="medium", parse_math=False)
    axes.set(xlabel=chart.x, ylabel=chart.y)
    if not chart.linear:
        ticks = sorted({x for line in chart.lines for x in line.x})
        axes.set_xscale("log", base=2)
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize="x-small")
