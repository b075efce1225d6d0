"""include_trace and include_progress: the trace of an answer, whole and as it grows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ponder.asks import fronts
from ponder.decoders import PromptLookup, Speculative
from ponder.lm import LM
from ponder.sampling.distribution import TraceSettings
from ponder.traces.file import parse_trace
from ponder.traces.form import plain
from ponder.traces.record import Recorder, head_of
from serving import Tiny, error, events, serving, text_of
from tiny_models import tiny_local_model, tiny_tokenizer

PROMPT = "once upon a time"
KEPT = {"top": 3, "mass": 0.6, "max_top": 9}
STREAM_ONLY = ("seed", "fingerprint", "prompt_token_ids")

SAMPLED: dict[str, dict[str, Any]] = {
    "one": {},
    "four": {"n": 4, "temperature": 1.3, "top_p": 0.9, "repetition_penalty": 1.2},
    "guessed": {"prompt_lookup": 3, "n": 2},
    "constrained": {"guided_regex": "[a-c]{2,5} (on|off)+"},
    "banned": {"bad_words": ["a", "e"], "temperature": 1.5},
    "going back": {"guided_regex": "([a-m]|[n-z]!)*", "min_allowed_mass": 0.1, "n": 4, "temperature": 1.0},
}
SEARCHED: dict[str, dict[str, Any]] = {
    "beams": {"num_beams": 3, "n": 2},
    "drawn beams": {"stochastic_beams": 3, "n": 3, "seed": 4},
    "constrained beams": {"num_beams": 3, "n": 3, "guided_choice": ["one", "other", "on"]},
}


@pytest.fixture(scope="module")
def tiny() -> Any:
    with serving(tiny_local_model()) as tiny:
        yield tiny


def body(asked: dict[str, Any], **members: Any) -> dict[str, Any]:
    drawn = {} if "num_beams" in asked else {"seed": 7}
    return {"prompt": PROMPT, "max_tokens": 12, **drawn, **asked, **members}


def streamed(tiny: Tiny, path: str = "/v1/completions", **members: Any) -> list[dict[str, Any]]:
    options = {"include_trace": KEPT, **members.pop("stream_options", {})}
    answer = tiny.client.post(path, json={**members, "stream": True, "stream_options": options})
    assert answer.status_code == 200, answer.text
    return events(answer.text)


def folded(chunks: list[dict[str, Any]], prompt: int = 0) -> dict[str, Any]:
    """A stream's trace: lists one after another, objects together."""
    trace: dict[str, Any] = {"rows": [], "tokens": [], "vocabulary": {}, "texts": []}
    for chunk in chunks:
        if chunk.get("prompt_index") == prompt and "trace" in chunk:
            assert chunk["choices"] == []
            for name, value in chunk["trace"].items():
                if isinstance(trace.get(name), list):
                    trace[name] += value
                elif name == "vocabulary":
                    assert not trace[name].keys() & value.keys(), "spelled twice"
                    trace[name] |= value
                else:
                    assert name not in trace, "told twice"
                    trace[name] = value
    return trace


def without(trace: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in trace.items() if name not in names}


def as_file(trace: dict[str, Any]) -> dict[str, Any]:
    """A stream's trace without what only a stream tells."""
    tokens = [without(token, "index") for token in trace["tokens"]]
    return {**without(trace, *STREAM_ONLY), "tokens": tokens}


def recorded(tiny: Tiny, **options: Any) -> dict[str, Any]:
    """What `ponder run --trace` writes, with the digits of a stream."""
    lm = LM(tiny.model)
    request = lm.request(PROMPT, chat=False, max_tokens=12, trace=TraceSettings(3, 0.6, 9), **options)
    recorder = Recorder(lm.tokenizer)
    for event in fronts.stream(tiny.model, request):
        recorder.take(event)
    head = head_of(event.model, event.prompt, event.usage.prompt_tokens, event.params, request, lm.tokenizer)
    return plain(recorder.trace(head), 6)


@pytest.mark.parametrize("asked", [*SAMPLED.values(), *SEARCHED.values()], ids=[*SAMPLED, *SEARCHED])
def test_a_stream_adds_up_to_the_whole(tiny: Tiny, asked: dict[str, Any]) -> None:
    """Its parts together are the trace of the same request without a stream, which a file can hold."""
    trace = folded(streamed(tiny, **body(asked)))
    answer = tiny.client.post("/v1/completions", json=body(asked, include_trace=KEPT)).json()
    (whole,) = answer["traces"]
    assert as_file(trace) == as_file(whole)
    assert {name: trace[name] for name in STREAM_ONLY} == {name: whole[name] for name in STREAM_ONLY}
    parsed = parse_trace(json.dumps(trace).encode())
    assert [text.text for text in parsed.texts] == [choice["text"] for choice in answer["choices"]]


@pytest.mark.parametrize(
    ("asked", "options"),
    [
        ({}, {"seed": 7}),
        ({"n": 3, "temperature": 1.2}, {"seed": 7, "n": 3, "temperature": 1.2}),
        ({"num_beams": 3, "n": 2}, {"num_beams": 3, "n": 2}),
        ({"prompt_lookup": 3}, {"decoder": Speculative(PromptLookup(3)), "seed": 7}),
    ],
)
def test_it_is_what_the_command_line_writes(
    tiny: Tiny, asked: dict[str, Any], options: dict[str, Any]
) -> None:
    ours = as_file(folded(streamed(tiny, **body(asked))))
    assert without(ours, "params") == without(recorded(tiny, **options), "params")


@pytest.mark.parametrize("asked", SAMPLED.values(), ids=SAMPLED)
def test_tokens_spell_the_texts(tiny: Tiny, asked: dict[str, Any]) -> None:
    """Each token comes with the text that it belongs to, before or with that text's growth."""
    chunks = streamed(tiny, **body(asked), return_token_ids=True)
    trace = folded(chunks)
    for index, text in enumerate(trace["texts"]):
        tokens = [trace["tokens"][place] for place in text["tokens"]]
        assert {token["index"] for token in tokens} == {index}
        spelled = b"".join(bytes.fromhex(trace["vocabulary"][str(token["id"])]["bytes"]) for token in tokens)
        assert spelled.decode().startswith(text["text"]), "an end token may follow"
        assert text["text"] == text_of(chunks, index)
    ids = {place for text in trace["texts"] for place in text["tokens"]}
    assert ids == set(range(len(trace["tokens"]))), "a sample's tokens are all in its text"


def test_parts_of_characters_add_up() -> None:
    """Tokens of single bytes: their bytes are those of the text, whose characters take up to three."""
    with serving(tiny_local_model(tiny_tokenizer(None))) as tiny:
        trace = folded(
            streamed(tiny, prompt="é", max_tokens=60, seed=1, logit_bias={str(i): 8 for i in (130, 160, 195)})
        )
    (text,) = trace["texts"]
    ids = [trace["tokens"][place]["id"] for place in text["tokens"]]
    spelled = b"".join(bytes.fromhex(trace["vocabulary"][str(one)]["bytes"]) for one in ids)
    assert spelled.decode(errors="replace").startswith(text["text"])
    assert any("\\x" in trace["vocabulary"][str(one)]["text"] for one in ids)


def test_how_much_is_kept(tiny: Tiny) -> None:
    """As few of the likeliest as have the mass, between top and max_top, falling."""
    trace = folded(streamed(tiny, **body({"n": 4, "temperature": 1.4})))
    sizes = {len(row["ids"]) for row in trace["rows"]}
    assert len(sizes) > 2
    assert sizes <= set(range(3, 10))
    for row in trace["rows"]:
        tail = row["tails"][trace["temperatures"].index(1.0)]
        top = row["logits"]
        largest = max(*top, tail)
        weights = [2.718281828459045 ** (logit - largest) for logit in top]
        whole = sum(weights) + 2.718281828459045 ** (tail - largest)
        masses = [sum(weights[: k + 1]) / whole for k in range(len(top))]
        enough = next((k for k, mass in enumerate(masses) if mass >= 0.6), len(top) - 1) + 1
        assert len(top) == min(max(3, enough), 9)
        assert top == sorted(top, reverse=True)


def test_a_seed_that_was_drawn_is_told(tiny: Tiny) -> None:
    """It gives the same text again, and is nobody's wish; what others set is told with who set it."""
    asked = {"prompt": PROMPT, "max_tokens": 12, "temperature": 1.1}
    chunks = streamed(tiny, **asked)
    trace = folded(chunks)
    assert trace["params"]["seed"]["source"] == "default"
    assert trace["params"]["seed"]["value"] == trace["seed"]
    assert trace["params"]["temperature"] == {"value": 1.1, "source": "caller"}
    again = tiny.client.post("/v1/completions", json={**asked, "seed": trace["seed"]}).json()
    assert again["choices"][0]["text"] == text_of(chunks)
    assert folded(streamed(tiny, **body(SEARCHED["beams"])))["seed"] is None


def test_a_constraint_is_seen(tiny: Tiny) -> None:
    """What it forbids has no probability, its step says how many, and the row how much mass was left."""
    trace = folded(streamed(tiny, **body({"guided_choice": ["one", "other"], "temperature": 1.0})))
    first = trace["rows"][0]
    assert first["steps"][0]["kind"] == "constraint"
    assert first["steps"][0]["removed"] > 50
    assert 0 < first["allowed_mass"] < 1
    assert 0 in first["tempered"]
    assert trace["params"]["constraint"]["source"] == "caller"


def test_what_was_given_up_is_in_no_trace(tiny: Tiny) -> None:
    """A text that went back from dead ends has the rows of the tokens that stayed, and no others."""
    asked = body(SAMPLED["going back"], include_trace=KEPT, return_token_ids=True)
    answer = tiny.client.post("/v1/completions", json=asked).json()
    assert sum(choice["constrained"]["given_up"] for choice in answer["choices"]) > 0
    trace = folded(streamed(tiny, **body(SAMPLED["going back"])))
    for text, choice in zip(trace["texts"], answer["choices"], strict=True):
        assert [trace["tokens"][place]["id"] for place in text["tokens"]] == choice["token_ids"]
    assert sum(len(text["tokens"]) for text in trace["texts"]) == len(trace["tokens"])


def test_a_forced_token_is_told(tiny: Tiny) -> None:
    """Where the constraint leaves one token; not where a temperature of 0 does."""
    trace = folded(streamed(tiny, **body({"guided_choice": ["one", "two"], "temperature": 0})))
    chosen = [(token, trace["rows"][token["row"]]) for token in trace["tokens"]]
    left = [row["steps"][0]["left"] for _, row in chosen]
    assert left[0] > 1
    assert chosen[0][1]["kept"] == 1
    assert 1 in left
    for (_, row), count in zip(chosen, left, strict=True):
        first = row["steps"][0]
        assert first["kind"] == "constraint"
        assert first["removed"] + count >= trace["vocab_size"]
        if count == 1:
            assert max(row["tempered"]) in (0, 1), "all that may come is the forced token"


def test_nodes_of_a_tree_name_their_row(tiny: Tiny) -> None:
    chunks = streamed(tiny, **body(SEARCHED["beams"]), stream_options={"include_tree": True})
    trace = folded(chunks)
    nodes = [node for chunk in chunks for node in chunk.get("tree", ())]
    named = [(node["row"], node["token_id"]) for node in nodes if "token_id" in node]
    assert named == [(token["row"], token["id"]) for token in trace["tokens"]]
    untraced = tiny.client.post(
        "/v1/completions",
        json=body(SEARCHED["beams"], stream=True, stream_options={"include_tree": True}),
    )
    assert '"row"' not in untraced.text


def test_several_prompts_and_a_chat(tiny: Tiny) -> None:
    """Each prompt has a trace of its own; a chat has one."""
    chunks = streamed(tiny, prompt=["one", "two"], max_tokens=4, seed=3)
    assert [folded(chunks, prompt)["prompt"] for prompt in (0, 1)] == ["one", "two"]
    message = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 5, "seed": 2}
    trace = folded(streamed(tiny, "/v1/chat/completions", **message))
    assert trace["prompt"].endswith("<|im_start|>assistant\n")
    whole = tiny.client.post("/v1/chat/completions", json={**message, "include_trace": True}).json()
    assert as_file(whole["traces"][0])["texts"] == as_file(trace)["texts"]


def test_a_text_that_goes_on(tiny: Tiny) -> None:
    """After a prefix the same rows come, and the prompt counts it."""
    whole = folded(streamed(tiny, **body({})))
    ids = [whole["tokens"][place]["id"] for place in whole["texts"][0]["tokens"]]
    later = folded(streamed(tiny, **body({}), prefix_token_ids=ids[:5]))
    assert later["rows"] == whole["rows"][5:]
    assert later["prompt_tokens"] == whole["prompt_tokens"] + 5
    assert later["prompt_token_ids"] == whole["prompt_token_ids"]


def test_progress(tiny: Tiny) -> None:
    """How far the prompt is comes before the text."""
    chunks = streamed(tiny, **body({}), stream_options={"include_progress": True})
    told = [chunk["progress"] for chunk in chunks if "progress" in chunk]
    assert told
    assert told[-1]["state"] == "prefill"
    assert told[-1]["of"] >= told[-1]["done"] > 0


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"stream": True, "include_trace": True}, "include_trace"),
        ({"include_trace": {"top": 0}}, "include_trace.top"),
        ({"include_trace": {"top": 5000}}, "include_trace.top"),
        ({"include_trace": {"mass": 1.5}}, "include_trace.mass"),
        ({"include_trace": {"top": 30, "max_top": 20}}, "include_trace.max_top"),
        ({"include_trace": {"prompt": True}}, "include_trace.prompt"),
        ({"include_trace": {"depth": 3}}, "include_trace.depth"),
        ({"include_trace": 5}, "include_trace"),
        ({"include_trace": True, "max_tokens": 200, "n": 100}, "include_trace"),
        (
            {"stream": True, "stream_options": {"include_trace": {"top": -1}}},
            "stream_options.include_trace.top",
        ),
        (
            {"stream": True, "stream_options": {"include_trace": {"x": 1}}},
            "stream_options.include_trace.x",
        ),
    ],
)
def test_what_is_refused(tiny: Tiny, members: dict[str, Any], field: str) -> None:
    asked = {"prompt": PROMPT, "max_tokens": 4, **members}
    refused = error(tiny.client.post("/v1/completions", json=asked), 400)
    assert field in refused["message"]
