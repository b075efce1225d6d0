"""POST /ponder/v1/expand."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest

from ponder.asks import Logits, Path, Read, fronts
from ponder.backends.local import LocalModel
from ponder.text import TokenIds
from serving import Tiny, error, events, serving
from tiny_models import tiny_local_model

EXPAND = "/ponder/v1/expand"


@pytest.fixture(scope="module")
def tiny() -> Iterator[Tiny]:
    with serving(tiny_local_model()) as tiny:
        yield tiny


def expanded(tiny: Tiny, **body: Any) -> tuple[float, list[dict[str, Any]], dict[str, Any]]:
    """What is below the prompt, the nodes with their `ids`, and the end."""
    response = tiny.client.post(EXPAND, json=body)
    assert response.status_code == 200, response.text
    begin, *nodes, end = events(response.text)
    assert (begin["type"], end["type"]) == ("begin", "end")
    assert [node["node"] for node in nodes] == list(range(len(nodes)))
    for node in nodes:
        before = [] if node["parent"] == -1 else nodes[node["parent"]]["ids"]
        node["ids"] = [*before, node["token_id"]]
    return begin["below"], nodes, end


def logprobs_after(model: LocalModel, ids: tuple[int, ...]) -> np.ndarray:
    """The log-probabilities of all next tokens, from the whole row of logits; float64."""
    rows = fronts.read(model, Read(Path(TokenIds(ids)), at="last", of=Logits())).rows
    assert rows is not None
    row = rows[0].astype(np.float64)
    return row - row.max() - math.log(np.exp(row - row.max()).sum())


def by_force(
    model: LocalModel, prompt: tuple[int, ...], least: float, depth: int
) -> dict[tuple[int, ...], float]:
    """Every path of at most so many tokens that is at least so likely: all tokens are tried after each."""
    found: dict[tuple[int, ...], float] = {}
    level: dict[tuple[int, ...], float] = {(): 0.0}
    for _ in range(depth):
        after = {
            (*ids, token): logprob + float(own)
            for ids, logprob in level.items()
            if not ids or ids[-1] not in model.tokenizer.eos_ids
            for token, own in enumerate(logprobs_after(model, (*prompt, *ids)))
        }
        level = {ids: logprob for ids, logprob in after.items() if logprob >= math.log(least)}
        found |= level
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("least", "depth"), [(0.004, 6), (0.0015, 3), (0.2, 2)])
def test_it_finds_what_trying_everything_finds(tiny: Tiny, least: float, depth: int) -> None:
    """The same paths with the same probabilities, the likeliest first, and none is missing."""
    prompt = tiny.model.encode("hello").token_ids
    expected = by_force(tiny.model, prompt, least, depth)
    below, nodes, end = expanded(tiny, prompt="hello", min_probability=least, depth=depth, max_nodes=4096)
    found = {tuple(node["ids"]): node["path_logprob"] for node in nodes}
    near = [abs(logprob - math.log(least)) for logprob in expected.values()]
    assert min(near) > 1e-4, "no path is so near to the limit that rounding decides"
    assert found.keys() == expected.keys()
    assert found == pytest.approx(expected, abs=1e-4)
    told = [node["path_logprob"] for node in nodes]
    assert told == sorted(told, reverse=True)
    assert end["complete"] is True
    assert end["nodes"] == len(nodes)
    # No probability is lost: what is in no leaf is below the limit somewhere.
    lost = below + sum(math.exp(node["path_logprob"]) * (node["below"] or 0.0) for node in nodes)
    assert lost + end["mass"] == pytest.approx(1, abs=1e-4)
    for node in nodes:
        assert (node["ended"] == "depth") == (len(node["ids"]) == depth and node["ended"] != "stop")
        assert (node["below"] is None) == (node["ended"] is not None)
    if len(nodes) > 100:
        assert {"stop", "depth"} == {node["ended"] for node in nodes} - {None}


def test_the_first_so_many(tiny: Tiny) -> None:
    """With fewer nodes it is the beginning of the same list, and says that there are more."""
    asked = {"prompt": "hello", "min_probability": 0.004, "depth": 5}
    _, all_of_them, _ = expanded(tiny, **asked)
    _, nodes, end = expanded(tiny, **asked, max_nodes=7)
    assert [node["ids"] for node in nodes] == [node["ids"] for node in all_of_them[:7]]
    assert end["complete"] is False


def test_a_prefix_is_gone_on_with(tiny: Tiny) -> None:
    """What comes after a prefix is what comes after the prompt with it; the cache is used."""
    begun = list(tiny.model.encode("hello there, what is it").token_ids)
    whole = expanded(tiny, prompt_token_ids=begun, min_probability=0.02, depth=3)
    part = expanded(
        tiny, prompt_token_ids=begun[:4], prefix_token_ids=begun[4:], min_probability=0.02, depth=3
    )
    assert [node["ids"] for node in whole[1]] == [node["ids"] for node in part[1]]
    assert part[2]["hit_tokens"] > part[2]["computed_tokens"]


def test_as_told_with_nothing_said(tiny: Tiny) -> None:
    """Probability 0.01, 8 tokens deep; tokens are spelled."""
    _, nodes, end = expanded(tiny, messages=[{"role": "user", "content": "hi"}])
    assert end["complete"] is True
    assert nodes
    for node in nodes:
        assert math.exp(node["path_logprob"]) >= 0.01 * (1 - 1e-6)
        assert bytes.fromhex(node["bytes"]).decode() == node["text"]


@pytest.mark.slow
def test_closing_frees_the_engine() -> None:
    """A client that goes away ends it, wherever it is."""
    with serving(tiny_local_model(context_length=2048)) as tiny:
        body = {"prompt": "hello", "min_probability": 0.001, "depth": 400, "max_nodes": 4096}
        with httpx.Client() as client, client.stream("POST", tiny.server.url + EXPAND, json=body) as response:
            lines = response.iter_lines()
            assert next(lines) == "event: begin"
        end, before = time.monotonic() + 10, -1
        while tiny.running() or tiny.model.stats().steps != before:  # it may rest between two steps
            assert time.monotonic() < end
            before = tiny.model.stats().steps
            time.sleep(0.2)
        assert before < 200


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "prompt"),
        ({"prompt": "a", "min_probability": 0.0009}, "min_probability"),
        ({"prompt": "a", "min_probability": 1.1}, "min_probability"),
        ({"prompt": "a", "min_probability": "0.5"}, "min_probability"),
        ({"prompt": "a", "depth": 0}, "depth"),
        ({"prompt": "a", "depth": 256}, "depth"),
        ({"prompt": "a", "max_nodes": 0}, "max_nodes"),
        ({"prompt": "a", "max_nodes": 4097}, "max_nodes"),
        ({"prompt": "a" * 256}, "prompt"),
        ({"prompt": "a", "sampling": {}}, None),
        ({"prompt": "a", "sampling": {"top_p": 0.5}}, "sampling"),
    ],
)
def test_what_is_refused(tiny: Tiny, body: dict[str, Any], param: str | None) -> None:
    """By name, in one sentence, before a stream begins."""
    refused = error(tiny.client.post(EXPAND, json=body), 400)
    assert refused["param"] == (param or "sampling"), refused
