"""What users of instructor write."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any, Literal

import instructor
import openai
from checks import BASE, MODEL, TRUTH, NotApplicable, caught, check, equal, main, refusal
from instructor.core.exceptions import IncompleteOutputException, InstructorRetryException
from pydantic import BaseModel, Field


class Animal(BaseModel):
    """An animal."""

    name: Annotated[str, Field(pattern="^[A-Z][a-z]+$")]
    kind: Literal["mammal", "bird", "fish"]
    legs: Annotated[int, Field(ge=0, le=4)]


CHAT = TRUTH["chats"][0]
ASKED: Any = {
    "model": MODEL,
    "messages": [{"role": "user", "content": "A dog has four legs."}],
    "max_retries": 0,
}


def client(mode: instructor.Mode) -> instructor.Instructor:
    api = openai.OpenAI(base_url=BASE, api_key="none", max_retries=0, timeout=120)
    return instructor.from_openai(api, mode=mode)


def asked(mode: instructor.Mode, model: Any = Animal, **options: Any) -> Any:
    """Return what instructor makes of an answer."""
    given: Any = {"response_model": model, "max_tokens": 100, "seed": 1, **ASKED, **options}
    return client(mode).chat.completions.create(**given)


def by_tools(mode: instructor.Mode, model: Any = Animal) -> Any:
    """Return what instructor makes of an answer that must be a call; Refused where there can be none."""
    if "qwen" not in MODEL:
        refusal(Exception, lambda: asked(mode, model), "tools", "template")
    return asked(mode, model)


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


@check("mode JSON, whose schema is in words and whose form is any object")
def json_mode() -> None:
    try:
        assert isinstance(asked(instructor.Mode.JSON), Animal)
    except InstructorRetryException as error:  # what a small model wrote is no animal
        if error.last_completion is None:
            raise
        equal(type(json.loads(error.last_completion.choices[0].message.content)), dict)


@check("mode JSON_SCHEMA, and lists")
def json_schema() -> None:
    for seed in range(3):
        assert isinstance(asked(instructor.Mode.JSON_SCHEMA, seed=seed, temperature=1), Animal)
    several = asked(instructor.Mode.JSON_SCHEMA, list[Animal], max_tokens=300)
    assert all(isinstance(one, Animal) for one in several), several


@check("mode TOOLS")
def tools() -> None:
    assert isinstance(by_tools(instructor.Mode.TOOLS), Animal)


@check("mode TOOLS_STRICT")
def strict() -> None:
    assert isinstance(by_tools(instructor.Mode.TOOLS_STRICT), Animal)


@check("mode PARALLEL_TOOLS")
def parallel() -> None:
    try:
        animals = list(by_tools(instructor.Mode.PARALLEL_TOOLS, Iterable[Animal]))
    except InstructorRetryException as error:
        if "No tool calls" not in str(error):
            raise
        raise NotApplicable("the model may call a tool, and called none") from error
    assert all(isinstance(animal, Animal) for animal in animals), animals


if __name__ == "__main__":
    main()
