"""A text as it comes: its tokens, what each was chosen from, sliders, the dart, branches, stopping."""

from __future__ import annotations

import json
import random
import unicodedata
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from ponder.traces.file import parse_trace
from ponder.traces.redraw import nucleus, redraw
from serving import Tiny, events, serving
from tiny_models import ALPHABET, tiny_local_model, tiny_tokenizer

from .playing import Playing

pytestmark = pytest.mark.slow

ENDS = len(ALPHABET)  # tokens from here on are control tokens


@pytest.fixture(scope="module")
def tiny() -> Iterator[Tiny]:
    with serving(tiny_local_model(context_length=4096)) as tiny:
        yield tiny


def folded(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """A stream's trace."""
    trace: dict[str, Any] = {"rows": [], "tokens": [], "vocabulary": {}, "texts": []}
    for chunk in chunks:
        for name, value in chunk.get("trace", {}).items():
            if isinstance(trace.get(name), list):
                trace[name] += value
            elif name == "vocabulary":
                trace[name] |= value
            else:
                trace[name] = value
    return trace


def asked_again(playing: Playing, number: int = -1) -> dict[str, Any]:
    """The trace of what the page asked, asked for by another client."""
    sent = [one for one in playing.sent if one.url.endswith("completions")][number]
    body = json.loads(sent.post_data or "{}")
    return folded(events(httpx.post(sent.url, json=body, timeout=60).text))


def visible(text: str) -> str:
    """A text as the page shows it: what has no glyph is an escape."""
    return "".join(
        f"\\u{{{ord(one):x}}}"
        if one not in "\n\t" and unicodedata.category(one) in ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")
        else one
        for one in text
    )


def long_seed(tiny: Tiny, prompt: str, length: int) -> str:
    """A seed with which the answer to a message has so many tokens."""
    for seed in range(50):
        body = {"messages": [{"role": "user", "content": prompt}], "seed": seed, "max_tokens": length}
        answer = tiny.client.post("/v1/chat/completions", json=body).json()
        if answer["usage"]["completion_tokens"] == length:
            return str(seed)
    raise AssertionError("no seed has a text so long")


def test_tokens_are_the_answer(page: Page, tiny: Tiny) -> None:
    """Each is a span; together they are the text; their colours differ."""
    playing = Playing(page, tiny.server.url).ready()
    playing.set("max tokens", "60")
    playing.set("seed", long_seed(tiny, "hello", 60))
    playing.say("hello")
    trace = asked_again(playing)
    assert "".join(playing.texts()) == visible(trace["texts"][0]["text"])
    assert len(playing.texts()) == 60
    page.get_by_role("combobox", name="Colour by").select_option("rank")
    spans = page.locator("[data-token]")
    colours = spans.evaluate_all("all => [...new Set(all.map(one => getComputedStyle(one).backgroundColor))]")
    assert len(colours) >= 4, colours


def test_the_inspector_shows_what_the_trace_has(page: Page, tiny: Tiny) -> None:
    """Rank, entropy, log-probabilities and alternatives of twenty tokens."""
    playing = Playing(page, tiny.server.url).ready()
    playing.set("max tokens", "60")
    playing.set("temperature", "0.9")
    playing.set("top p", "0.8")
    playing.set("seed", "5")
    playing.say("hello there")
    trace = asked_again(playing)
    path = trace["texts"][0]["tokens"]
    for place in random.Random(1).sample(range(len(playing.texts())), 20):
        playing.choose(place)
        token = trace["tokens"][path[place]]
        row = trace["rows"][token["row"]]
        shown = playing.inspector.inner_text()
        assert f"{token['id']}" in shown
        for value in (token["logprob"], token["tempered_logprob"], token["truncated_logprob"]):
            assert f"{value:.4f}".replace("-", "−").replace("−0.0000", "0.0000") in shown.replace(
                "−0.0000", "0.0000"
            )
        assert f"{row['entropy']:.2f}" in shown
        assert str(row["kept"]) in shown


def test_parts_of_characters(page: Page) -> None:
    """Bytes that are parts of a character: the spans still add up to the text."""
    with serving(tiny_local_model(tiny_tokenizer(None))) as tiny:
        playing = Playing(page, tiny.server.url).ready()
        playing.set("max tokens", "40")
        playing.set("seed", "1")
        playing.say("é")
        trace = asked_again(playing)
        assert "".join(playing.texts()) == visible(trace["texts"][0]["text"])


def test_sliders_ask_nothing(page: Page, tiny: Tiny) -> None:
    """They redraw each row from what was sent: as many tokens are kept as Python keeps."""
    playing = Playing(page, tiny.server.url).ready()
    playing.set("max tokens", "40")
    playing.set("seed", "2")
    playing.say("hello")
    trace = parse_trace(json.dumps(asked_again(playing)).encode())
    playing.choose(3)
    before = len(playing.sent)
    what_if = page.get_by_role("region", name="What if")
    for temperature, top_p in ((0.5, 0.9), (1.3, 0.7), (1.7, 1.0), (1.0, 0.3)):
        what_if.get_by_role("spinbutton", name="temperature").fill(str(temperature))
        what_if.get_by_role("spinbutton", name="top_p").fill(str(top_p))
        for place in (0, 3, 11, 25):
            playing.choose(place)
            row = trace.rows[trace.tokens[trace.texts[0].tokens[place]].row]
            probs = redraw(row, trace.temperatures, temperature).probs
            kept = nucleus(probs, top_p)
            shown = what_if.inner_text()
            if sum(probs) > top_p:
                assert f"{kept} token" in shown
    assert len(playing.sent) == before


@pytest.mark.parametrize("seed", range(4))
def test_the_dart_is_right(page: Page, tiny: Tiny, seed: int) -> None:
    """Where the same random numbers part at other settings: what the page says is what a run gives."""
    playing = Playing(page, tiny.server.url).ready()
    playing.set("max tokens", "40")
    playing.set("seed", str(seed))
    playing.say("hello")
    texts = playing.texts()
    playing.choose(0)
    what_if = page.get_by_role("region", name="What if")
    right = 0
    for temperature, top_p in ((0.5, 0.9), (1.3, 0.8), (0.9, 0.9), (1.0, 0.95), (0.3, 1.0), (1.6, 0.6)):
        what_if.get_by_role("spinbutton", name="temperature").fill(str(temperature))
        what_if.get_by_role("spinbutton", name="top_p").fill(str(top_p))
        sentence = page.get_by_role("region", name="The dart").inner_text()
        body = {**playing.bodies()[0], "temperature": temperature, "top_p": top_p}
        other = folded(events(httpx.post(f"{tiny.server.url}/v1/chat/completions", json=body).text))
        ours = asked_again(playing)
        ids = [[one["tokens"][place]["id"] for place in one["texts"][0]["tokens"]] for one in (ours, other)]
        first = next((i for i, (a, b) in enumerate(zip(*ids, strict=False)) if a != b), None)
        if "cannot" in sentence or "unknown" in sentence:
            continue
        right += 1
        if first is not None:
            assert f"token {first}" in sentence, (sentence, first, texts)
    assert right


def test_a_branch_goes_on_with_its_tokens(page: Page, tiny: Tiny) -> None:
    """An alternative that is clicked is asked for with the ids before it; the old text stays beside it."""
    playing = Playing(page, tiny.server.url).ready()
    playing.set("max tokens", "30")
    playing.set("seed", "4")
    playing.say("hello")
    trace, before = asked_again(playing), playing.texts()
    playing.choose(7)
    row = trace["rows"][trace["tokens"][trace["texts"][0]["tokens"][7]]["row"]]
    chosen = trace["tokens"][trace["texts"][0]["tokens"][7]]["id"]
    place = next(i for i, one in enumerate(row["ids"]) if one != chosen and one < ENDS)
    page.get_by_role("list", name="Alternatives").get_by_role("button").nth(place).click()
    playing.wait()
    body = playing.bodies()[-1]
    ids = [trace["tokens"][one]["id"] for one in trace["texts"][0]["tokens"]]
    assert body["prefix_token_ids"] == [*ids[:7], row["ids"][place]]
    assert body["seed"] == 4
    after = playing.texts()
    assert after[:7] == before[:7]
    assert after != before
    page.get_by_role("button", name="Previous branch").click()
    assert playing.texts() == before


def endless(playing: Playing) -> None:
    """Let texts grow to three thousand tokens, whatever the model draws."""
    playing.set("max tokens", "3000")
    settings = playing.page.get_by_role("complementary", name="Settings")
    settings.get_by_role("searchbox", name="Find a setting").fill("ignore eos")
    settings.get_by_role("checkbox", name="ignore eos").check()
    settings.get_by_role("searchbox", name="Find a setting").fill("")


def test_stop_keeps_the_text(page: Page, tiny: Tiny) -> None:
    playing = Playing(page, tiny.server.url).ready()
    endless(playing)
    playing.say("hello", wait=False)
    expect(playing.tokens.nth(20)).to_be_attached(timeout=20_000)
    page.keyboard.press("Escape")
    playing.wait("stopped")
    assert len(playing.texts()) > 20
    playing.choose(5)
    assert "rank" in playing.inspector.inner_text()
    playing.set("max tokens", "8")
    playing.say("again")
    assert playing.texts()


@pytest.mark.refused
def test_a_server_that_goes_leaves_the_text(page: Page) -> None:
    """In the middle of a stream: what had come stays, the error is said, and the history has it."""
    with serving(tiny_local_model(context_length=4096)) as tiny:
        playing = Playing(page, tiny.server.url).ready()
        endless(playing)
        playing.say("hello", wait=False)
        expect(playing.tokens.nth(20)).to_be_attached(timeout=20_000)
        tiny.server.stop()
        tiny.server.stop()
        playing.wait("failed")
        assert len(playing.texts()) > 20
        expect(page.get_by_role("alert").first).to_be_visible()
        history = playing.dialog("History")
        expect(history.get_by_role("button", name="hello", exact=True)).to_be_visible()
