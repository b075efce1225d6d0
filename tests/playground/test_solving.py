"""Best of eight: the ledger ends as the answer's, and what was there when it was stopped stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from serving import Tiny, serving
from tiny_models import tiny_local_model

from .playing import Playing

pytestmark = pytest.mark.slow

ROWS = {
    "prompt_tokens": "prompt tokens",
    "cached_tokens": "of them cached",
    "generated_tokens": "generated tokens",
    "reward_tokens": "tokens of rewards",
    "requests": "requests",
}


@pytest.fixture(scope="module")
def tiny() -> Iterator[Tiny]:
    with serving(tiny_local_model(context_length=1024)) as tiny:
        yield tiny


def asking(page: Page, tiny: Tiny, length: int) -> Playing:
    """A problem for best-of-n with eight samples, chosen by the model's own confidence."""
    playing = Playing(page, tiny.server.url).ready()
    playing.mode("Solve")
    playing.set("max tokens", str(length))
    playing.set("seed", "1")
    page.get_by_role("textbox", name="Problem").fill("how many?")
    page.get_by_role("combobox", name="Strategy").select_option("best-of-n")
    reward = page.get_by_role("combobox", name="Reward")
    names = reward.locator("option:not([disabled])").evaluate_all("all => all.map(one => one.value)")
    reward.select_option(next(name for name in names if name))
    page.get_by_role("spinbutton", name="Samples").fill("8")
    page.get_by_role("spinbutton", name="Samples").press("Tab")
    return playing


def test_the_ledger_is_the_answers(page: Page, tiny: Tiny) -> None:
    playing = asking(page, tiny, 12)
    told: list[str] = []

    def kept(route: Route) -> None:
        """A stream's body is not kept by the browser: take it on its way."""
        response = route.fetch()
        told.append(response.text())
        route.fulfill(response=response)

    page.route("**/ponder/v1/solve", kept)
    page.get_by_role("button", name="Solve", exact=True).click()
    expect(page.get_by_role("region", name="Answer")).to_be_visible(timeout=20_000)
    expect(page.get_by_role("button", name="Solve", exact=True)).to_be_visible()
    lines = told[0].splitlines()
    parts: list[dict[str, Any]] = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    answer = next(part for part in parts if part["type"] == "answer")
    assert len(answer["candidates"]) == 8
    table = playing.tab("Search").get_by_role("table", name="Ledger")
    for name, title in ROWS.items():
        row = table.get_by_role("row").filter(has=page.get_by_role("rowheader", name=title, exact=True))
        expect(row.get_by_role("cell").first).to_have_text(f"{answer['ledger'][name]:,}")
    candidates = page.locator("ol.candidates > li")
    expect(candidates).to_have_count(8)
    expect(candidates.nth(answer["chosen"])).to_contain_text("chosen")


def test_stop_keeps_what_there_is(page: Page, tiny: Tiny) -> None:
    """The candidates as far as they came, and the ledger."""
    playing = asking(page, tiny, 900)
    page.get_by_role("searchbox", name="Find a setting").fill("min tokens")
    playing.set("min tokens", "900")
    page.get_by_role("spinbutton", name="Tokens at most").fill("7200")
    page.get_by_role("spinbutton", name="Tokens at most").press("Tab")
    page.get_by_role("button", name="Solve", exact=True).click()
    candidates = page.locator("ol.candidates > li")
    expect(candidates).to_have_count(8, timeout=20_000)
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_role("button", name="Solve", exact=True)).to_be_visible()
    expect(page.get_by_text("stopped: the best so far stays")).to_be_visible()
    expect(candidates).to_have_count(8)
    assert all(candidates.locator(".words").all_text_contents())
    expect(playing.tab("Search").get_by_role("table", name="Ledger")).to_be_visible()
