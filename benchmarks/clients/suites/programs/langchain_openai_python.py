"""What users of langchain-openai write."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any, Literal

import openai
from checks import BASE, MODEL, SCHEMA, TRUTH, caught, check, equal, fits, main, refusal
from langchain_core.exceptions import ContextOverflowError
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAI, OpenAIEmbeddings
from pydantic import BaseModel, Field

HERE: Any = {"base_url": BASE, "api_key": "none", "max_retries": 0, "model": MODEL}
CHAT, BRIEF = TRUTH["chats"]
QUESTION = CHAT["messages"][0]["content"]
LONG = "word " * 9000


class Animal(BaseModel):
    """An animal."""

    name: Annotated[str, Field(pattern="^[A-Z][a-z]+$")]
    kind: Literal["mammal", "bird", "fish"]
    legs: Annotated[int, Field(ge=0, le=4)]


@tool
def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"18 degrees in {city}"


def chat(**options: Any) -> ChatOpenAI:
    return ChatOpenAI(**{"max_tokens": 8, "temperature": 0, **HERE, **options})


@check("a chat is what transformers writes")
def prompt() -> None:
    answer = chat().invoke(QUESTION)
    equal(answer.content, CHAT["text"])
    assert answer.usage_metadata
    equal(answer.usage_metadata["input_tokens"], CHAT["prompt_tokens"])
    equal(answer.usage_metadata["output_tokens"], len(CHAT["token_ids"]))
    equal(answer.response_metadata["model_name"], MODEL)
    said, asked = (message["content"] for message in BRIEF["messages"])
    equal(chat().invoke([SystemMessage(said), HumanMessage(asked)]).content, BRIEF["text"])


@check("a chain of template, model and parser")
def chain() -> None:
    template = ChatPromptTemplate.from_messages([("user", "Who wrote {play}?")])
    equal((template | chat() | StrOutputParser()).invoke({"play": "Romeo and Juliet"}), CHAT["text"])


@check("a stream, with usage")
def stream() -> None:
    chunks = list(chat(stream_usage=True).stream(QUESTION))
    equal("".join(str(chunk.content) for chunk in chunks), CHAT["text"])
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk  # type: ignore[assignment]
    assert whole.usage_metadata
    equal(whole.usage_metadata["output_tokens"], len(CHAT["token_ids"]))
    assert whole.response_metadata["finish_reason"] in ("stop", "length")


@check("an async stream, and a batch")
async def in_parallel() -> None:
    equal("".join([str(chunk.content) async for chunk in chat().astream(QUESTION)]), CHAT["text"])
    asked: Any = [QUESTION, [(m["role"], m["content"]) for m in BRIEF["messages"]]]
    answers = await chat().abatch(asked)
    equal([answer.content for answer in answers], [CHAT["text"], BRIEF["text"]])
    answers = chat().batch(asked)
    equal([answer.content for answer in answers], [CHAT["text"], BRIEF["text"]])


@check("a completion model, whole and streamed")
def completion() -> None:
    model = OpenAI(**HERE, max_tokens=8, temperature=0)
    for truth in TRUTH["prompts"]:
        equal(model.invoke(truth["prompt"]), truth["text"])
        equal("".join(model.stream(truth["prompt"])), truth["text"])
    result = model.generate([truth["prompt"] for truth in TRUTH["prompts"]])
    equal([texts[0].text for texts in result.generations], [truth["text"] for truth in TRUTH["prompts"]])


@check("a seed says the text; n, stop and top_p")
def parameters() -> None:
    drawing = chat(temperature=1, seed=6)
    one = drawing.invoke(QUESTION).content
    equal(drawing.invoke(QUESTION).content, one)
    texts = drawing.bind(n=3).generate([[HumanMessage(QUESTION)]])  # type: ignore[attr-defined]
    equal(texts.generations[0][0].text, one)
    equal(chat().bind(stop=["Romeo"]).invoke(QUESTION).content, CHAT["text"].split("Romeo")[0])
    equal(chat(temperature=1, top_p=1e-6).invoke(QUESTION).content, CHAT["text"])


@check("log-probabilities")
def logprobs() -> None:
    answer = chat(logprobs=True, top_logprobs=3).invoke(QUESTION)
    told = answer.response_metadata["logprobs"]["content"]
    for entry, true in zip(told, CHAT["logprobs"], strict=True):
        assert abs(entry["logprob"] - true) < 0.35, (entry, true)


@check("embeddings, async too")
async def embeddings() -> None:
    model = OpenAIEmbeddings(**HERE, check_embedding_ctx_length=False)
    texts = [one["text"] for one in TRUTH["texts"]]
    vectors = model.embed_documents(texts)
    for i, row in enumerate(TRUTH["cosines"]):
        for j, true in enumerate(row):
            found = sum(a * b for a, b in zip(vectors[i], vectors[j], strict=True))
            assert abs(found - true) < 0.02, (i, j, found, true)
    again = await model.aembed_query(texts[0])
    assert math.dist(again, vectors[0]) < 1e-5


@check("a prompt that is too long is ContextOverflowError")
def too_long() -> None:
    caught(ContextOverflowError, lambda: chat().invoke(LONG), "too long")
    caught(ContextOverflowError, lambda: list(chat().stream(LONG)), "too long")
    caught(ContextOverflowError, lambda: chat(max_tokens=10**6).invoke(QUESTION), "too long")


@check("an unknown model, bad parameters and a timeout are openai's errors")
def errors() -> None:
    caught(openai.NotFoundError, lambda: chat(model="gpt-17").invoke(QUESTION), "gpt-17")
    caught(openai.BadRequestError, lambda: chat(temperature=-1).invoke(QUESTION), "temperature")
    endless = chat(max_tokens=4000, timeout=0.5, extra_body={"ignore_eos": True})
    caught(openai.APITimeoutError, lambda: endless.invoke(QUESTION))


@check("reasoning_effort asks nothing of this model, and names are taken")
def neutral() -> None:
    equal(chat(reasoning_effort="low", use_responses_api=False).invoke(QUESTION).content, CHAT["text"])
    equal(chat().invoke([HumanMessage(QUESTION, name="ada")]).content, CHAT["text"])


@check("parts of text, and marks of other providers on them")
def parts() -> None:
    part = {"type": "text", "text": QUESTION, "cache_control": {"type": "ephemeral"}}
    equal(chat().invoke([HumanMessage([part])]).content, CHAT["text"])  # type: ignore[list-item]


@check("a tool, and its result in the history")
def tools() -> None:
    able, must = (chat(max_tokens=60).bind_tools([get_weather], tool_choice=c) for c in ("auto", "required"))
    asked = HumanMessage("What is the weather in Paris?")
    for model in (able, must):
        if "qwen" not in MODEL:
            refusal(openai.BadRequestError, lambda m=model: m.invoke([asked]), "tools", "template")  # type: ignore[misc]
    called = must.invoke([asked])
    assert called.tool_calls, called
    for call in called.tool_calls:
        equal((call["name"], type(call["args"]["city"])), ("get_weather", str))
    results = [get_weather.invoke(call) for call in called.tool_calls]
    answer = able.invoke([asked, called, *results])
    assert answer.content or answer.tool_calls, answer


@check("a history of calls")
def history() -> None:
    called = AIMessage("", tool_calls=[{"name": "get_weather", "args": {"city": "Paris"}, "id": "c1"}])
    messages = [HumanMessage("The weather in Paris?"), called, ToolMessage("18 degrees", tool_call_id="c1")]
    if "qwen" not in MODEL:
        refusal(openai.BadRequestError, lambda: chat().invoke(messages), "tool_calls", "template")
    assert "18" in str(chat(max_tokens=40).invoke(messages).content)


@check("structured output by JSON schema")
def json_schema() -> None:
    model = chat(max_tokens=60, temperature=1, seed=2)
    shaped = model.with_structured_output(Animal, method="json_schema")
    animal = shaped.invoke("A dog")
    assert isinstance(animal, Animal), animal
    equal(list(shaped.stream("A dog"))[-1], animal)
    form = {"title": "animal", "description": "An animal.", **SCHEMA}
    fits(json.dumps(model.with_structured_output(form, method="json_schema", strict=True).invoke("A dog")))


@check("structured output by JSON mode")
def json_mode() -> None:
    model = chat(max_tokens=60, temperature=1, seed=2)
    told: Any = model.with_structured_output(Animal, method="json_mode", include_raw=True).invoke(
        "A dog, in JSON"
    )
    equal(type(json.loads(told["raw"].content)), dict)
    assert isinstance(told["parsed"], Animal) or told["parsing_error"], told


@check("structured output by a tool that must be called")
def forced_tool() -> None:
    model = chat(max_tokens=100, temperature=1, seed=2)
    shaped = model.with_structured_output(Animal, method="function_calling")
    if "qwen" not in MODEL:
        refusal(openai.BadRequestError, lambda: shaped.invoke("A dog"), "tools", "template")
    assert isinstance(shaped.invoke("A dog"), Animal)


@check("an image")
def image() -> None:
    part = {"type": "image", "base64": "AAAA", "mime_type": "image/png"}
    messages = [HumanMessage([{"type": "text", "text": "What is this?"}, part])]  # type: ignore[list-item]
    refusal(openai.BadRequestError, lambda: chat().invoke(messages), "image_url", "text")


def responding(**options: Any) -> ChatOpenAI:
    return chat(**{"use_responses_api": True, "max_tokens": 16, **options})


@check("the responses endpoint, whole and streamed")
def responses() -> None:
    whole = responding().invoke(QUESTION)
    text = str(whole.text)
    assert text.startswith(CHAT["text"]), whole
    assert whole.usage_metadata
    equal(whole.usage_metadata["input_tokens"], CHAT["prompt_tokens"])
    equal(whole.usage_metadata["output_tokens"], 16)
    chunks = list(responding().stream(QUESTION))
    equal("".join(str(chunk.text) for chunk in chunks), text)
    told = [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata]
    equal([usage["output_tokens"] for usage in told], [16])


@check("the responses endpoint: structured output")
def responses_format() -> None:
    model = responding(max_tokens=60, temperature=1)
    assert isinstance(model.with_structured_output(Animal, method="json_schema").invoke("A dog"), Animal)


@check("the responses endpoint: going on")
def responses_going_on() -> None:
    model = responding(use_previous_response_id=True)
    first = model.invoke(QUESTION)
    more = HumanMessage("And who wrote Faust?")
    second = model.invoke([HumanMessage(QUESTION), first, more])
    assert str(second.text), second
    assert first.usage_metadata
    assert second.usage_metadata
    assert second.usage_metadata["input_tokens"] > first.usage_metadata["total_tokens"]
    alone = responding().invoke([more], previous_response_id=first.response_metadata["id"])
    equal(alone.text, second.text)


if __name__ == "__main__":
    main()
