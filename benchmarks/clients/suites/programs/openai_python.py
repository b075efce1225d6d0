"""What users of the openai package write."""

from __future__ import annotations

import asyncio
import base64
import json
import math
import struct
import time
import urllib.request
from typing import Annotated, Any, Literal

import openai
from checks import (
    BASE,
    LONG,
    MODEL,
    SCHEMA,
    TOOL,
    TRUTH,
    URL,
    calls_weather,
    caught,
    check,
    equal,
    fits,
    main,
    refusal,
)
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletion
from pydantic import BaseModel, Field

client = OpenAI(base_url=BASE, api_key="none", max_retries=0, timeout=120)
HELLO: Any = [{"role": "user", "content": "Name three colours."}]
HISTORY: Any = [
    {"role": "user", "content": "What is the weather in Paris?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "18 degrees, cloudy"},
]


class Animal(BaseModel):
    """An animal."""

    name: Annotated[str, Field(pattern="^[A-Z][a-z]+$")]
    kind: Literal["mammal", "bird", "fish"]
    legs: Annotated[int, Field(ge=0, le=4)]


class Weather(BaseModel):
    """Where the weather is asked for."""

    city: str
    unit: Literal["celsius", "fahrenheit"]


def chat(**options: Any) -> ChatCompletion:
    return client.chat.completions.create(**{"model": MODEL, "messages": HELLO, "max_tokens": 12, **options})


def content(answer: ChatCompletion, index: int = 0) -> str:
    return answer.choices[index].message.content or ""


@check("models are listed and found")
def models() -> None:
    equal([model.id for model in client.models.list()], [MODEL])
    equal(client.models.retrieve(MODEL).id, MODEL)


@check("a greedy chat is what transformers writes")
def greedy_chat() -> None:
    for truth in TRUTH["chats"]:
        answer = chat(messages=truth["messages"], temperature=0, max_tokens=8)
        equal(content(answer), truth["text"])
        assert answer.usage
        equal(answer.usage.prompt_tokens, truth["prompt_tokens"])
        equal(answer.usage.completion_tokens, len(truth["token_ids"]))
        equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens)


@check("a greedy completion is what transformers writes")
def greedy_completion() -> None:
    for truth in TRUTH["prompts"]:
        answer = client.completions.create(model=MODEL, prompt=truth["prompt"], temperature=0, max_tokens=8)
        equal(answer.choices[0].text, truth["text"])
        equal(answer.choices[0].finish_reason, "length")
        assert answer.usage
        equal(answer.usage.prompt_tokens, len(truth["prompt_ids"]))


@check("log-probabilities are transformers'")
def logprobs() -> str:
    worst = 0.0
    for truth in TRUTH["prompts"]:
        answer = client.completions.create(
            model=MODEL, prompt=truth["prompt_ids"], temperature=0, max_tokens=8, logprobs=3, echo=True
        )
        told = answer.choices[0].logprobs
        assert told
        assert told.token_logprobs
        assert told.top_logprobs
        expected = [None, *truth["prompt_logprobs"], *truth["logprobs"]]
        equal(len(told.token_logprobs), len(expected))
        for found, true in zip(told.token_logprobs[1:], expected[1:], strict=True):
            worst = max(worst, abs(found - true))
        for top in told.top_logprobs[1:]:
            assert sum(map(math.exp, top.values())) <= 1.0001
    assert worst < 0.35, f"{worst} nats away"
    return f"at most {worst:.3f} nats away"


@check("log-probabilities of a chat belong to its text")
def chat_logprobs() -> None:
    answer = chat(seed=3, temperature=1, logprobs=True, top_logprobs=4)
    told = answer.choices[0].logprobs
    assert told
    assert told.content
    assert answer.usage
    written = b"".join(bytes(entry.bytes or []) for entry in told.content).decode(errors="replace")
    equal(written.removesuffix("<|im_end|>"), content(answer))
    equal(len(told.content), answer.usage.completion_tokens)
    for entry in told.content:
        equal(len(entry.top_logprobs), 4)
        best = [top.logprob for top in entry.top_logprobs]
        equal(best, sorted(best, reverse=True))
        assert entry.logprob <= best[0]


@check("a stream is the whole text")
def stream() -> None:
    whole = chat(seed=5, temperature=0.8)
    chunks = list(
        client.chat.completions.create(
            model=MODEL,
            messages=HELLO,
            max_tokens=12,
            seed=5,
            temperature=0.8,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    equal(chunks[0].choices[0].delta.role, "assistant")
    equal("".join(c.choices[0].delta.content or "" for c in chunks if c.choices), content(whole))
    equal([c.choices[0].finish_reason for c in chunks if c.choices][-1], whole.choices[0].finish_reason)
    equal(chunks[-1].choices, [])
    assert chunks[-1].usage
    assert whole.usage
    equal(chunks[-1].usage.completion_tokens, whole.usage.completion_tokens)
    equal(chunks[-1].usage.prompt_tokens, whole.usage.prompt_tokens)
    equal([c.usage for c in chunks[:-1]], [None] * (len(chunks) - 1))
    equal(len({c.id for c in chunks}), 1)


@check("the stream helper")
def stream_helper() -> None:
    truth = TRUTH["chats"][0]  # the helper refuses a text that max_tokens cuts
    asked: Any = {"model": MODEL, "messages": truth["messages"], "temperature": 0, "stop": " and"}
    with client.chat.completions.stream(**asked) as events:
        deltas = "".join(event.delta for event in events if event.type == "content.delta")
        final = events.get_final_completion()
    equal(deltas, truth["text"].split(" and")[0])
    equal(final.choices[0].message.content, deltas)
    equal(final.choices[0].finish_reason, "stop")


@check("a seed says the text")
def seeds() -> None:
    one = content(chat(seed=7, temperature=1.0))
    equal(content(chat(seed=7, temperature=1.0)), one)
    others = {content(chat(seed=seed, temperature=1.0)) for seed in range(8, 12)}
    assert others - {one}, "other seeds write the same"


@check("n choices, the first of which is that of n = 1")
def several() -> None:
    one = chat(seed=7, temperature=1.0)
    four = chat(seed=7, temperature=1.0, n=4)
    equal([choice.index for choice in four.choices], [0, 1, 2, 3])
    equal(content(four), content(one))
    assert len({content(four, i) for i in range(4)}) > 1
    assert four.usage
    assert one.usage
    assert four.usage.completion_tokens > one.usage.completion_tokens
    equal(four.usage.prompt_tokens, one.usage.prompt_tokens)


@check("stop cuts before the stop string")
def stop() -> None:
    whole = client.completions.create(model=MODEL, prompt="1, 2, 3, 4,", temperature=0, max_tokens=20)
    text = whole.choices[0].text
    assert " 7" in text, text
    for stops in (" 7", ["nowhere", " 7"]):
        cut = client.completions.create(
            model=MODEL, prompt="1, 2, 3, 4,", temperature=0, max_tokens=20, stop=stops
        )
        equal(cut.choices[0].text, text[: text.index(" 7")])
        equal(cut.choices[0].finish_reason, "stop")


@check("max_tokens and max_completion_tokens")
def lengths() -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        answer = client.chat.completions.create(model=MODEL, messages=HELLO, temperature=0, **{name: 3})
        assert answer.usage
        equal((answer.usage.completion_tokens, answer.choices[0].finish_reason), (3, "length"))


@check("logit_bias forces a token")
def bias() -> None:
    token = str(TRUTH["prompts"][0]["token_ids"][0])
    answer = client.completions.create(
        model=MODEL, prompt="1, 2, 3,", max_tokens=1, temperature=1, logit_bias={token: 100}
    )
    assert TRUTH["prompts"][0]["text"].startswith(answer.choices[0].text)


@check("content as parts, names, labels")
def parts() -> None:
    plain = content(chat(temperature=0))
    said: Any = [{"role": "user", "content": [{"type": "text", "text": "Name three colours."}]}]
    equal(content(chat(messages=said, temperature=0)), plain)
    labels: Any = {"user": "u1", "metadata": {"a": "b"}, "store": True, "service_tier": "auto"}
    equal(content(chat(temperature=0, **labels)), plain)
    named: Any = [{**HELLO[0], "name": "ada"}]
    assert content(chat(messages=named, temperature=0))


@check("reasoning_effort and verbosity ask nothing of this model")
def neutral() -> None:
    plain = content(chat(temperature=0))
    equal(content(chat(temperature=0, reasoning_effort="low", verbosity="low")), plain)


@check("with_raw_response and request ids")
def raw() -> None:
    response = client.chat.completions.with_raw_response.create(
        model=MODEL, messages=HELLO, max_tokens=2, extra_headers={"X-Request-Id": "mine-1"}
    )
    equal(response.headers["x-request-id"], "mine-1")
    equal(response.parse()._request_id, "mine-1")


@check("an unknown model is NotFoundError")
def unknown_model() -> None:
    error = caught(openai.NotFoundError, lambda: chat(model="gpt-17"), "gpt-17")
    equal((error.code, error.param), ("model_not_found", "model"))


@check("a prompt that is too long is BadRequestError")
def too_long() -> None:
    error = caught(openai.BadRequestError, lambda: chat(messages=LONG), "prompt is too long")
    equal(error.code, "context_length_exceeded")
    error = caught(openai.BadRequestError, lambda: chat(max_tokens=1_000_000), "max_tokens")
    assert error.param, error


@check("bad parameters are BadRequestError and named")
def bad_parameters() -> None:
    for name, value in (("temperature", -1), ("top_p", 2), ("n", 0), ("max_tokens", "x"), ("seed", 0.5)):
        error = caught(openai.BadRequestError, lambda n=name, v=value: chat(**{n: v}), name)  # type: ignore[misc]
        equal(error.param, name)
    error = caught(openai.BadRequestError, lambda: chat(extra_body={"temprature": 1}), "temprature")
    assert "temperature" in str(error), error
    caught(openai.BadRequestError, lambda: chat(messages=[]), "messages")


@check("embeddings: directions as transformers has them")
def embeddings() -> str:
    texts = [one["text"] for one in TRUTH["texts"]]
    answer = client.embeddings.create(model=MODEL, input=texts)  # the package asks for base64
    vectors = [one.embedding for one in answer.data]
    equal(answer.usage.prompt_tokens, sum(one["tokens"] for one in TRUTH["texts"]))
    worst = 0.0
    for i, row in enumerate(TRUTH["cosines"]):
        for j, true in enumerate(row):
            worst = max(worst, abs(sum(a * b for a, b in zip(vectors[i], vectors[j], strict=True)) - true))
    assert worst < 0.02, f"a cosine is {worst} away"
    numbers = client.embeddings.create(model=MODEL, input=texts[0], encoding_format="float").data[0].embedding
    assert max(abs(a - b) for a, b in zip(numbers, vectors[0], strict=True)) < 1e-6
    coded: Any = client.embeddings.create(model=MODEL, input=texts[0], encoding_format="base64")
    data = base64.b64decode(coded.data[0].embedding)
    equal(list(struct.unpack(f"<{len(data) // 4}f", data)), numbers)
    return f"cosines at most {worst:.4f} away"


@check("many at once, async")
async def at_once() -> None:
    async with AsyncOpenAI(base_url=BASE, api_key="none", max_retries=0, timeout=120) as api:

        async def one(seed: int) -> str:
            answer = await api.chat.completions.create(
                model=MODEL, messages=HELLO, max_tokens=12, seed=seed, temperature=1
            )
            return content(answer)

        together = await asyncio.gather(*(one(seed) for seed in range(6)))
        equal(together, [await one(seed) for seed in range(6)])


@check("an async stream")
async def async_stream() -> None:
    async with AsyncOpenAI(base_url=BASE, api_key="none", max_retries=0, timeout=120) as api:
        chunks = await api.chat.completions.create(
            model=MODEL, messages=HELLO, max_tokens=12, temperature=0, stream=True
        )
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])
    equal(text, content(chat(temperature=0)))


def cancelled() -> float:
    """Return how many requests the server counts as cancelled."""
    with urllib.request.urlopen(f"{URL}/metrics") as response:
        lines = response.read().decode().splitlines()
    return sum(
        float(line.split()[-1])
        for line in lines
        if "requests_total" in line and 'outcome="cancelled"' in line
    )


@check("a stream that is closed, and a timeout, cancel")
def cancel() -> None:
    before = cancelled()
    endless: Any = {"model": MODEL, "prompt": "Once", "max_tokens": 4000, "extra_body": {"ignore_eos": True}}
    with client.completions.create(stream=True, **endless) as chunks:
        next(iter(chunks))
    caught(openai.APITimeoutError, lambda: client.with_options(timeout=0.5).completions.create(**endless))
    end = time.monotonic() + 10
    while cancelled() < before + 2:
        assert time.monotonic() < end, f"{cancelled() - before} of 2 were cancelled"
        time.sleep(0.1)


@check("tools in a history, and tool_choice none")
def tools() -> None:
    plain = content(chat(temperature=0))
    equal(content(chat(temperature=0, tools=[TOOL], tool_choice="none")), plain)
    if "qwen" in MODEL:
        begun = {"prefix_text": "It"}  # the model would rather repeat the call
        assert "18" in content(
            chat(messages=HISTORY, tools=[TOOL], temperature=0, max_tokens=40, extra_body=begun)
        )
        return
    refusal(openai.BadRequestError, lambda: chat(messages=HISTORY, tools=[TOOL]), "tool", "template")


@check("a tool is called")
def tool_call() -> None:
    if "qwen" not in MODEL:
        refusal(openai.BadRequestError, lambda: chat(tools=[TOOL]), "tools", "template")
    begun = {
        "prefix_text": '<tool_call>\n{"name": "get_weather"'
    }  # what a small model may not begin by itself
    answer = chat(messages=HISTORY[:1], tools=[TOOL], temperature=0, max_tokens=60, extra_body=begun)
    equal(answer.choices[0].finish_reason, "tool_calls")
    (call,) = answer.choices[0].message.tool_calls or []
    assert call.type == "function"
    equal((call.function.name, "Paris" in call.function.arguments), ("get_weather", True))


@check("a tool that must be called")
def forced_tool() -> None:
    named = {"type": "function", "function": {"name": "get_weather"}}
    for choice in ("required", named):
        asked: Any = {"tools": [TOOL], "tool_choice": choice, "max_tokens": 100}
        if "qwen" not in MODEL:
            refusal(openai.BadRequestError, lambda a=asked: chat(**a), "tools", "template")  # type: ignore[misc]
        for seed in range(3):
            answer = chat(seed=seed, temperature=1, **asked)
            equal(answer.choices[0].finish_reason, "tool_calls")
            for call in answer.choices[0].message.tool_calls or [None]:
                calls_weather(call)


@check("a tool made of a class")
def tool_class() -> None:
    asked: Any = {"tools": [openai.pydantic_function_tool(Weather)], "tool_choice": "required"}
    given: Any = {"model": MODEL, "messages": HISTORY[:1], "max_tokens": 100, "temperature": 0, **asked}
    if "qwen" not in MODEL:
        refusal(openai.BadRequestError, lambda: chat(**asked), "tools", "template")
    for call in client.chat.completions.parse(**given).choices[0].message.tool_calls or [None]:
        assert call, "no call"
        assert isinstance(call.function.parsed_arguments, Weather), call
    with client.chat.completions.stream(**given) as events:
        done = [one for one in events if one.type == "tool_calls.function.arguments.done"]
    assert done, "no call"
    for event in done:
        assert isinstance(event.parsed_arguments, Weather), event


@check("images")
def images() -> None:
    part: Any = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    messages: Any = [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, part]}]
    refusal(openai.BadRequestError, lambda: chat(messages=messages), "image_url", "text")


@check("response_format json_object")
def json_mode() -> None:
    for seed in range(3):
        asked: Any = {"seed": seed, "temperature": 1, "max_tokens": 60}
        answer = chat(response_format={"type": "json_object"}, **asked)
        equal(type(json.loads(content(answer))), dict)
        equal(answer.choices[0].finish_reason, "stop")


@check("response_format json_schema")
def json_schema() -> None:
    form: Any = {"type": "json_schema", "json_schema": {"name": "animal", "strict": True, "schema": SCHEMA}}
    asked: Any = {"response_format": form, "seed": 3, "temperature": 1, "max_tokens": 40}
    answer = chat(n=3, **asked)
    for index in range(3):
        fits(content(answer, index))
        equal(answer.choices[index].finish_reason, "stop")
    chunks = client.chat.completions.create(model=MODEL, messages=HELLO, stream=True, **asked)
    equal("".join(chunk.choices[0].delta.content or "" for chunk in chunks), content(answer))


@check("parse, and the stream helper, with a class")
def parse() -> None:
    asked: Any = {"model": MODEL, "messages": HELLO, "response_format": Animal, "max_tokens": 40, "seed": 5}
    answer = client.chat.completions.parse(temperature=1, **asked)
    parsed = answer.choices[0].message.parsed
    assert isinstance(parsed, Animal), answer
    with client.chat.completions.stream(temperature=1, **asked) as events:
        last = [event for event in events if event.type == "content.delta"][-1]
        equal(events.get_final_completion().choices[0].message.parsed, parsed)
    equal(last.parsed, parsed.model_dump())


@check("a schema that is none, and a length that holds no text of it, are BadRequestError and named")
def bad_schemas() -> None:
    wrong: Any = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "animal"}}}
    caught(openai.BadRequestError, lambda: chat(response_format=wrong), "response_format", "animal")
    form: Any = {"type": "json_schema", "json_schema": {"name": "animal", "schema": SCHEMA}}
    caught(openai.BadRequestError, lambda: chat(response_format=form, max_tokens=2), "max_tokens")


@check("responses.create")
def responses() -> None:
    answer = client.responses.create(model=MODEL, input="Hello", max_output_tokens=16)
    assert answer.output_text, answer


@check("moderations, images and audio of OpenAI")
def other_endpoints() -> None:
    caught(openai.NotFoundError, lambda: client.images.generate(prompt="a cat"), "/v1/images/generations")
    refusal(openai.NotFoundError, lambda: client.moderations.create(input="x"), "/v1/moderations")


if __name__ == "__main__":
    main()
