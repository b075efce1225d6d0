"""Charts become a picture, or a sentence says what is missing."""

import sys

import pytest

from ponder.errors import UnsupportedError
from ponder.lab.coverage import coverage
from ponder.lab.figure import draw_charts
from ponder.lab.votes import votes


@pytest.mark.slow
def test_a_figure(tmp_path, chances):
    pool = chances([0.2, 0.5, 0.8], samples=8)
    charts = [*coverage([pool]).charts(), *votes([pool] * 3).charts()]
    draw_charts(charts, tmp_path / "f.png")
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib(tmp_path, chances, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UnsupportedError, match="figures need matplotlib"):
        draw_charts(coverage([chances([0.5])]).charts(), tmp_path / "f.png")
