"""The prompt for another attempt at a problem, after some that there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ponder.errors import ParameterError
from ponder.rewards import Problem
from ponder.text import Conversation, Message, Prompt

REVISE = "That answer may be wrong or incomplete. Look for mistakes, then give the whole answer again."


def check_revise(request: object) -> None:
    """Refuse a request for another attempt that says nothing."""
    if not isinstance(request, str) or not request.strip():
        raise ParameterError("revise", request, "text that is not empty")


def revision_prompt(problem: Problem, attempts: Sequence[str], request: str) -> Prompt:
    """Return a problem's prompt with attempts, the oldest first, and after each the request for another.

    In a conversation the attempts are the assistant's and the requests the user's. After a raw prompt all is
    appended as text.
    """
    prompt = problem.prompt
    if isinstance(prompt, Conversation):
        return replace(prompt, messages=(*prompt.messages, *_turns(attempts, request)))
    if isinstance(prompt, tuple):
        return (*prompt, *_turns(attempts, request))
    return "".join((str(prompt), *(f"{attempt}\n\n{request}\n\n" for attempt in attempts)))


def _turns(attempts: Sequence[str], request: str) -> list[Message]:
    return [
        message
        for attempt in attempts
        for message in (Message("assistant", attempt), Message("user", request))
    ]
