"""POST /v1/embeddings and /v1/score."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import openai
import pytest

from ponder.asks import Path, Read, States, fronts
from ponder.text import TokenIds
from serving import Tiny, error, serving
from tiny_models import tiny_local_model

EMBEDDINGS, SCORE = "/v1/embeddings", "/v1/score"


def post(tiny: Tiny, path: str, **body: Any) -> dict[str, Any]:
    response = tiny.client.post(path, json=body)
    assert response.status_code == 200, response.text
    return response.json()


def vectors(answer: dict[str, Any]) -> np.ndarray:
    assert [one["index"] for one in answer["data"]] == list(range(len(answer["data"])))
    assert {one["object"] for one in answer["data"]} == {"embedding"}
    return np.array([one["embedding"] for one in answer["data"]])


def states(tiny: Tiny, text: str) -> np.ndarray:
    """What the model's head reads, [T, C]."""
    ids = tiny.model.encode(text).token_ids
    return fronts.read(tiny.model, Read(Path(TokenIds(ids)), of=States())).rows.astype(np.float64)


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def test_what_a_vector_is(tiny: Tiny) -> None:
    """The mean over all tokens of what the head reads, or the last token's, of length 1."""
    texts = ["hello", "once upon a time", "hello"]
    answer = post(tiny, EMBEDDINGS, input=texts)
    assert (answer["object"], answer["model"]) == ("list", "tiny")
    tokens = sum(len(tiny.model.encode(text).token_ids) for text in texts)
    assert answer["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}
    found = vectors(answer)
    for text, vector in zip(texts, found, strict=True):
        assert vector == pytest.approx(unit(states(tiny, text).mean(0)), abs=1e-5)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-6)
    last = vectors(post(tiny, EMBEDDINGS, input=texts, pooling="last"))
    for text, vector in zip(texts, last, strict=True):
        assert vector == pytest.approx(unit(states(tiny, text)[-1]), abs=1e-5)
    (plain,) = vectors(post(tiny, EMBEDDINGS, input="hello", normalize=False))
    assert plain == pytest.approx(states(tiny, "hello").mean(0), abs=1e-5)


def test_every_kind_of_input(tiny: Tiny) -> None:
    """A text, texts, token ids, lists of those."""
    one, two = (list(tiny.model.encode(text).token_ids) for text in ("hello", "bye"))
    expected = vectors(post(tiny, EMBEDDINGS, input=["hello", "bye"]))
    assert vectors(post(tiny, EMBEDDINGS, input=[one, two])) == pytest.approx(expected, abs=1e-6)
    for alone in ("hello", ["hello"], one, [one]):
        assert vectors(post(tiny, EMBEDDINGS, input=alone)) == pytest.approx(expected[:1], abs=1e-6)
    cut = vectors(post(tiny, EMBEDDINGS, input=one, truncate_prompt_tokens=2))
    assert cut == pytest.approx(vectors(post(tiny, EMBEDDINGS, input=one[-2:])), abs=1e-6)


def test_base64(tiny: Tiny) -> None:
    """The same numbers, as float32."""
    floats = vectors(post(tiny, EMBEDDINGS, input="hello", encoding_format="float"))[0]
    (coded,) = post(tiny, EMBEDDINGS, input="hello", encoding_format="base64")["data"]
    assert np.frombuffer(base64.b64decode(coded["embedding"]), "<f4") == pytest.approx(floats, abs=1e-7)


def test_the_openai_package(tiny: Tiny) -> None:
    """It asks for base64 by itself, and reads it."""
    with openai.OpenAI(base_url=f"{tiny.server.url}/v1", api_key="none", max_retries=0) as api:
        answer = api.embeddings.create(model="tiny", input=["hello", "bye"])
        found = np.array([one.embedding for one in answer.data])
        assert found == pytest.approx(vectors(post(tiny, EMBEDDINGS, input=["hello", "bye"])), abs=1e-6)
        with pytest.raises(openai.BadRequestError) as caught:
            api.embeddings.create(model="tiny", input="a", dimensions=8)
    assert (caught.value.param, caught.value.code) == ("dimensions", "unsupported_parameter")


def test_a_meaning(client: httpx.Client) -> None:
    """Texts about the same thing are nearer than others, with a real model."""
    first = "How do I bake bread?"
    others = ["Bread is baked from flour, water and yeast.", "The parliament passed a law on shipping."]
    answer = client.post(SCORE, json={"text_1": first, "text_2": others}).json()
    near, far = (one["score"] for one in answer["data"])
    assert near > far


def test_scores(tiny: Tiny) -> None:
    """The cosine of two vectors: one text and several, or pairs."""
    texts = ["hello", "bye", "once upon"]
    found = vectors(post(tiny, EMBEDDINGS, input=texts))
    one = post(tiny, SCORE, text_1="hello", text_2=texts)
    assert [entry["object"] for entry in one["data"]] == ["score"] * 3
    assert [entry["index"] for entry in one["data"]] == [0, 1, 2]
    assert [entry["score"] for entry in one["data"]] == pytest.approx(found @ found[0], abs=1e-5)
    assert one["data"][0]["score"] == pytest.approx(1, abs=1e-6)
    assert one["usage"]["prompt_tokens"] == len("hello") + sum(map(len, texts))
    pairs = post(tiny, SCORE, text_1=texts, text_2=texts[::-1])
    expected = (found * found[::-1]).sum(1)
    assert [entry["score"] for entry in pairs["data"]] == pytest.approx(expected, abs=1e-5)
    (single,) = post(tiny, SCORE, text_1="hello", text_2="bye")["data"]
    assert single["score"] == pytest.approx(float(found[0] @ found[1]), abs=1e-5)


@pytest.fixture(scope="module")
def shared() -> Iterator[Tiny]:
    """One tiny server for the whole table."""
    with serving(tiny_local_model()) as shared:
        yield shared


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        (EMBEDDINGS, {}, "input"),
        *[(EMBEDDINGS, {"input": value}, "input") for value in (None, [], "", ["a", ""], 5, [64], ["a", 5])],
        (EMBEDDINGS, {"input": ["a"] * 257}, "input"),
        (EMBEDDINGS, {"input": "a", "encoding_format": "hex"}, "encoding_format"),
        (EMBEDDINGS, {"input": "a", "pooling": "max"}, "pooling"),
        (EMBEDDINGS, {"input": "a", "dimensions": 8}, "dimensions"),
        (EMBEDDINGS, {"input": "a", "temperature": 1}, "temperature"),
        (EMBEDDINGS, {"input": "a", "truncate_prompt_tokens": 0}, "truncate_prompt_tokens"),
        (SCORE, {"text_1": "a"}, "text_2"),
        (SCORE, {"text_1": ["a", "b"], "text_2": ["a", "b", "c"]}, "text_1"),
        (SCORE, {"text_1": ["a", "b"], "text_2": "a"}, "text_1"),
        (SCORE, {"text_1": "a", "text_2": []}, "text_2"),
        (SCORE, {"text_1": [], "text_2": []}, "text_1"),
        (SCORE, {"text_1": "", "text_2": "a"}, "text_1"),
        (SCORE, {"text_1": "a", "text_2": ["a"] * 257}, "text_2"),
        (SCORE, {"text_1": 5, "text_2": "a"}, "text_1"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_bad_requests(shared: Tiny, path: str, body: dict[str, Any], param: str) -> None:
    """400 by the field's name, and nothing is left running."""
    assert error(shared.client.post(path, json=body), 400)["param"] == param
    assert shared.running() == 0
