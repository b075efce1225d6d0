"""Choices, comparison and settings: what the page shows is what the server says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from ponder.server.openai.protocol import ChatBody, CompletionBody
from serving import Tiny, serving
from tiny_models import tiny_local_model

from .playing import Playing

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tiny() -> Iterator[Tiny]:
    with serving(tiny_local_model(context_length=1024)) as tiny:
        yield tiny


def test_choices_have_the_shares_of_the_server(page: Page, tiny: Tiny) -> None:
    playing = Playing(page, tiny.server.url).ready()
    playing.set("max tokens", "4")
    playing.say("good or bad?")
    panel = playing.tab("Constraints")
    panel.get_by_role("textbox", name="Texts, one a line").fill("good\nbad")
    with page.expect_response("**/ponder/v1/score") as told:
        panel.get_by_role("button", name="Weigh").click()
    expect(panel.get_by_role("table")).to_be_visible()
    answer = told.value.json()
    again = httpx.post(told.value.url, json=json.loads(told.value.request.post_data or "{}")).json()
    assert answer == again
    for one in answer["choices"]:
        assert f"{100 * one['probability']:.1f}" in panel.inner_text()


@pytest.mark.refused
def test_four_settings_side_by_side(page: Page, tiny: Tiny) -> None:
    """The same seed at several temperatures: where texts part; one refusal leaves the others."""
    playing = Playing(page, tiny.server.url).ready()
    playing.set("max tokens", "20")
    playing.set("seed", "2")
    playing.say("hello")
    dialog = playing.dialog("Compare")
    for _ in range(2):
        dialog.get_by_role("button", name="Add a column").click()
    for number, temperature in enumerate(("0.5", "1", "-3", "1.5"), 1):
        column = dialog.get_by_role("region", name=f"Column {number}")
        column.get_by_role("textbox", name="temperature").fill(temperature)
    dialog.get_by_role("button", name="Run all").click()
    expect(dialog.get_by_text("tok/s")).to_have_count(3, timeout=20_000)
    expect(dialog.get_by_role("alert")).to_contain_text("temperature")
    bodies = playing.bodies()[1:]
    assert [body["seed"] for body in bodies] == [2] * len(bodies)
    others = [again(tiny, body) for body in bodies if body.get("temperature", 1) > 0]
    for one in others[1:]:
        pairs = enumerate(zip(others[0], one, strict=False))
        place = next((i for i, (a, b) in pairs if a != b), None)
        assert place is None or f"at token {place}:" in dialog.inner_text()


def again(tiny: Tiny, body: dict[str, Any]) -> list[int]:
    """The tokens that a request of the page's gives, asked for without it."""
    asked = {**body, "stream": False, "stream_options": None}
    answer = httpx.post(f"{tiny.server.url}/v1/chat/completions", json=asked).json()
    ids: list[int] = answer["choices"][0]["token_ids"]
    return ids


# What a request may say that the settings do not offer, and why.
ELSEWHERE = {
    "the document": """model prompt messages suffix echo add_special_tokens tools tool_choice
        parallel_tool_calls chat_template_kwargs continue_final_message add_generation_prompt
        truncate_prompt_tokens""",
    "branches": "prefix_token_ids prefix_text lineage",
    "what is told, which the page asks for itself": """stream stream_options include_trace logprobs
        top_logprobs prompt_logprobs return_token_ids return_tokens_as_token_ids""",
    "constraints, which have a pane": """constraint response_format structured_outputs guided_choice
        guided_grammar guided_json guided_regex bad_words allowed_token_ids thinking_token_budget
        thinking_budget_tokens reasoning_budget_tokens reasoning_budget_message""",
    "other names of what is offered": "max_completion_tokens use_beam_search best_of",
    "service, not text": "cache_salt priority deadline_s",
    "labels": "metadata prompt_cache_key safety_identifier service_tier store user",
}


def test_every_parameter_is_offered_or_is_elsewhere(page: Page, tiny: Tiny) -> None:
    playing = Playing(page, tiny.server.url).ready()
    fields = {*CompletionBody.model_fields, *ChatBody.model_fields}
    settings = page.get_by_role("complementary", name="Settings")
    settings.get_by_role("searchbox", name="Find a setting").fill(" ")
    labels = settings.inner_text().lower()
    offered = {name for name in fields if name.replace("_", " ") in labels}
    elsewhere = set(" ".join(ELSEWHERE.values()).split())
    assert fields - offered - elsewhere == set()
    assert elsewhere <= fields
    assert playing.bodies() == []
