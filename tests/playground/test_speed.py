"""The page keeps up with a long text."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from serving import Tiny, serving
from tiny_models import tiny_local_model

from .playing import Playing

pytestmark = [pytest.mark.slow, pytest.mark.timed]

TOKENS = 2000
STEPS = 40
STEP_MS = 24.0  # a frame is 16: half as much again for a machine that others use too


@pytest.fixture(scope="module")
def tiny() -> Iterator[Tiny]:
    with serving(tiny_local_model(context_length=4096)) as tiny:
        yield tiny


def busy_s(page: Page) -> Callable[[], float]:
    """Return a function that tells how many seconds the page's main thread has computed."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def told() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))

    return told


def test_sliders_over_a_long_text(page: Page, tiny: Tiny) -> None:
    """Forty steps over two thousand tokens: no request, and about a frame of the main thread each."""
    playing = Playing(page, tiny.server.url).ready()
    playing.set("max tokens", str(TOKENS))
    settings = page.get_by_role("complementary", name="Settings")
    settings.get_by_role("searchbox", name="Find a setting").fill("ignore")
    settings.get_by_role("checkbox", name="ignore eos").check()
    playing.say("hello")
    expect(playing.tokens).to_have_count(TOKENS)
    playing.choose(3)
    slider = page.get_by_role("region", name="What if").get_by_role("slider", name="temperature")
    slider.focus()
    page.wait_for_timeout(500)
    asked, told = len(playing.sent), busy_s(page)
    before = told()
    for step in range(STEPS):
        page.keyboard.press("ArrowLeft" if step % 20 < 10 else "ArrowRight")
        page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    each_ms = (told() - before) / STEPS * 1000
    print(f"{each_ms:.1f} ms a step")
    assert len(playing.sent) == asked
    assert each_ms <= STEP_MS
