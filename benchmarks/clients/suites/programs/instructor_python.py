"""What users of instructor write. Its modes hold answers to a schema, which waits for constraints."""

from __future__ import annotations

from typing import Any

import instructor
import openai
from checks import BASE, MODEL, TRUTH, NotApplicable, caught, check, equal, main, refusal
from instructor.core.exceptions import IncompleteOutputException, InstructorRetryException
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


@check("mode MD_JSON, which asks for JSON in words alone")
def markdown() -> None:
    try:
        animal = client(instructor.Mode.MD_JSON).chat.completions.create(
            response_model=Animal, temperature=0, max_tokens=100, **ASKED
        )
    except (IncompleteOutputException, InstructorRetryException) as error:
        if "qwen" in MODEL or "error code" in str(error).lower():
            raise
        raise NotApplicable(f"the model answered, and wrote no such JSON: {type(error).__name__}") from error
    equal(animal.legs, 4)


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
