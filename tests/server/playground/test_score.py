"""POST /ponder/v1/score."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from ponder.asks import Logits, Path, Read, fronts
from ponder.lm import LM
from ponder.text import Conversation, Message, TokenIds
from serving import Tiny, error, serving
from tiny_models import tiny_local_model

SCORE = "/ponder/v1/score"
TEXTS = ["yes", "no", "not now"]


@pytest.fixture(scope="module")
def tiny() -> Iterator[Tiny]:
    with serving(tiny_local_model()) as tiny:
        yield tiny


def post(tiny: Tiny, **body: Any) -> dict[str, Any]:
    response = tiny.client.post(SCORE, json=body)
    assert response.status_code == 200, response.text
    return response.json()


def close(told: dict[str, Any], expected: dict[str, Any]) -> None:
    assert told["mass"] == pytest.approx(expected["mass"], rel=1e-4)
    for one, other in zip(told["choices"], expected["choices"], strict=True):
        assert one.keys() == other.keys()
        for name in one:
            if name in ("text", "token_ids"):
                assert list(one[name]) == list(other[name])
            else:
                assert one[name] == pytest.approx(other[name], rel=1e-4, abs=1e-5), name


def test_it_is_what_choose_says(tiny: Tiny) -> None:
    """Raw text, messages, with a baseline, with and without end tokens: as `ponder choose --json` has it."""
    lm, user = LM(tiny.model), [{"role": "user", "content": "well"}]
    close(post(tiny, prompt="well", texts=TEXTS), lm.choose("well", TEXTS, chat=False).as_json())
    close(post(tiny, messages=user, texts=TEXTS), lm.choose("well", TEXTS).as_json())
    close(
        post(tiny, messages=user, texts=TEXTS, ends=False, baseline="so", join=""),
        lm.choose("well", TEXTS, ends=False, baseline="so", join="").as_json(),
    )
    close(
        post(tiny, prompt="well", texts=TEXTS, ends=True, baseline="so"),
        lm.choose("well", TEXTS, ends=True, baseline="so", chat=False).as_json(),
    )
    ids = list(tiny.model.encode("well").token_ids)
    close(
        post(tiny, prompt_token_ids=ids, texts=TEXTS, baseline="so"),
        lm.choose(
            TokenIds(tuple(ids)), TEXTS, baseline=TokenIds(tiny.model.encode("so").token_ids)
        ).as_json(),
    )
    turns = [*user, {"role": "assistant", "content": "it is"}]
    begun = Conversation(
        (Message("user", "well"), Message("assistant", "it is")), continue_final_message=True
    )
    close(
        post(tiny, messages=turns, continue_final_message=True, texts=TEXTS),
        lm.choose(begun, TEXTS).as_json(),
    )


def test_by_hand(tiny: Tiny) -> None:
    """Each text's log-probability is the sum of its tokens' in the softmax of the model's whole rows."""
    told = post(tiny, prompt="well", texts=TEXTS, baseline="so")

    def logprob(prompt: str, token_ids: list[int]) -> float:
        ids = (*tiny.model.encode(prompt).token_ids, *token_ids)
        rows = fronts.read(tiny.model, Read(Path(TokenIds(ids)), of=Logits())).rows.astype(np.float64)
        rows -= np.log(np.exp(rows).sum(-1, keepdims=True))
        return float(
            sum(
                rows[-1 - left, token]
                for left, token in zip(range(len(token_ids), 0, -1), token_ids, strict=True)
            )
        )

    own = [logprob("well", one["token_ids"]) for one in told["choices"]]
    prior = [logprob("so", one["token_ids"]) for one in told["choices"]]
    assert [one["logprob"] for one in told["choices"]] == pytest.approx(own, abs=1e-3)
    assert [sum(one["token_logprobs"]) for one in told["choices"]] == pytest.approx(own, abs=1e-3)
    assert told["mass"] == pytest.approx(math.fsum(map(math.exp, own)), rel=1e-3)
    weights = [math.exp(one - other) for one, other in zip(own, prior, strict=True)]
    assert [one["calibrated"] for one in told["choices"]] == pytest.approx(
        [weight / sum(weights) for weight in weights], rel=1e-3
    )


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"texts": ["a"]}, "prompt"),
        ({"prompt": "a"}, "texts"),
        ({"prompt": "a", "texts": []}, "texts"),
        ({"prompt": "a", "texts": ["b", "b"]}, "texts"),
        ({"prompt": "a", "texts": ["b", " "]}, "texts"),
        ({"prompt": "a", "texts": ["b"] * 513}, "texts"),
        ({"prompt": "a", "texts": ["b" * 300]}, "prompt"),
        ({"prompt": "a", "texts": "b"}, "texts"),
        ({"prompt": "", "texts": ["b"]}, "prompt"),
        ({"prompt": "a" * 300, "texts": ["b"]}, "prompt"),
        ({"prompt": "a", "texts": ["b"], "baseline": ""}, "baseline"),
        ({"prompt": "a", "texts": ["b"], "baseline": [{"role": "user", "content": "a"}]}, "baseline"),
        ({"prompt": "a", "texts": ["b"], "tools": [1]}, "tools"),
        ({"prompt_token_ids": [99], "texts": ["b"]}, "prompt_token_ids"),
        ({"prompt_token_ids": [], "texts": ["b"]}, "prompt_token_ids"),
        ({"messages": [{"role": "user", "content": "a" * 300}], "texts": ["b"]}, "messages"),
        ({"prompt": "a", "texts": ["b"], "ends": 1}, "ends"),
    ],
)
def test_what_is_refused(tiny: Tiny, body: dict[str, Any], param: str) -> None:
    """By name, in one sentence."""
    refused = error(tiny.client.post(SCORE, json=body), 400)
    assert refused["param"] == param, refused
