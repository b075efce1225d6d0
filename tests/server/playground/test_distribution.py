"""POST /ponder/v1/distribution."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from ponder.asks import Grow, Logits, Path, Read, Record, fronts
from ponder.sampling import SEMANTICS, TraceSettings
from ponder.text import Message, TokenIds
from ponder.traces.form import plain
from ponder.traces.record import row_of
from serving import Tiny, error, serving
from tiny_models import tiny_local_model

DISTRIBUTION = "/ponder/v1/distribution"
SAMPLING = {
    "temperature": 0.8,
    "top_p": 0.7,
    "frequency_penalty": 1.0,
    "min_tokens": 12,
    "logit_bias": {"5": 2.0},
    "seed": 3,
}


@pytest.fixture(scope="module")
def tiny() -> Iterator[Tiny]:
    with serving(tiny_local_model()) as tiny:
        yield tiny


def post(tiny: Tiny, **body: Any) -> dict[str, Any]:
    response = tiny.client.post(DISTRIBUTION, json=body)
    assert response.status_code == 200, response.text
    return response.json()


def same(told: Any, expected: Any) -> None:
    """Rows are equal but for the last bits: another batch may round otherwise."""
    assert told.keys() == expected.keys()
    for name, value in expected.items():
        if name == "steps":
            assert [(one["step"], one["removed"], one["changed"]) for one in told[name]] == [
                (one["step"], one["removed"], one["changed"]) for one in value
            ]
            assert [one["mass"] for one in told[name]] == pytest.approx(
                [one["mass"] for one in value], abs=1e-5
            )
        elif name == "ids":
            assert told[name] == value
        else:
            assert told[name] == pytest.approx(value, abs=1e-4, rel=1e-5), name


@pytest.mark.parametrize("chat", [False, True])
def test_it_is_the_row_of_a_trace(tiny: Tiny, chat: bool) -> None:
    """At each place of a text that was generated: the row that its trace has there."""
    prompt = [Message("user", "once upon")] if chat else "once upon a time"
    asked = {"messages": [{"role": "user", "content": "once upon"}]} if chat else {"prompt": prompt}
    keep = Record(trace=TraceSettings(20))
    params = {**SAMPLING, "logit_bias": {5: 2.0}, "max_tokens": 16}
    (output,) = fronts.generate(tiny.model, Grow(Path(prompt), params, record=keep)).outputs
    assert len(output.traces) > 8
    for place in (0, 1, 5, len(output.traces) - 1):
        trace = output.traces[place]
        begun = list(output.token_ids[:place])
        told = post(tiny, **asked, prefix_token_ids=begun, top=20, sampling=SAMPLING)
        assert trace.distribution is not None
        same(told["row"], plain(row_of(trace, trace.distribution)))
        assert set(told["vocabulary"]) == {str(token) for token in told["row"]["ids"]}
        assert told["prompt_tokens"] == len(tiny.model.encode(prompt).token_ids)


def test_prompts_in_three_ways(tiny: Tiny) -> None:
    """A text and its tokens are the same prompt, and more of them than the vocabulary has are not told."""
    ids = list(tiny.model.encode("hello").token_ids)
    by_text, by_ids = (
        post(tiny, **asked, top=1000) for asked in ({"prompt": "hello"}, {"prompt_token_ids": ids})
    )
    assert by_text["row"] == by_ids["row"]
    assert len(by_text["row"]["ids"]) == tiny.model.tokenizer.vocab_size
    assert by_text["systems"] == []
    begun = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "hi"}]}
    goes_on = post(tiny, **begun, continue_final_message=True)
    first = {"messages": begun["messages"][:1]}
    prefix = list(tiny.model.tokenizer.encode("hi", add_bos=False))
    assert goes_on["row"] == post(tiny, **first, prefix_token_ids=prefix)["row"]


def test_what_systems_keep(tiny: Tiny) -> None:
    """Each system's tokens and probabilities; without truncation they are a softmax of the logits."""
    told = post(tiny, prompt="hello", semantics=list(SEMANTICS), top=64, sampling={"temperature": 0.5})
    ids = TokenIds(tiny.model.encode("hello").token_ids)
    rows = fronts.read(tiny.model, Read(Path(ids), at="last", of=Logits())).rows
    assert rows is not None
    weights = np.exp((rows[0] - rows[0].max()).astype(np.float64) / 0.5)
    weights /= weights.sum()
    assert [one["semantics"] for one in told["systems"]] == list(SEMANTICS)
    for one in told["systems"]:
        assert one["refused"] is None
        assert one["probs"] == pytest.approx(weights[one["token_ids"]], rel=1e-4)
        assert one["probs"] == sorted(one["probs"], reverse=True)
    cut = post(
        tiny, prompt="hello", semantics=["ponder", "vllm"], top=3, sampling={"top_p": 0.6, "min_p": 0.2}
    )
    for one in cut["systems"]:
        assert len(one["token_ids"]) == min(3, one["kept"])
        assert {str(token) for token in one["token_ids"]} <= set(cut["vocabulary"])
    dry = post(tiny, prompt="hello", semantics=["ponder", "hf"], sampling={"dry_multiplier": 1.0})
    assert [one["refused"] is None for one in dry["systems"]] == [True, False]


def test_penalties_count_the_prefix_as_output(tiny: Tiny) -> None:
    """A penalty on what was generated changes what a system keeps after a prefix, not after a prompt."""
    begun = list(tiny.model.encode("hello").token_ids)
    asked = {"semantics": ["ponder"], "top": 64, "sampling": {"frequency_penalty": 2.0}}
    whole = post(tiny, prompt_token_ids=begun, **asked)
    part = post(tiny, prompt_token_ids=begun[:1], prefix_token_ids=begun[1:], **asked)
    probs = [
        dict(zip(one["systems"][0]["token_ids"], one["systems"][0]["probs"], strict=True))
        for one in (whole, part)
    ]
    assert probs[1][begun[-1]] < probs[0][begun[-1]]
    tempered = dict(zip(part["row"]["ids"], part["row"]["tempered"], strict=True))
    assert probs[1] == pytest.approx(tempered, abs=1e-5)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "prompt"),
        ({"prompt": "a", "prompt_token_ids": [5]}, "prompt_token_ids"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": "a", "continue_final_message": True}, "continue_final_message"),
        ({"prompt_token_ids": [64]}, "prompt_token_ids"),
        ({"prompt": "a", "prefix_token_ids": [-1]}, "prefix_token_ids"),
        ({"prompt": "a", "prefix_token_ids": [61]}, "prefix_token_ids"),  # an end token
        ({"prompt": "a" * 256}, "prompt"),
        ({"prompt": "a" * 10**6}, "prompt"),
        ({"prompt": "a", "prefix_token_ids": [5] * 256}, "prompt"),
        ({"prompt": "a", "top": 0}, "top"),
        ({"prompt": "a", "top": 1001}, "top"),
        ({"prompt": "a", "top": "5"}, "top"),
        ({"prompt": "a", "semantics": ["nobody"]}, "semantics"),
        ({"prompt": "a", "semantics": ["hf", "hf"]}, "semantics"),
        ({"prompt": "a", "sampling": {"top_p": 2}}, "sampling.top_p"),
        ({"prompt": "a", "sampling": {"nobody": 2}}, "sampling.parameter"),
        ({"prompt": "a", "sampling": []}, "sampling"),
        ({"prompt": "a", "semantics": ["hf"], "sampling": {"semantics": "hf"}}, "sampling.semantics"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": "a", "audio": 1}]}, "messages[0].audio"),
        ({"prompt": "a", "nobody": 1}, "nobody"),
    ],
)
def test_what_is_refused(tiny: Tiny, body: dict[str, Any], param: str) -> None:
    """By name, in one sentence."""
    refused = error(tiny.client.post(DISTRIBUTION, json=body), 400)
    assert refused["param"] == param, refused
    assert "\n" not in refused["message"]
