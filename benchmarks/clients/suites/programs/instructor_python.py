"""What users of instructor write. Its modes hold answers to a schema, which waits for constraints."""

from __future__ import annotations

from typing import Any

import instructor
import openai
from checks import BASE, MODEL, TRUTH, caught, check, equal, main, refusal
from pydantic import BaseModel


class Animal(BaseModel):
    """An animal."""

    name: str
    legs: int


CHAT = TRUTH["chats"][0]
ASKED: Any = {
    "model": MODEL,
    "messages": [{"role": "user", "content": "A dog has four legs."}],
    "max_retries": 0,
}


def client(mode: instructor.Mode) -> instructor.Instructor:
    api = openai.OpenAI(base_url=BASE, api_key="none", max_retries=0, timeout=120)
    return instructor.from_openai(api, mode=mode)


def refused(mode: instructor.Mode, *words: str) -> None:
    """Raise Refused: the server's words come in instructor's error."""
    refusal(Exception, lambda: client(mode).chat.completions.create(response_model=Animal, **ASKED), *words)


@check("a chat without a response model is what transformers writes")
def plain() -> None:
    answer: Any = client(instructor.Mode.TOOLS).chat.completions.create(
        response_model=None, model=MODEL, messages=CHAT["messages"], temperature=0, max_tokens=8
    )
    equal(answer.choices[0].message.content, CHAT["text"])


@check("an unknown model is told in the server's words")
def unknown_model() -> None:
    caught(
        Exception,
        lambda: client(instructor.Mode.MD_JSON).chat.completions.create(
            response_model=Animal, **{**ASKED, "model": "gpt-17"}
        ),
        "there is no model 'gpt-17' here",
    )


@check("Markdown with JSON in it, asked for in words alone")
def markdown() -> str:
    """The prompt alone asks for JSON: whether the answer is any is the model's affair, not the server's."""
    try:
        animal = client(instructor.Mode.MD_JSON).chat.completions.create(
            response_model=Animal, temperature=0, max_tokens=100, **ASKED
        )
    except instructor.core.InstructorRetryException as error:
        if "error code" in str(error).lower():
            raise
        return f"the model wrote no such JSON: {str(error)[:200]}"
    return f"{animal!r}"


@check("mode JSON")
def json_mode() -> None:
    refused(instructor.Mode.JSON, "response_format")


@check("mode JSON_SCHEMA")
def json_schema() -> None:
    refused(instructor.Mode.JSON_SCHEMA, "response_format")


@check("mode TOOLS")
def tools() -> None:
    refused(instructor.Mode.TOOLS, "tool")


@check("mode TOOLS_STRICT")
def strict() -> None:
    refused(instructor.Mode.TOOLS_STRICT, "tool")


@check("mode PARALLEL_TOOLS")
def parallel() -> None:
    from collections.abc import Iterable

    refusal(
        Exception,
        lambda: client(instructor.Mode.PARALLEL_TOOLS).chat.completions.create(
            response_model=Iterable[Animal],
            **ASKED,  # type: ignore[type-abstract]
        ),
        "tool",
    )


if __name__ == "__main__":
    main()
