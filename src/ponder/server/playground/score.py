"""POST /ponder/v1/score: how the model's probability divides over whole texts, as `ponder choose` says it."""

from __future__ import annotations

from typing import Any

from ponder.errors import ParameterError, renaming
from ponder.lm import LM
from ponder.server.front.settings import ServerSettings
from ponder.server.openai.prompts import encode_prompt
from ponder.server.openai.protocol import ChatMessage
from ponder.server.playground.asked import check_one_prompt, checked_text, read_messages
from ponder.server.playground.protocol import ScoreTextsBody
from ponder.server.served import Served
from ponder.text import Prompt, TokenIds

_NAMES = {"choices": "texts", "text": "texts"}


async def score_texts(
    body: ScoreTextsBody, lm: LM, model: Served, settings: ServerSettings
) -> dict[str, Any]:
    """Return the texts' log-probabilities, shares and tokens, and the probability of them all.

    Raises
    ------
    PonderError : there is no text or prompt, too many, or one is malformed or too long.
    """
    name = check_one_prompt(body)
    if not 1 <= len(body.texts) <= settings.max_texts:
        raise ParameterError("texts", f"{len(body.texts)} texts", f"1 to {settings.max_texts}")
    for text in body.texts:
        checked_text("texts", text, model)
    with renaming({**_NAMES, "prompt": name}):
        (choice,) = await lm.achoose_many(
            (_prompt(body, model),),
            body.texts,
            chat=None if body.prompt is None else False,
            ends=body.ends,
            join=body.join,
            baseline=_baseline(body, model),
        )
    return {"model": model.name, **choice.as_json()}


def _prompt(body: ScoreTextsBody, model: Served) -> Prompt:
    if body.messages is not None:
        return read_messages(body.messages, body, model)
    if body.prompt_token_ids is not None:
        return TokenIds(model.encode(TokenIds(tuple(body.prompt_token_ids))).token_ids)
    return checked_text("prompt", body.prompt or "", model)


def _baseline(body: ScoreTextsBody, model: Served) -> Prompt | None:
    """Return the baseline in the way that the prompt is given: a text is a user's message in a chat."""
    baseline = body.baseline
    if baseline is None:
        return None
    if not baseline:
        raise ParameterError("baseline", baseline, "text that is not empty, or at least one message")
    if body.messages is None:
        if not isinstance(baseline, str):
            raise ParameterError("baseline", "messages", "a text, where there are no messages")
        checked_text("baseline", baseline, model)
        if body.prompt_token_ids is not None:
            return TokenIds(encode_prompt(baseline, model, None).token_ids)
        return baseline
    if isinstance(baseline, str):
        baseline = [ChatMessage(role="user", content=checked_text("baseline", baseline, model))]
    return read_messages(baseline, body, model, "baseline")
