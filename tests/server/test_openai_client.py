"""The official openai package against `ponder serve` with the default model: values are the library's own."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Iterator
from typing import Any

import httpx
import openai
import pytest
from openai.pagination import SyncPage
from openai.types import Completion, Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from ponder import LM, BeamSearch, Message
from ponder.backends.local import LocalModel
from ponder.engine import Engine, EngineLimits
from ponder.text import TokenIds
from serving import ServeProcess, Tiny
from stepping import fill_queue
from tiny_models import tiny_local_model

MODEL = "smollm2-135m"
PROMPT = "The capital of France is"
HELLO = [{"role": "user", "content": "What is 2 + 2?"}]
KINDS = {
    "/v1/completions": Completion,
    "/v1/chat/completions": ChatCompletion,
    "/v1/models": SyncPage[Model],
    f"/v1/models/{MODEL}": Model,
}


def check_json(kind: type[Any], body: dict[str, Any]) -> None:
    """Check an object strictly by the package's own type, which the client itself does not.

    The type leaves out two nulls that OpenAI does send: the `finish_reason` of a stream's chunk, and the
    first log-probability of an echoed prompt.
    """
    choices = []
    for choice in body.get("choices", ()):
        logprobs = choice["logprobs"]
        if kind is Completion:
            if choice["finish_reason"] is None:
                choice = choice | {"finish_reason": "length"}
            if logprobs and logprobs["token_logprobs"][:1] == [None]:
                assert logprobs["top_logprobs"][0] is None
                rest = {name: logprobs[name][1:] for name in ("token_logprobs", "top_logprobs")}
                choice = choice | {"logprobs": logprobs | rest}
        choices.append(choice)
    if "choices" in body:
        body = body | {"choices": choices}
    kind.model_validate_json(json.dumps(body), strict=True)


def check_response(response: Any) -> None:
    """Check the raw body of whatever is no stream."""
    if response.status_code == 200 and response.headers["content-type"] == "application/json":
        response.read()
        check_json(KINDS[response.url.path], response.json())


async def acheck_response(response: Any) -> None:
    if response.status_code == 200 and response.headers["content-type"] == "application/json":
        await response.aread()
        check_json(KINDS[response.url.path], response.json())


def connect(url: str, key: str = "none") -> openai.OpenAI:
    http = openai.DefaultHttpxClient(trust_env=False, event_hooks={"response": [check_response]})
    return openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=120, http_client=http)


@pytest.fixture(scope="module")
def api(serve_process: ServeProcess) -> Iterator[openai.OpenAI]:
    with connect(serve_process.url) as api:
        yield api


@pytest.fixture(scope="module")
def lm(local_model: LocalModel) -> LM:
    return LM(local_model)


def complete(api: openai.OpenAI, prompt: Any = PROMPT, **options: Any) -> Completion:
    answer = api.completions.create(model=MODEL, prompt=prompt, **options)
    check_usage(answer)
    return answer


def chat(api: openai.OpenAI, messages: Any = HELLO, **options: Any) -> ChatCompletion:
    answer = api.chat.completions.create(model=MODEL, messages=messages, **options)
    check_usage(answer)
    return answer


def check_usage(answer: Completion | ChatCompletion | ChatCompletionChunk) -> None:
    usage = answer.usage
    assert usage is not None
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.prompt_tokens_details is not None
    assert 0 <= usage.prompt_tokens_details.cached_tokens < usage.prompt_tokens


def checked(chunks: Iterable[Any], kind: type[Any]) -> list[Any]:
    """Return a stream's chunks, each checked."""
    found = list(chunks)
    for chunk in found:
        check_json(kind, chunk.to_dict())
    return found


def texts(answer: Completion) -> list[str]:
    return [choice.text for choice in answer.choices]


def streamed(chunks: list[Any], index: int = 0) -> str:
    """Return choice `index` of a stream's chunks."""
    choices = [choice for chunk in chunks for choice in chunk.choices if choice.index == index]
    return "".join(c.text if hasattr(c, "text") else c.delta.content or "" for c in choices)


def test_models(api: openai.OpenAI) -> None:
    """The one model, listed and by name; another is not found."""
    (model,) = api.models.list().data
    assert model.id == MODEL
    assert api.models.retrieve(MODEL) == model
    with pytest.raises(openai.NotFoundError) as caught:
        api.models.retrieve("gpt-17")
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


def test_greedy_text_is_the_librarys(api: openai.OpenAI, lm: LM) -> None:
    """Completions and chat, whole and streamed; 16 tokens is the default of completions."""
    expected = lm(PROMPT, chat=False, temperature=0, max_tokens=16).text
    answer = complete(api, temperature=0)
    assert texts(answer) == [expected]
    assert answer.usage.completion_tokens == 16
    assert answer.usage.prompt_tokens == 5
    chunks = api.completions.create(model=MODEL, prompt=PROMPT, temperature=0, stream=True)
    assert streamed(checked(chunks, Completion)) == expected

    reply = lm([Message("user", "What is 2 + 2?")], temperature=0, max_tokens=6)
    answer = chat(api, temperature=0, max_completion_tokens=6)
    assert answer.choices[0].message.content == reply.text
    assert answer.usage.prompt_tokens == reply.usage.prompt_tokens
    assert answer.usage.completion_tokens == reply.usage.generated_tokens
    same = chat(api, temperature=0, max_tokens=6)
    assert same.choices[0].message.content == reply.text
    chunks = api.chat.completions.create(
        model=MODEL, messages=HELLO, temperature=0, max_tokens=6, stream=True
    )
    assert streamed(checked(chunks, ChatCompletionChunk)) == reply.text


def test_seeds(api: openai.OpenAI, lm: LM) -> None:
    """A seed says the text, however many others are asked for with it, streamed or not."""
    settings = {"seed": 11, "temperature": 0.8, "top_p": 0.9, "max_tokens": 6}
    (one,) = texts(complete(api, **settings))
    assert texts(complete(api, **settings)) == [one]
    four = texts(complete(api, n=4, **settings))
    assert four[0] == one
    assert len(set(four)) > 1
    assert four == lm(PROMPT, chat=False, n=4, **settings).texts
    assert texts(complete(api, **settings | {"seed": 12})) != [one]
    chunks = api.completions.create(model=MODEL, prompt=PROMPT, n=4, stream=True, **settings)
    found = checked(chunks, Completion)
    assert [streamed(found, index) for index in range(4)] == four

    whole = chat(api, n=2, **settings)
    assert chat(api, **settings).choices[0].message.content == whole.choices[0].message.content
    chunks = api.chat.completions.create(model=MODEL, messages=HELLO, n=2, stream=True, **settings)
    found = checked(chunks, ChatCompletionChunk)
    assert [streamed(found, i) for i in range(2)] == [choice.message.content for choice in whole.choices]


def test_best_of(api: openai.OpenAI, lm: LM) -> None:
    """Of four samples the two of the largest log-probability per token, the best first; all are paid for."""
    settings = {"seed": 2, "temperature": 1.2, "max_tokens": 8}
    answer = complete(api, n=2, best_of=4, **settings)
    four = lm(PROMPT, chat=False, n=4, **settings).outputs
    ranked = sorted(four, key=lambda output: -output.logprob / len(output.token_ids))
    assert texts(answer) == [output.text for output in ranked[:2]]
    assert answer.usage.completion_tokens == sum(len(output.token_ids) for output in four)


def test_where_a_text_ends(api: openai.OpenAI, lm: LM) -> None:
    """stop and max_tokens cut the same text; the reasons are OpenAI's, stop_reason vLLM's."""
    whole = complete(api, temperature=0).choices[0].text
    for stop in ("The", ["nowhere", "The"]):
        (choice,) = complete(api, temperature=0, stop=stop).choices
        assert choice.text == whole[: whole.index("The")]
        assert (choice.finish_reason, choice.stop_reason) == ("stop", "The")
    (kept,) = complete(
        api, temperature=0, stop="The", extra_body={"include_stop_str_in_output": True}
    ).choices
    assert kept.text == whole[: whole.index("The") + 3]
    (short,) = complete(api, temperature=0, max_tokens=3).choices
    assert whole.startswith(short.text)
    assert (short.finish_reason, short.stop_reason) == ("length", None)
    (token,) = lm.model.tokenizer.encode(" Paris", add_bos=False)
    (ended,) = complete(api, temperature=0, extra_body={"stop_token_ids": [token]}).choices
    assert (ended.text, ended.finish_reason, ended.stop_reason) == ("", "stop", token)
    answer = chat(api, temperature=0, max_tokens=20)
    assert answer.usage.completion_tokens < 20
    (reply,) = answer.choices
    assert (reply.finish_reason, reply.stop_reason) == ("stop", None)
    for more in ({"ignore_eos": True}, {"min_tokens": 20}):
        answer = chat(api, temperature=0, max_tokens=20, extra_body=more)
        assert answer.usage.completion_tokens == 20


def test_what_may_be_said(api: openai.OpenAI, lm: LM) -> None:
    """logit_bias, bad_words, top_k and min_p change the text as they say."""
    encode = lm.model.tokenizer.encode
    paris, london = (encode(word, add_bos=False)[0] for word in (" Paris", " London"))
    (forced,) = complete(api, max_tokens=1, logit_bias={str(london): 100}).choices
    assert forced.text == " London"
    (refused,) = complete(api, temperature=0, max_tokens=2, logit_bias={str(paris): -100}).choices
    assert not refused.text.startswith(" Paris")
    (banned,) = complete(api, temperature=0, max_tokens=6, extra_body={"bad_words": ["Paris"]}).choices
    assert "Paris" not in banned.text
    greedy = texts(complete(api, temperature=0, max_tokens=6))
    for narrow in ({"top_k": 1}, {"min_p": 1.0}):
        assert texts(complete(api, temperature=2.0, max_tokens=6, extra_body=narrow)) == greedy
    penalised = complete(
        api,
        temperature=0,
        presence_penalty=1.5,
        frequency_penalty=0.5,
        extra_body={"repetition_penalty": 1.3},
    )
    expected = lm(
        PROMPT, chat=False, temperature=0, max_tokens=16, presence_penalty=1.5, frequency_penalty=0.5,
        repetition_penalty=1.3,
    )  # fmt: skip
    assert texts(penalised) == [expected.text]


def test_logprobs_of_completions(api: openai.OpenAI, lm: LM) -> None:
    """Those of the library's traces; the chosen token is among them, likely or not."""
    settings = {"seed": 5, "temperature": 1.6, "max_tokens": 12}
    (choice,) = complete(api, logprobs=2, **settings).choices
    traces = lm(PROMPT, chat=False, top_logprobs=2, **settings).outputs[0].traces
    logprobs = choice.logprobs
    assert "".join(logprobs.tokens) == choice.text
    assert logprobs.token_logprobs == pytest.approx([trace.logprob for trace in traces], abs=1e-4)
    decode = lm.model.tokenizer.decode
    assert any(trace.rank > 2 for trace in traces)
    for token, logprob, top, trace in zip(
        logprobs.tokens, logprobs.token_logprobs, logprobs.top_logprobs, traces, strict=True
    ):
        told = {decode([i]): value for i, value in (*trace.top, (trace.token_id, trace.logprob))}
        assert top == pytest.approx(told, abs=1e-4)
        assert top[token] == logprob
    starts = [sum(map(len, logprobs.tokens[:i])) for i in range(12)]
    assert logprobs.text_offset == starts
    chunks = checked(
        api.completions.create(model=MODEL, prompt=PROMPT, logprobs=2, stream=True, **settings), Completion
    )
    for name in ("tokens", "token_logprobs", "text_offset"):
        parts = [
            v for chunk in chunks for c in chunk.choices if c.logprobs for v in getattr(c.logprobs, name)
        ]
        assert parts == pytest.approx(getattr(logprobs, name), abs=1e-4)


def test_logprobs_of_chat(api: openai.OpenAI, lm: LM) -> None:
    """The same numbers with bytes; streamed too."""
    settings = {"seed": 5, "temperature": 1.2, "max_tokens": 8}
    (choice,) = chat(api, logprobs=True, top_logprobs=3, **settings).choices
    (output,) = lm([Message(**HELLO[0])], top_logprobs=3, **settings).outputs
    content = choice.logprobs.content
    decode = lm.model.tokenizer.decode
    for entry, trace in zip(content, output.traces, strict=True):
        assert entry.logprob == pytest.approx(trace.logprob, abs=1e-4)
        assert bytes(entry.bytes).decode() == entry.token == decode([trace.token_id], skip_special=False)
        assert [top.token for top in entry.top_logprobs] == [
            decode([i], skip_special=False) for i, _ in trace.top
        ]
        assert [top.logprob for top in entry.top_logprobs] == pytest.approx(
            [logprob for _, logprob in trace.top], abs=1e-4
        )
    chunks = checked(
        api.chat.completions.create(
            model=MODEL, messages=HELLO, logprobs=True, top_logprobs=3, stream=True, **settings
        ),
        ChatCompletionChunk,
    )
    told = [e for chunk in chunks for c in chunk.choices if c.logprobs for e in c.logprobs.content]
    assert [entry.token for entry in told] == [entry.token for entry in content]
    assert [e.logprob for e in told] == pytest.approx([e.logprob for e in content], abs=1e-4)


def test_echo(api: openai.OpenAI, lm: LM) -> None:
    """Prompt and text with one list of log-probabilities, the first null; the prompt's are the library's."""
    prompt = "Żółw said: the capital of France is"
    (choice,) = complete(api, prompt, echo=True, logprobs=1, temperature=0, max_tokens=5).choices
    logprobs = choice.logprobs
    expected = lm(prompt, chat=False, temperature=0, max_tokens=5, prompt_logprobs=1)
    assert choice.text == prompt + expected.text
    assert logprobs.token_logprobs[0] is None
    values = [*expected.prompt_traces[1:], *expected.outputs[0].traces]
    assert logprobs.token_logprobs[1:] == pytest.approx([trace.logprob for trace in values], abs=1e-4)
    assert b"".join(spelled(token) for token in logprobs.tokens).decode() == choice.text
    for token, offset in zip(logprobs.tokens, logprobs.text_offset, strict=True):
        assert token.startswith("bytes:") or choice.text.startswith(token, offset)
    assert logprobs.text_offset == sorted(logprobs.text_offset)
    for token, logprob, top in zip(
        logprobs.tokens[1:], logprobs.token_logprobs[1:], logprobs.top_logprobs[1:], strict=True
    ):
        assert top[token] == logprob
        assert len(top) <= 2

    alone = complete(api, prompt, echo=True, logprobs=1, max_tokens=0)
    assert alone.choices[0].text == prompt
    assert alone.usage.completion_tokens == 0
    assert alone.choices[0].logprobs.token_logprobs[1:] == pytest.approx(
        logprobs.token_logprobs[1:-5], abs=1e-4
    )
    chunks = api.completions.create(
        model=MODEL, prompt=prompt, echo=True, logprobs=1, temperature=0, max_tokens=5, stream=True
    )
    assert streamed(checked(chunks, Completion)) == choice.text


def spelled(token: str) -> bytes:
    """Return the bytes of a token as completions write it."""
    if not token.startswith("bytes:"):
        return token.encode()
    return bytes.fromhex(token.removeprefix("bytes:").replace("\\x", ""))


def test_prompts_of_every_kind(api: openai.OpenAI, lm: LM) -> None:
    """A text, ids, texts, lists of ids: the same texts, numbered prompt * n + i."""
    prompts = [PROMPT, "Once upon a time"]
    ids = [lm.model.tokenizer.encode(prompt) for prompt in prompts]
    settings = {"n": 2, "seed": 4, "max_tokens": 6}
    alone = [texts(complete(api, prompt, **settings)) for prompt in prompts]
    assert texts(complete(api, ids[1], **settings)) == alone[1]
    for both in (prompts, ids):
        answer = complete(api, both, **settings)
        assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
        assert texts(answer) == alone[0] + alone[1]
        assert answer.usage.prompt_tokens == len(ids[0]) + len(ids[1])
        assert answer.usage.completion_tokens == 24


def test_usage_of_a_stream(api: openai.OpenAI) -> None:
    """The last chunk has it and no choices; it is that of the whole answer."""
    options = {"stream": True, "stream_options": {"include_usage": True}, "max_tokens": 6, "seed": 1}
    *chunks, last = checked(api.completions.create(model=MODEL, prompt=PROMPT, **options), Completion)
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)
    assert last.choices == []
    check_usage(last)
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (5, 6)
    *chunks, last = checked(
        api.chat.completions.create(model=MODEL, messages=HELLO, **options), ChatCompletionChunk
    )
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason == "length"
    assert last.choices == []
    assert last.usage.total_tokens == chat(api, max_tokens=6, seed=1).usage.total_tokens


def test_stream_helper(api: openai.OpenAI) -> None:
    """The package's own accumulator makes of a stream the unstreamed answer; a stop string is held back."""
    settings = {"messages": HELLO, "model": MODEL, "temperature": 0, "stop": " is", "n": 2, "logprobs": True}
    whole = api.chat.completions.create(**settings)
    with api.chat.completions.stream(**settings) as stream:
        content = "".join(event.delta for event in stream if event.type == "content.delta")
        final = stream.get_final_completion()
    assert len(content) == sum(len(choice.message.content) for choice in whole.choices) > 0
    for choice, expected in zip(final.choices, whole.choices, strict=True):
        assert choice.message.content == expected.message.content
        assert choice.message.role == "assistant"
        assert choice.finish_reason == expected.finish_reason
        assert [e.token for e in choice.logprobs.content] == [e.token for e in expected.logprobs.content]


def test_beams(api: openai.OpenAI, lm: LM) -> None:
    """use_beam_search gives the library's beams; include_tree tells of all that were tried."""
    beams = lm(PROMPT, chat=False, n=2, decoder=BeamSearch(3), max_tokens=6)
    body = {"use_beam_search": True, "num_beams": 3}
    assert texts(complete(api, n=2, max_tokens=6, temperature=0, extra_body=body)) == beams.texts
    assert texts(complete(api, n=2, best_of=3, max_tokens=6, extra_body={"use_beam_search": True})) == (
        beams.texts
    )
    chunks = checked(
        api.completions.create(
            model=MODEL, prompt=PROMPT, n=2, max_tokens=6, stream=True, extra_body=body,
            stream_options={"include_usage": True, "include_tree": True},
        ),
        Completion,
    )  # fmt: skip
    assert [streamed(chunks, index) for index in range(2)] == beams.texts
    nodes = {node["node"]: node for chunk in chunks for node in getattr(chunk, "tree", ())}
    ends = set()
    for node in nodes.values():
        text, at = "", node
        while at is not None:
            text, at = at["text"] + text, nodes.get(at["parent"])
        ends.add(text)
    assert ends >= set(beams.texts)


def test_ids_and_prompt_logprobs(api: openai.OpenAI, lm: LM) -> None:
    """return_token_ids and prompt_logprobs as vLLM has them, with the library's numbers."""
    options = {"temperature": 0, "max_tokens": 4}
    body = {"return_token_ids": True, "prompt_logprobs": 2}
    expected = lm(PROMPT, chat=False, prompt_logprobs=2, **options)
    (choice,) = complete(api, extra_body=body, **options).choices
    assert choice.token_ids == list(expected.outputs[0].token_ids)
    assert choice.prompt_token_ids == lm.model.tokenizer.encode(PROMPT)
    check_prompt_logprobs(choice.prompt_logprobs, expected.prompt_traces)
    expected = lm([Message(**HELLO[0])], prompt_logprobs=2, **options)
    answer = chat(api, extra_body=body, **options)
    assert answer.choices[0].token_ids == list(expected.outputs[0].token_ids)
    assert answer.prompt_token_ids == list(lm.model.encode([Message(**HELLO[0])]).token_ids)
    check_prompt_logprobs(answer.prompt_logprobs, expected.prompt_traces)


def check_prompt_logprobs(found: list[Any], traces: tuple[Any, ...]) -> None:
    assert found[0] is None
    assert len(found) == len(traces)
    for entry, trace in zip(found[1:], traces[1:], strict=True):
        own = entry[str(trace.token_id)]
        assert own["logprob"] == pytest.approx(trace.logprob, abs=1e-4)
        assert own["rank"] == trace.rank
        assert {int(i) for i in entry} == {trace.token_id, *(i for i, _ in trace.top)}


def test_priority_and_deadline(api: openai.OpenAI) -> None:
    """A priority changes no text; a deadline ends one with what is there."""
    urgent = complete(api, temperature=0, max_tokens=4, extra_body={"priority": -5})
    assert texts(urgent) == texts(complete(api, temperature=0, max_tokens=4))
    body = {"deadline_s": 1.0, "ignore_eos": True}
    (choice,) = complete(api, max_tokens=5000, extra_body=body).choices
    assert (choice.finish_reason, choice.stop_reason) == ("length", "deadline")
    assert choice.text


def test_cached_tokens(api: openai.OpenAI) -> None:
    """A prompt asked again and a conversation's second turn are found; another salt's are not."""

    def cached(answer: Completion | ChatCompletion) -> int:
        return answer.usage.prompt_tokens_details.cached_tokens

    prompt = "A turtle, a heron and an otter met at the river to speak of their cached memories. " * 4
    first, again = (complete(api, prompt, max_tokens=1) for _ in range(2))
    assert cached(first) == 0
    assert first.usage.prompt_tokens - 17 <= cached(again) < first.usage.prompt_tokens
    salted = {"extra_body": {"cache_salt": "pepper"}}
    assert cached(complete(api, prompt, max_tokens=1, **salted)) == 0
    assert cached(complete(api, prompt, max_tokens=1, **salted)) == cached(again)

    messages = [{"role": "user", "content": "Who met at the river? " + prompt}]
    turn = chat(api, messages, max_tokens=8, temperature=0)
    messages.append(turn.choices[0].message)  # as people do; the package writes out all its nulls
    messages.append({"role": "user", "content": "And why?"})
    second = chat(api, messages, max_tokens=1)
    assert cached(second) >= turn.usage.prompt_tokens - 16
    chunks = api.chat.completions.create(
        model=MODEL, messages=messages, max_tokens=1, stream=True, stream_options={"include_usage": True}
    )
    assert cached(list(chunks)[-1]) >= cached(second)


BAD: dict[str, tuple[dict[str, Any], type[openai.APIStatusError], str | None, str]] = {
    "model": ({"model": "gpt-17"}, openai.NotFoundError, "model", "model_not_found"),
    "temperature": ({"temperature": -1}, openai.BadRequestError, "temperature", "invalid_value"),
    "type": ({"temperature": "hot"}, openai.BadRequestError, "temperature", "invalid_type"),
    "max_tokens": (
        {"max_tokens": 10**6},
        openai.BadRequestError,
        "max_tokens",
        "context_length_exceeded",
    ),
    "n": ({"n": 0}, openai.BadRequestError, "n", "invalid_value"),
    "stop": ({"stop": ""}, openai.BadRequestError, "stop", "invalid_value"),
    "bias": ({"logit_bias": {"999999": 1}}, openai.BadRequestError, "logit_bias", "invalid_value"),
    "unknown": ({"extra_body": {"topk": 1}}, openai.BadRequestError, "topk", "unknown_parameter"),
    "unsupported": (
        {"extra_body": {"guided_decoding_backend": "outlines"}},
        openai.BadRequestError,
        "guided_decoding_backend",
        "unsupported_parameter",
    ),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("options", "kind", "param", "code"), BAD.values(), ids=BAD)
def test_errors(
    api: openai.OpenAI, options: dict[str, Any], kind: type[Any], param: str, code: str, stream: bool
) -> None:
    """The package raises its own errors, with all four members, for both endpoints, streamed or not."""
    options = {"model": MODEL, "stream": stream, **options}
    for call in (
        lambda: api.completions.create(prompt=PROMPT, **options),
        lambda: api.chat.completions.create(messages=HELLO, **options),
    ):
        with pytest.raises(kind) as caught:
            call()
        assert caught.value.param == param
        assert caught.value.code == code
        assert set(caught.value.body) == {"message", "type", "param", "code"}
        assert caught.value.type == "invalid_request_error"
        assert caught.value.body["message"] in caught.value.message


def test_prompts_over_the_context(api: openai.OpenAI) -> None:
    """The code by which clients know that they must shorten their prompt."""
    long = "word " * 8200
    for call in (
        lambda: api.completions.create(model=MODEL, prompt=long),
        lambda: api.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": long}]),
    ):
        with pytest.raises(openai.BadRequestError, match="8192") as caught:
            call()
        assert caught.value.code == "context_length_exceeded"


def test_chats_own_errors(api: openai.OpenAI) -> None:
    """What only chat has."""
    for options, param in (
        ({"messages": []}, "messages"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"max_tokens": 3, "max_completion_tokens": 4}, "max_completion_tokens"),
        ({"max_completion_tokens": 10**6}, "max_completion_tokens"),
    ):
        with pytest.raises(openai.BadRequestError) as caught:
            api.chat.completions.create(**{"model": MODEL, "messages": HELLO, **options})
        assert caught.value.param == param


def test_keys(tiny_server: Any) -> None:
    """A wrong key is an AuthenticationError, the right one is let in."""
    tiny: Tiny = tiny_server(api_key=("secret",))
    with connect(tiny.server.url, "wrong") as api, pytest.raises(openai.AuthenticationError) as caught:
        api.models.list()
    assert (caught.value.code, caught.value.type) == ("invalid_api_key", "authentication_error")
    with connect(tiny.server.url, "secret") as api:
        assert api.models.list().data[0].id == "tiny"


@pytest.mark.timed
def test_full_queue(tiny_server: Any) -> None:
    """A full queue is a RateLimitError that says when to come again."""
    plain = tiny_local_model()
    engine = Engine(plain.engine.model, plain.tokenizer, 512, EngineLimits(max_waiting=2, max_rows=1))
    tiny: Tiny = tiny_server(LocalModel("tiny", engine, plain.template, {}))
    fill_queue(tiny.model)
    with connect(tiny.server.url) as api, pytest.raises(openai.RateLimitError) as caught:
        api.completions.create(model="tiny", prompt="a", max_tokens=5)
    assert caught.value.code == "queue_full"
    assert int(caught.value.response.headers["retry-after"]) > 0


def test_async_client(serve_process: ServeProcess, api: openai.OpenAI) -> None:
    """Eight at once, streamed and not, each with its own seed, say what each says alone."""
    settings = {"temperature": 1.0, "max_tokens": 8}
    alone = texts(complete(api, seed=0, **settings))[0]

    async def whole(client: openai.AsyncOpenAI, seed: int) -> str:
        answer = await client.completions.create(model=MODEL, prompt=PROMPT, seed=seed, **settings)
        return answer.choices[0].text

    async def in_pieces(client: openai.AsyncOpenAI, seed: int) -> str:
        chunks = await client.completions.create(
            model=MODEL, prompt=PROMPT, seed=seed, stream=True, **settings
        )
        return streamed(checked([chunk async for chunk in chunks], Completion))

    async def talk(client: openai.AsyncOpenAI) -> str:
        chunks = await client.chat.completions.create(
            model=MODEL, messages=HELLO, temperature=0, max_tokens=8, stream=True
        )
        return streamed(checked([chunk async for chunk in chunks], ChatCompletionChunk))

    async def everything() -> tuple[list[str], list[str], str, list[str]]:
        http = openai.DefaultAsyncHttpxClient(trust_env=False, event_hooks={"response": [acheck_response]})
        async with openai.AsyncOpenAI(
            base_url=f"{serve_process.url}/v1", api_key="none", max_retries=0, http_client=http
        ) as client:
            models = [model.id async for model in client.models.list()]
            answers = await asyncio.gather(
                *(whole(client, seed) for seed in range(4)),
                *(in_pieces(client, seed) for seed in range(4)),
                talk(client),
            )
            return answers[:4], answers[4:8], answers[8], models

    wholes, pieces, reply, models = asyncio.run(everything())
    assert models == [MODEL]
    assert wholes == pieces
    assert wholes[0] == alone
    assert len(set(wholes)) > 1
    assert reply == chat(api, temperature=0, max_tokens=8).choices[0].message.content


def test_leaving_a_stream(api: openai.OpenAI, client: httpx.Client) -> None:
    """Closing a stream frees its place in the engine."""
    with api.completions.create(
        model=MODEL, prompt=PROMPT, max_tokens=5000, stream=True, extra_body={"ignore_eos": True}
    ) as stream:
        next(iter(stream))
    end = time.monotonic() + 10
    while 'ponder:num_requests_running{model_name="smollm2-135m"} 0.0' not in client.get("/metrics").text:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_tokens_are_the_librarys(client: httpx.Client, api: openai.OpenAI, lm: LM) -> None:
    """What /tokenize says, sent as a prompt, is the prompt."""
    ids = client.post("/tokenize", json={"prompt": PROMPT, "add_special_tokens": False}).json()["tokens"]
    expected = lm(TokenIds(tuple(ids)), temperature=0, max_tokens=4).text
    assert texts(complete(api, ids, temperature=0, max_tokens=4)) == [expected]
