"""/v1/responses: make a response, and look up or delete those that are stored."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ponder.errors import ParameterError, renaming
from ponder.sampling import SamplingParams
from ponder.server.front.metrics import Metrics
from ponder.server.front.settings import ServerSettings
from ponder.server.openai.body import warning_of
from ponder.server.openai.chat import ChatFace
from ponder.server.openai.plan import Plan
from ponder.server.openai.protocol import ResponsesBody
from ponder.server.openai.refused import check_members
from ponder.server.openai.respond import Run
from ponder.server.openai.responses.chat import chat_of, names_of_chat, tools_told
from ponder.server.openai.responses.items import new_id, read_items, unknown_members
from ponder.server.openai.responses.store import Shelf, Shelves, Stored
from ponder.server.openai.responses.writer import ResponseWriter
from ponder.server.openai.translate import plan_of
from ponder.server.openai.writer import Writer
from ponder.server.served import Served

MAX_LISTED = 100


class Responses:
    """The endpoints of the Responses API, and the responses that they remember."""

    def __init__(self, model: Served, settings: ServerSettings, metrics: Metrics) -> None:
        self._model = model
        self._settings = settings
        self._metrics = metrics
        self._shelves = Shelves(settings.max_stored, settings.max_stored_bytes)

    async def create(self, body: ResponsesBody, called: str, request: Request) -> Response:
        """Answer a request that calls the model `called`."""
        record, shelf = request.scope["ponder.record"], self._shelf(request)
        previous = body.previous_response_id
        before = () if previous is None else tuple(shelf.get(previous, "previous_response_id").items)
        items = (*before, *read_items(body.input, before, shelf.items))
        record.warning = warning_of(unknown_members(body.input))
        chat = chat_of(body, items)
        names = names_of_chat(body, chat)
        with renaming(names):
            plan = await asyncio.to_thread(plan_of, chat, self._model, self._settings)
            params = await asyncio.to_thread(_resolved, plan, self._model)
        response = _begun(body, called, params)

        def keep(whole: dict[str, Any]) -> None:
            if whole["store"]:
                shelf.keep(Stored(whole, items))

        tokenizer = self._model.tokenizer
        writer = Writer(plan, ChatFace(plan, tokenizer), called, tokenizer)
        run = Run(plan, ResponseWriter(writer, response, keep), names, self._model, self._metrics, record)
        return await run.respond(request)

    async def retrieve(self, request: Request, id_: str) -> Response:
        """Return a stored response."""
        check_members(dict(request.query_params), (), {"stream": ("false",)})
        return JSONResponse(self._shelf(request).get(id_).response)

    async def delete(self, request: Request, id_: str) -> Response:
        """Forget a stored response."""
        self._shelf(request).delete(id_)
        return JSONResponse({"id": id_, "object": "response", "deleted": True})

    async def input_items(self, request: Request, id_: str) -> Response:
        """List what a stored response answers, the newest first unless `order` says asc."""
        query = dict(request.query_params)
        known = ("after", "limit", "order")
        check_members({name: value for name, value in query.items() if name not in known}, known, {})
        items = list(self._shelf(request).get(id_).input)
        if _order(query) == "desc":
            items.reverse()
        if (after := query.get("after")) is not None:
            ids = [item["id"] for item in items]
            if after not in ids:
                raise ParameterError("after", after, "the id of an item of this response's input")
            items = items[ids.index(after) + 1 :]
        listed = items[: _limit(query)]
        return JSONResponse(
            {
                "object": "list",
                "data": listed,
                "first_id": listed[0]["id"] if listed else None,
                "last_id": listed[-1]["id"] if listed else None,
                "has_more": len(listed) < len(items),
            }
        )

    def _shelf(self, request: Request) -> Shelf:
        return self._shelves.of(request.scope["ponder.record"].key)


def _order(query: Mapping[str, str]) -> str:
    order = query.get("order", "desc")
    if order not in ("asc", "desc"):
        raise ParameterError("order", order, "asc or desc")
    return order


def _limit(query: Mapping[str, str]) -> int:
    limit = query.get("limit", "20")
    if not (limit.isascii() and limit.isdecimal() and len(limit) < 4 and 1 <= int(limit) <= MAX_LISTED):
        raise ParameterError("limit", limit, f"a whole number from 1 to {MAX_LISTED}")
    return int(limit)


def _resolved(plan: Plan, model: Served) -> SamplingParams:
    """Return the parameters that a request will run with; its constraint is compiled later."""
    return model.resolve(replace(plan.requests[0], constraint=None)).params.params


def _begun(body: ResponsesBody, called: str, params: SamplingParams) -> dict[str, Any]:
    """Return a response of which nothing is there yet."""
    extra: Mapping[str, Any] = body.__pydantic_extra__ or {}
    text = body.text
    verbosity = {} if text is None or text.verbosity is None else {"verbosity": text.verbosity}
    return {
        "id": new_id("resp"),
        "object": "response",
        "created_at": int(time.time()),
        "completed_at": None,
        "status": "in_progress",
        "incomplete_details": None,
        "model": called,
        "previous_response_id": body.previous_response_id,
        "instructions": body.instructions,
        "output": [],
        "error": None,
        "tools": tools_told(body),
        "tool_choice": "auto" if body.tool_choice is None else body.tool_choice,
        "truncation": "disabled",
        "parallel_tool_calls": body.parallel_tool_calls is not False,
        "text": {"format": (text and text.format) or {"type": "text"}, **verbosity},
        "top_p": params.top_p,
        "presence_penalty": params.presence_penalty,
        "frequency_penalty": params.frequency_penalty,
        "top_logprobs": body.top_logprobs or 0,
        "temperature": params.temperature,
        "reasoning": extra.get("reasoning"),
        "usage": None,
        "max_output_tokens": params.max_tokens,
        "max_tool_calls": body.max_tool_calls,
        "store": body.store is not False,
        "background": False,
        "service_tier": "default",
        "metadata": body.metadata or {},
        "safety_identifier": body.safety_identifier,
        "prompt_cache_key": body.prompt_cache_key,
    }
