"""The prompt for another attempt at a problem, after some that there are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ponder.errors import ParameterError
from ponder.rewards import Problem
from ponder.scaling.scored import Scored
from ponder.text import Conversation, Message, Prompt

REVISE = "That answer may be wrong or incomplete. Look for mistakes, then give the whole answer again."

_MARKER = re.compile(r"([<\[])(?=[|/\w｜])")  # what a control token may begin with: <|im_end|>, </s>, [INST]


def check_revise(request: object) -> None:
    """Refuse a request for another attempt that says nothing."""
    if not isinstance(request, str) or not request.strip():
        raise ParameterError("revise", request, "text that is not empty")


def revision_prompt(
    problem: Problem, attempts: Sequence[Scored], request: str, *, feedback: bool = True
) -> Prompt:
    """Return a problem's prompt with attempts, the oldest first, and after each the request for another.

    In a conversation the attempts are the assistant's and the requests the user's. After a raw prompt all is
    appended as text. With `feedback`, what the reward said of an attempt in words comes before the request.
    A hostile attempt may have written a part of that. In a conversation no message can hold a control token;
    after a raw prompt, which can, a space in the feedback breaks what looks like one.
    """
    prompt = problem.prompt
    told = [(attempt.text.text, attempt.feedback if feedback else "") for attempt in attempts]
    if isinstance(prompt, Conversation):
        return replace(prompt, messages=(*prompt.messages, *_turns(told, request)))
    if isinstance(prompt, tuple):
        return (*prompt, *_turns(told, request))
    asked = [(text, _asked(_MARKER.sub(r"\1 ", said), request)) for text, said in told]
    return "".join((str(prompt), *(f"{text}\n\n{after}\n\n" for text, after in asked)))


def _turns(told: Sequence[tuple[str, str]], request: str) -> list[Message]:
    return [
        message
        for text, said in told
        for message in (Message("assistant", text), Message("user", _asked(said, request)))
    ]


def _asked(said: str, request: str) -> str:
    return f"{said}\n\n{request}" if said else request
