"""POST /v1/completions."""

from __future__ import annotations

import math

import httpx
import pytest

from ponder.asks import Grow, Path, fronts
from ponder.decoders import BeamSearch
from serving import Tiny, error, events, text_of
from tiny_models import tiny_local_model

PROMPT = "The capital of France is"


def complete(client: httpx.Client, **body: object) -> dict:
    response = client.post("/v1/completions", json=body)
    assert response.status_code == 200, response.text
    return response.json()


def test_shape(client: httpx.Client) -> None:
    """The members OpenAI documents; 16 tokens by default."""
    answer = complete(client, model="smollm2-135m", prompt=PROMPT, temperature=0, user="me", metadata={})
    assert answer["id"].startswith("cmpl-")
    assert answer["object"] == "text_completion"
    assert answer["model"] == "smollm2-135m"
    assert isinstance(answer["created"], int)
    assert answer["system_fingerprint"] is None
    (choice,) = answer["choices"]
    assert choice["text"].startswith(" Paris")
    assert choice["index"] == 0
    assert choice["logprobs"] is None
    assert choice["finish_reason"] == "length"
    assert choice["stop_reason"] is None
    usage = answer["usage"]
    assert usage["prompt_tokens"] == 5
    assert usage["completion_tokens"] == 16
    assert usage["total_tokens"] == 21
    assert set(usage["prompt_tokens_details"]) == {"cached_tokens"}


def test_same_as_the_model_itself(tiny: Tiny) -> None:
    """The server adds nothing: text, ids and sum of log-probabilities are those of `LocalModel`."""
    sampling = {"temperature": 0.9, "top_p": 0.8, "seed": 7, "max_tokens": 20, "n": 3}
    answer = complete(tiny.client, prompt="hello", return_token_ids=True, logprobs=0, **sampling)
    expected = fronts.generate(tiny.model, Grow(Path("hello"), sampling))
    assert len(answer["choices"]) == 3
    for choice, output in zip(answer["choices"], expected.outputs, strict=True):
        assert choice["text"] == output.text
        assert choice["token_ids"] == list(output.token_ids)
        assert sum(choice["logprobs"]["token_logprobs"]) == pytest.approx(output.logprob, abs=1e-4)
        assert choice["prompt_token_ids"] == list(tiny.model.encode("hello").token_ids)


def test_prompts_of_every_kind(tiny: Tiny) -> None:
    """Text, texts, ids and lists of ids; choices are numbered prompt * n + i."""
    one, two = (list(tiny.model.encode(text).token_ids) for text in ("one", "two"))
    settings = {"n": 2, "seed": 1, "max_tokens": 6}
    texts = [choice["text"] for choice in complete(tiny.client, prompt=["one", "two"], **settings)["choices"]]
    assert len(texts) == 4
    ids = complete(tiny.client, prompt=[one, two], **settings)["choices"]
    assert [choice["index"] for choice in ids] == [0, 1, 2, 3]
    assert [choice["text"] for choice in ids] == texts
    for prompt, expected in (("one", texts[:2]), (one, texts[:2]), (["two"], texts[2:]), ([two], texts[2:])):
        alone = complete(tiny.client, prompt=prompt, **settings)["choices"]
        assert [choice["text"] for choice in alone] == expected


def test_one_bad_prompt_refuses_all(tiny: Tiny) -> None:
    """Nothing of the request is left in the engine."""
    too_long = [[1] * 300, [1, 2]]
    assert "256" in error(tiny.client.post("/v1/completions", json={"prompt": too_long}), 400)["message"]
    error(tiny.client.post("/v1/completions", json={"prompt": ["a", ""]}), 400)
    error(tiny.client.post("/v1/completions", json={"prompt": [[1, 2], [1, 999]]}), 400)
    assert tiny.running() == 0


def test_echo_with_logprobs(tiny: Tiny) -> None:
    """Log-probabilities over prompt and text: the first null, the chosen token always among the top."""
    answer = complete(
        tiny.client, prompt="hello", echo=True, max_tokens=4, logprobs=1, temperature=0, ignore_eos=True
    )
    (choice,) = answer["choices"]
    assert choice["text"].startswith("hello")
    logprobs = choice["logprobs"]
    assert logprobs["tokens"][:5] == list("hello")
    assert len(logprobs["tokens"]) == 9
    assert logprobs["token_logprobs"][0] is None
    assert logprobs["top_logprobs"][0] is None
    keys = ("tokens", "token_logprobs", "top_logprobs")
    for token, logprob, top in zip(*(logprobs[key][1:] for key in keys), strict=True):
        assert top[token] == logprob
        assert len(top) in (1, 2)
        assert logprob <= max(top.values())
    assert logprobs["text_offset"][:5] == [0, 1, 2, 3, 4]
    scores = fronts.score(tiny.model, "h", ["ello"]).texts[0]
    assert logprobs["token_logprobs"][1:5] == pytest.approx(scores.token_logprobs, abs=1e-4)


def test_text_offsets_point_at_the_tokens(client: httpx.Client) -> None:
    """The text from a token's offset begins with the token, characters of several tokens apart."""
    prompt = "Zażółć 日本 🙂 <|im_start|>user"
    (choice,) = complete(client, prompt=prompt, echo=True, max_tokens=3, logprobs=0, temperature=0)["choices"]
    logprobs = choice["logprobs"]
    assert choice["text"].startswith(prompt)
    pieces = list(zip(logprobs["tokens"], logprobs["text_offset"], strict=True))
    assert any(token.startswith("bytes:") for token, _ in pieces)
    for token, offset in pieces:
        if not token.startswith("bytes:"):
            assert choice["text"].startswith(token, offset)


def test_echo_alone(tiny: Tiny) -> None:
    """max_tokens 0 scores a prompt; without echo it would be nothing at all."""
    answer = complete(tiny.client, prompt="hello", echo=True, max_tokens=0, logprobs=2)
    (choice,) = answer["choices"]
    assert choice["text"] == "hello"
    assert len(choice["logprobs"]["tokens"]) == 5
    assert choice["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 0
    refused = error(tiny.client.post("/v1/completions", json={"prompt": "a", "max_tokens": 0}), 400)
    assert refused["param"] == "max_tokens"


def test_best_of(tiny: Tiny) -> None:
    """Of five samples the two of the largest mean log-probability, the best first."""
    sampling = {"seed": 3, "max_tokens": 12, "temperature": 1.5}
    answer = complete(tiny.client, prompt="hello", n=2, best_of=5, logprobs=0, **sampling)
    all_five = fronts.generate(tiny.model, Grow(Path("hello"), {**sampling, "n": 5})).outputs
    ranked = sorted(all_five, key=lambda output: -output.logprob / len(output.token_ids))
    assert [choice["text"] for choice in answer["choices"]] == [output.text for output in ranked[:2]]
    assert answer["usage"]["completion_tokens"] == sum(len(output.token_ids) for output in all_five)


def test_beam_search(tiny: Tiny) -> None:
    """The beams of `BeamSearch`, as wide as num_beams, best_of or n says."""
    expected = fronts.generate(
        tiny.model, Grow(Path("hello"), {"n": 2, "max_tokens": 8}, method=BeamSearch(4, 0.5, True))
    )
    for width in ({"num_beams": 4}, {"best_of": 4}):
        answer = complete(
            tiny.client, prompt="hello", n=2, max_tokens=8, use_beam_search=True, temperature=0,
            length_penalty=0.5, early_stopping=True, top_p=1, top_k=-1, **width,
        )  # fmt: skip
        assert [choice["text"] for choice in answer["choices"]] == expected.texts


def test_stops_are_named(tiny: Tiny) -> None:
    """A stop string and a stop token are the `stop_reason`; the model's own end is not."""
    greedy = {"prompt": "hello", "temperature": 0, "max_tokens": 12}
    text = complete(tiny.client, **greedy)["choices"][0]["text"]
    stop = text[4:6]
    (choice,) = complete(tiny.client, **greedy, stop=[stop, "~"])["choices"]
    assert (choice["finish_reason"], choice["stop_reason"]) == ("stop", stop)
    assert choice["text"] == text[: text.index(stop)]
    (kept,) = complete(tiny.client, **greedy, stop=stop, include_stop_str_in_output=True)["choices"]
    assert kept["text"] == choice["text"] + stop
    token = tiny.model.tokenizer.encode(text[2])[0]
    (ended,) = complete(tiny.client, **greedy, stop_token_ids=[token])["choices"]
    assert (ended["finish_reason"], ended["stop_reason"]) == ("stop", token)
    end = tiny.model.tokenizer.eos_ids[0]
    (own,) = complete(tiny.client, **greedy, logit_bias={str(end): 100})["choices"]
    assert (own["finish_reason"], own["stop_reason"], own["text"]) == ("stop", None, "")


def test_bad_words_hold_on_the_text(tiny: Tiny) -> None:
    """What is banned is not said; where nothing can be said, the request is refused."""
    text = complete(tiny.client, prompt="hello", temperature=0)["choices"][0]["text"]
    other = complete(tiny.client, prompt="hello", temperature=0, bad_words=[text[:2]])["choices"][0]["text"]
    assert text[:2] not in other
    letters = [chr(code) for code in range(32, 127)] + ["\n"]
    body = {"prompt": "hello", "bad_words": letters, "min_tokens": 3}
    response = tiny.client.post("/v1/completions", json=body)
    assert response.status_code == 400
    assert response.json()["error"]["message"] == (
        "bad_words and min_tokens = 'Ban & TokenCount' is not allowed: "
        "some text must keep to all parts, and none was found"
    )


def test_a_text_that_can_neither_go_on_nor_end(tiny: Tiny) -> None:
    """It stops there, and that is the reason."""
    vocabulary = tiny.model.tokenizer.vocabulary
    none = {str(token): -100 for token in range(len(vocabulary)) if vocabulary.is_text[token]}
    (choice,) = complete(tiny.client, prompt="hello", guided_regex="[a-z]{3}", logit_bias=none)["choices"]
    assert (choice["finish_reason"], choice["stop_reason"]) == ("content_filter", "constraint")


def test_prompt_logprobs(tiny: Tiny) -> None:
    """As vLLM has them: by token id, with rank; none for the first token."""
    (choice,) = complete(tiny.client, prompt="hello", max_tokens=1, prompt_logprobs=2)["choices"]
    first, *others = choice["prompt_logprobs"]
    assert first is None
    ids = tiny.model.encode("hello").token_ids
    for token_id, entry in zip(ids[1:], others, strict=True):
        assert entry[str(token_id)]["decoded_token"] == tiny.model.tokenizer.decode([token_id])
        assert len(entry) in (2, 3)
        assert {alternative["rank"] for alternative in entry.values()} >= {1, 2}


@pytest.mark.slow
def test_truncated_prompt(tiny: Tiny) -> None:
    """The last tokens are kept."""
    (choice,) = complete(tiny.client, prompt="hello", echo=True, max_tokens=0, truncate_prompt_tokens=2)[
        "choices"
    ]
    assert choice["text"] == "lo"


def test_cached_tokens(tiny: Tiny) -> None:
    """A prompt asked again is found in the cache, unless its salt is another."""
    prompt = "a long prompt that fills several pages of the cache, " * 3
    for salt, found in ((None, False), (None, True), ("pepper", False), ("pepper", True)):
        answer = complete(tiny.client, prompt=prompt, max_tokens=1, cache_salt=salt)
        assert (answer["usage"]["prompt_tokens_details"]["cached_tokens"] > 0) == found


def test_stream_is_the_whole_in_pieces(tiny: Tiny) -> None:
    """Same seed, same texts, log-probabilities, ids and reasons."""
    body = {"prompt": ["one", "two"], "n": 2, "seed": 5, "max_tokens": 9, "logprobs": 2, "echo": True,
            "return_token_ids": True, "stop": ["z", "q"]}  # fmt: skip
    whole = complete(tiny.client, **body)
    chunks = events(tiny.client.post("/v1/completions", json={**body, "stream": True}).text)
    assert {chunk["object"] for chunk in chunks} == {"text_completion"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert all("usage" not in chunk for chunk in chunks)
    for choice in whole["choices"]:
        index = choice["index"]
        own = [c for chunk in chunks for c in chunk["choices"] if c["index"] == index]
        assert text_of(chunks, index) == choice["text"]
        assert [c["finish_reason"] for c in own if c["finish_reason"]] == [choice["finish_reason"]]
        assert own[-1]["stop_reason"] == choice["stop_reason"]
        assert [i for c in own for i in c["token_ids"]] == choice["token_ids"]
        assert own[0]["prompt_token_ids"] == choice["prompt_token_ids"]
        for key, values in choice["logprobs"].items():
            streamed = [value for c in own if c["logprobs"] for value in c["logprobs"][key]]
            if key in ("tokens", "text_offset"):
                assert streamed == values
            elif key == "token_logprobs":
                assert streamed[1:] == pytest.approx(values[1:], abs=1e-4)


def test_stream_with_usage(tiny: Tiny) -> None:
    """The last chunk has no choices and the usage; the others a null."""
    body = {"prompt": "hello", "stream": True, "stream_options": {"include_usage": True}, "ignore_eos": True}
    *chunks, last = events(tiny.client.post("/v1/completions", json=body).text)
    assert all(chunk["usage"] is None and chunk["choices"] for chunk in chunks)
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 16
    assert last["usage"]["total_tokens"] == 21


def test_stream_of_beams(tiny: Tiny) -> None:
    """Only the final texts; with include_tree also the tree, whose leaves spell them."""
    body = {"prompt": "hello", "n": 2, "num_beams": 3, "use_beam_search": True, "max_tokens": 6}
    whole = complete(tiny.client, **body)
    plain = events(tiny.client.post("/v1/completions", json={**body, "stream": True}).text)
    assert [text_of(plain, i) for i in range(2)] == [choice["text"] for choice in whole["choices"]]
    assert len(plain) == 2
    options = {"stream": True, "stream_options": {"include_tree": True}}
    chunks = events(tiny.client.post("/v1/completions", json={**body, **options}).text)
    nodes = {node["node"]: node for chunk in chunks for node in chunk.get("tree", [])}
    assert all(chunk["choices"] == [] for chunk in chunks if "tree" in chunk)
    assert len(nodes) >= 3 * 5

    def spelled(node: int) -> str:
        return spelled(nodes[node]["parent"]) + nodes[node]["text"] if node >= 0 else ""

    ends = {spelled(node["node"]) for node in nodes.values() if node["finish_reason"]}
    assert ends >= {choice["text"] for choice in whole["choices"]}
    assert all(math.isfinite(node["score"]) for node in nodes.values())


@pytest.mark.slow
def test_deadline_keeps_what_is_there(tiny_server) -> None:
    """The text ends with "length", and `stop_reason` says why."""
    tiny = tiny_server(tiny_local_model(context_length=4096, num_pages=512))
    (choice,) = complete(tiny.client, prompt="hello", max_tokens=4000, ignore_eos=True, deadline_s=0.3)[
        "choices"
    ]
    assert (choice["finish_reason"], choice["stop_reason"]) == ("length", "deadline")
    assert choice["text"]
