"""What users of LiteLLM write."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Annotated, Any, Literal

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # or the import asks GitHub for prices

import litellm
from checks import (
    BASE,
    LONG,
    MODEL,
    SCHEMA,
    TOOL,
    TRUTH,
    calls_weather,
    caught,
    check,
    equal,
    fits,
    main,
    refusal,
)
from pydantic import BaseModel, Field

litellm.suppress_debug_info = True
litellm.telemetry = False
NAME = f"openai/{MODEL}"
VLLM = f"hosted_vllm/{MODEL}"
HERE: Any = {"api_base": BASE, "api_key": "none", "max_retries": 0}
CHAT = TRUTH["chats"][0]


class Animal(BaseModel):
    """An animal."""

    kind: Literal["mammal", "bird", "fish"]
    legs: Annotated[int, Field(ge=0, le=4)]


def chat(model: str = NAME, **options: Any) -> Any:
    given = {"messages": CHAT["messages"], "max_tokens": 8, "temperature": 0, **HERE, **options}
    return litellm.completion(model=model, **given)


def content(answer: Any) -> str:
    return answer.choices[0].message.content


@check("a chat is what transformers writes, as openai/ and as hosted_vllm/")
def prompt() -> None:
    for model in (NAME, VLLM):
        for truth in TRUTH["chats"]:
            answer = chat(model, messages=truth["messages"])
            equal(content(answer), truth["text"])
            equal(answer.usage.prompt_tokens, truth["prompt_tokens"])
            equal(answer.usage.completion_tokens, len(truth["token_ids"]))


@check("a stream is the whole text, and can be put together")
def stream() -> None:
    for model in (NAME, VLLM):
        chunks = list(chat(model, stream=True, stream_options={"include_usage": True}))
        equal(
            "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices), CHAT["text"]
        )
        built: Any = litellm.stream_chunk_builder(chunks, messages=CHAT["messages"])
        equal(content(built), CHAT["text"])
        equal(built.usage.prompt_tokens, CHAT["prompt_tokens"])
        equal(built.usage.completion_tokens, len(CHAT["token_ids"]))


@check("async, many at once")
async def at_once() -> None:
    given: Any = {"model": NAME, "messages": CHAT["messages"], "max_tokens": 8, "temperature": 1, **HERE}
    together = await asyncio.gather(*(litellm.acompletion(seed=seed, **given) for seed in range(5)))
    for seed, answer in enumerate(together):
        equal(content(await litellm.acompletion(seed=seed, **given)), content(answer))
    assert len({content(answer) for answer in together}) > 1


@check("a text completion")
def completion() -> None:
    truth = TRUTH["prompts"][0]
    answer: Any = litellm.text_completion(
        model=f"text-completion-openai/{MODEL}",
        prompt=truth["prompt"],
        max_tokens=8,
        temperature=0,
        logprobs=2,
        **HERE,
    )
    equal(answer.choices[0].text, truth["text"])
    told = answer.choices[0].logprobs.token_logprobs
    for found, true in zip(told, truth["logprobs"], strict=True):
        assert abs(found - true) < 0.35, (found, true)


@check("log-probabilities of a chat")
def logprobs() -> None:
    told = chat(logprobs=True, top_logprobs=2).choices[0].logprobs.content
    equal(len(told), len(CHAT["token_ids"]))
    for entry, true in zip(told, CHAT["logprobs"], strict=True):
        assert abs(entry["logprob"] - true) < 0.35, (entry, true)


@check("n, stop, seed, top_k of vLLM")
def parameters() -> None:
    two = chat(n=2, temperature=1, seed=4)
    equal(len(two.choices), 2)
    equal(content(chat(temperature=1, seed=4)), content(two))
    cut = chat(stop=["Romeo"])
    equal(content(cut), CHAT["text"].split("Romeo")[0])
    equal(content(chat(VLLM, temperature=1.5, top_k=1)), CHAT["text"])
    equal(content(chat(VLLM, temperature=1.5, extra_body={"min_p": 1.0})), CHAT["text"])


@check("embeddings")
def embeddings() -> None:
    texts = [one["text"] for one in TRUTH["texts"]]
    for provider in ("openai", "hosted_vllm"):
        answer = litellm.embedding(model=f"{provider}/{MODEL}", input=texts, **HERE)
        vectors = [one["embedding"] for one in answer.data]
        for i, row in enumerate(TRUTH["cosines"]):
            for j, true in enumerate(row):
                found = sum(a * b for a, b in zip(vectors[i], vectors[j], strict=True))
                assert abs(found - true) < 0.02, (i, j, found, true)


@check("a prompt that is too long is ContextWindowExceededError")
def too_long() -> None:
    for model in (NAME, VLLM):
        caught(litellm.ContextWindowExceededError, lambda m=model: chat(m, messages=LONG), "too long")  # type: ignore[misc]
        caught(litellm.ContextWindowExceededError, lambda m=model: chat(m, max_tokens=10**6), "max_tokens")  # type: ignore[misc]


@check("a router falls back where the prompt is too long")
def fallback() -> None:
    short = {"model_name": "short", "litellm_params": {"model": NAME, **HERE}}
    long = {
        "model_name": "long",
        "litellm_params": {"model": NAME, **HERE, "mock_response": "from the other"},
    }
    router = litellm.Router([short, long], context_window_fallbacks=[{"short": ["long"]}], num_retries=0)  # type: ignore[list-item]
    equal(content(router.completion("short", CHAT["messages"], max_tokens=8, temperature=0)), CHAT["text"])
    equal(content(router.completion("short", LONG)), "from the other")


@check("an unknown model is NotFoundError")
def unknown_model() -> None:
    for provider in ("openai", "hosted_vllm"):
        caught(litellm.NotFoundError, lambda p=provider: chat(f"{p}/gpt-17"), "gpt-17")  # type: ignore[misc]


@check("bad parameters are BadRequestError and named")
def bad_parameters() -> None:
    for name, value in (("temperature", -1), ("top_p", 3), ("n", 0)):
        caught(litellm.BadRequestError, lambda n=name, v=value: chat(**{n: v}), name)  # type: ignore[misc]


@check("a timeout is Timeout")
def timeout() -> None:
    caught(
        litellm.Timeout,
        lambda: chat(max_tokens=4000, timeout=0.5, extra_body={"ignore_eos": True}),
    )


@check("Anthropic's messages by LiteLLM's adapter")
async def anthropic() -> None:
    answer: Any = await litellm.anthropic.messages.acreate(
        model=VLLM, messages=CHAT["messages"], max_tokens=8, temperature=0, **HERE
    )
    equal(answer["content"][0]["text"], CHAT["text"])
    equal(answer["usage"]["output_tokens"], len(CHAT["token_ids"]))


@check("reasoning_effort asks nothing of this model")
def effort() -> None:
    for value in ("none", "low"):
        equal(content(chat(reasoning_effort=value, allowed_openai_params=["reasoning_effort"])), CHAT["text"])


@check("tools, none of which may be called")
def no_tools() -> None:
    equal(content(chat(tools=[TOOL], tool_choice="none")), CHAT["text"])


@check("a tool that must be called")
def tool() -> None:
    asked: Any = {"tools": [TOOL], "tool_choice": "required", "max_tokens": 100, "temperature": 1, "seed": 1}
    for model in (NAME, VLLM):
        if "qwen" not in MODEL:
            refusal(litellm.BadRequestError, lambda m=model: chat(m, **asked), "tools", "template")  # type: ignore[misc]
        for call in chat(model, **asked).choices[0].message.tool_calls or [None]:
            calls_weather(call)


@check("response_format: an object, a schema, a class")
def formats() -> None:
    drawn: Any = {"max_tokens": 60, "temperature": 1, "seed": 1}
    form = {"type": "json_schema", "json_schema": {"name": "animal", "strict": True, "schema": SCHEMA}}
    for model in (NAME, VLLM):
        told = json.loads(content(chat(model, response_format={"type": "json_object"}, **drawn)))
        equal(type(told), dict)
        fits(content(chat(model, response_format=form, **drawn)))
        Animal.model_validate_json(content(chat(model, response_format=Animal, **drawn)))


def respond(model: str, said: Any, **options: Any) -> Any:
    given = {"max_output_tokens": 16, "temperature": 0, **HERE, **options}
    return litellm.responses(said, model, **given)


@check("the responses endpoint, whole and streamed")
def responses() -> None:
    for model in (NAME, VLLM):
        whole = respond(model, CHAT["messages"])
        assert whole.output_text.startswith(CHAT["text"]), whole
        equal((whole.usage.input_tokens, whole.usage.output_tokens), (CHAT["prompt_tokens"], 16))
        events = list(respond(model, CHAT["messages"], stream=True))
        deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
        equal("".join(deltas), whole.output_text)
        equal(events[-1].response.usage.output_tokens, 16)


@check("the responses endpoint: a class")
def responses_format() -> None:
    for model in (NAME, VLLM):
        drawn = respond(model, "A dog", text_format=Animal, max_output_tokens=60, temperature=1)
        Animal.model_validate_json(drawn.output_text)


@check("the responses endpoint: going on")
def responses_going_on() -> None:
    for model in (NAME, VLLM):
        first = respond(model, CHAT["messages"])
        second = respond(model, "And who wrote Faust?", previous_response_id=first.id)
        assert second.output_text, second
        assert second.usage.input_tokens > first.usage.total_tokens, (first.usage, second.usage)


if __name__ == "__main__":
    main()
