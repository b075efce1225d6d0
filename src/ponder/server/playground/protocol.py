"""Requests as they arrive at /ponder/v1. What the values may be is checked where they are used."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from ponder.server.openai.protocol import ChatMessage, Int, Ints, NamingBody, PromptBody, Texts


class PathBody(PromptBody):
    """A text so far: a prompt as text, messages or token ids, and what has been generated after it."""

    prompt_token_ids: Ints | None = None
    prefix_token_ids: Ints | None = None


class DistributionBody(PathBody):
    """POST /ponder/v1/distribution."""

    top: Int | None = None  # how many of the likeliest tokens are told one by one
    semantics: Texts | None = None  # whose rules are compared; the first is what others are compared with
    sampling: dict[str, Any] | None = None  # parameters by the names of SamplingParams


class ScoreTextsBody(PromptBody):
    """POST /ponder/v1/score."""

    prompt_token_ids: Ints | None = None
    texts: Texts
    ends: bool | None = None  # whether the end token after a text counts; by default in a chat only
    join: str | None = None  # put between prompt and text
    baseline: str | Annotated[list[ChatMessage], Field(fail_fast=True)] | None = None


class ExpandBody(PathBody):
    """POST /ponder/v1/expand."""

    min_probability: float | None = None
    depth: Int | None = None
    max_nodes: Int | None = None


class SolveBody(NamingBody):
    """POST /ponder/v1/solve: one problem, and how a budget is spent on it."""

    problem: str
    answer: str | None = None  # the right one, for rewards that compare with it
    system: str | None = None
    chat: bool | None = None  # false: the problem is raw text; by default a message where there is a template
    chat_template_kwargs: dict[str, Any] | None = None
    strategy: str | None = None
    settings: dict[str, Any] | None = None  # the strategy's, by their names in /ponder/v1/info
    reward: str | None = None
    budget: dict[str, Any] | None = None  # by the names of scaling.Budget
    sampling: dict[str, Any] | None = None
    constraint: dict[str, Any] | None = None
