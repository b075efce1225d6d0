"""What a constraint forbids at a token is listed, with the mass that it had."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from serving import Tiny, serving
from tiny_models import tiny_local_model

from .playing import Playing
from .test_document import asked_again

pytestmark = pytest.mark.slow

BANNED = ["e", "a", "1"]


@pytest.fixture(scope="module")
def tiny() -> Iterator[Tiny]:
    with serving(tiny_local_model(context_length=1024)) as tiny:
        yield tiny


def test_what_was_masked_at_each_token(page: Page, tiny: Tiny) -> None:
    """How many, with how much of the probability, and which: those of the trace's rows."""
    playing = Playing(page, tiny.server.url).ready()
    playing.set("max tokens", "12")
    playing.set("seed", "3")
    panel = playing.tab("Constraints")
    panel.get_by_role("combobox", name="Add").select_option("ban")
    panel.get_by_role("textbox").first.fill("\n".join(BANNED))
    panel.get_by_role("textbox").first.press("Tab")
    playing.say("hello")
    trace = asked_again(playing)
    panel = playing.tab("Constraints")
    masked_somewhere = 0
    for place, token in enumerate(trace["texts"][0]["tokens"]):
        playing.choose(place)
        row = trace["rows"][trace["tokens"][token]["row"]]
        steps = [step for step in row["steps"] if step["kind"] == "constraint"]
        shown = panel.get_by_role("region", name="What it did")
        if not steps:
            expect(shown).to_contain_text("nothing was forbidden")
            continue
        removed, mass = (sum(step[name] for step in steps) for name in ("removed", "mass"))
        expect(shown).to_contain_text(f"it removed {removed} token")
        said = re.search(r"with ([\d.,<]+) ?% of the probability", shown.inner_text())
        assert said is not None, shown.inner_text()
        assert float(said[1].strip("<")) == pytest.approx(100 * mass, abs=0.06)
        listed = set(shown.locator(".mono.word").all_text_contents())
        zero = [one for one, share in zip(row["ids"], row["tempered"], strict=True) if share == 0]
        assert listed == {trace["vocabulary"][str(one)]["text"] for one in zero[:20]}
        assert listed <= set(BANNED)
        masked_somewhere += bool(listed)
    assert masked_somewhere
