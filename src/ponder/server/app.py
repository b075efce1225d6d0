"""The endpoints of a model that is loaded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ponder import __version__
from ponder.errors import PonderError, renaming
from ponder.lm import LM
from ponder.server.document import document
from ponder.server.front.errors import ApiError, as_api_error, unavailable
from ponder.server.front.metrics import Metrics
from ponder.server.front.settings import ServerSettings
from ponder.server.front.stream import EventStream, sending, unless_gone
from ponder.server.openai.body import read_body
from ponder.server.openai.chat import ChatFace
from ponder.server.openai.completions import CompletionFace
from ponder.server.openai.embeddings import embeddings, score
from ponder.server.openai.plan import Plan
from ponder.server.openai.protocol import (
    ChatBody,
    CompletionBody,
    DetokenizeBody,
    EmbeddingBody,
    NamingBody,
    ResponsesBody,
    ScoreBody,
    TokenizeBody,
)
from ponder.server.openai.refused import shortened
from ponder.server.openai.respond import Run
from ponder.server.openai.responses.endpoints import Responses
from ponder.server.openai.tokens import detokenize, tokenize, tokenizer_info
from ponder.server.openai.translate import names_of, plan_of
from ponder.server.openai.writer import Face, Writer
from ponder.server.playground.distribution import distribution
from ponder.server.playground.expand import expand, read_expansion
from ponder.server.playground.info import info
from ponder.server.playground.protocol import DistributionBody, ExpandBody, ScoreTextsBody, SolveBody
from ponder.server.playground.rewards import Rewards
from ponder.server.playground.score import score_texts
from ponder.server.playground.solve import read_solving, solve
from ponder.server.served import Served
from ponder.text import Tokenizer

N = TypeVar("N", bound=NamingBody)


def create_app(model: Served, settings: ServerSettings, metrics: Metrics) -> FastAPI:
    """Return the application that serves `model`; `guard.Guard` stands before it."""
    app = FastAPI(
        title="ponder",
        version=__version__,
        openapi_url=None,  # `document.py` writes it, and no page that would fetch scripts from elsewhere
        redirect_slashes=False,
        exception_handlers=dict.fromkeys((ApiError, HTTPException, PonderError, Exception), _answer_error),
    )
    endpoints = _Endpoints(model, settings, metrics)
    for method, path, endpoint in (
        ("GET", "/health", endpoints.health),
        ("GET", "/version", endpoints.version),
        ("GET", "/metrics", endpoints.metrics),
        ("GET", "/v1/models", endpoints.models),
        ("GET", "/v1/models/{name:path}", endpoints.model),
        ("POST", "/v1/completions", endpoints.completions),
        ("POST", "/v1/chat/completions", endpoints.chat),
        ("POST", "/v1/responses", endpoints.respond),
        ("GET", "/v1/responses/{id_}", endpoints.responses.retrieve),
        ("DELETE", "/v1/responses/{id_}", endpoints.responses.delete),
        ("GET", "/v1/responses/{id_}/input_items", endpoints.responses.input_items),
        ("POST", "/tokenize", endpoints.tokenize),
        ("POST", "/detokenize", endpoints.detokenize),
        ("GET", "/tokenizer_info", endpoints.tokenizer_info),
        ("POST", "/v1/embeddings", endpoints.embeddings),
        ("POST", "/v1/score", endpoints.score),
        ("GET", "/openapi.json", endpoints.document),
        ("GET", "/ponder/v1/info", endpoints.info),
        ("POST", "/ponder/v1/distribution", endpoints.distribution),
        ("POST", "/ponder/v1/score", endpoints.score_texts),
        ("POST", "/ponder/v1/expand", endpoints.expand),
        ("POST", "/ponder/v1/solve", endpoints.solve),
    ):
        app.add_api_route(path, endpoint, methods=[method], response_model=None)
    metrics.watch(model.name, model.stats)
    return app


async def _answer_error(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code in (404, 405):
        error = _no_endpoint(request, error)
    return as_api_error(error).response()


def _no_endpoint(request: Request, error: HTTPException) -> ApiError:
    """Say which path or method there is not, with OpenAI's code for it."""
    asked = shortened(f"{request.method} {request.url.path}")
    allowed = (error.headers or {}).get("Allow")
    known = f"the method may be {allowed}" if allowed else "GET /openapi.json tells which there are"
    message = f"there is no {asked} here: {known}"
    return ApiError(error.status_code, message, code="unknown_url", headers=error.headers)


class _Endpoints:
    def __init__(self, model: Served, settings: ServerSettings, metrics: Metrics) -> None:
        self._model = model
        self._settings = settings
        self._metrics = metrics
        self.responses = Responses(model, settings, metrics)
        self._created = int(time.time())
        self._info: dict[str, Any] | None = None
        self._lm = LM(model)
        self._rewards = Rewards(model)
        self._names = tuple(dict.fromkeys(settings.served_model_name)) or (model.name,)

    async def health(self) -> Response:
        """Say whether the decode loop answers: a server whose loop is stuck still answers HTTP."""
        try:
            seconds = await self._model.probe(self._settings.health_timeout_s)
        except TimeoutError:
            raise unavailable("stuck", "the decode loop does not answer") from None
        return JSONResponse(
            {"status": "ok", "model": self._model.name, "decode_loop_ms": round(seconds * 1000, 3)}
        )

    async def version(self) -> Response:
        return JSONResponse({"version": __version__})

    async def metrics(self) -> Response:
        return Response(self._metrics.exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def models(self) -> Response:
        return JSONResponse({"object": "list", "data": [self._card(name) for name in self._names]})

    async def model(self, name: str) -> Response:
        self._check_model(name)
        return JSONResponse(self._card(name))

    def _card(self, name: str) -> dict[str, Any]:
        return {
            "id": name,
            "object": "model",
            "created": self._created,
            "owned_by": "ponder",
            "root": self._model.name,
            "parent": None,
            "max_model_len": self._model.offers.context,
        }

    async def completions(self, request: Request) -> Response:
        return await self._generate(await self._read(request, CompletionBody), CompletionFace, request)

    async def chat(self, request: Request) -> Response:
        return await self._generate(await self._read(request, ChatBody), ChatFace, request)

    async def _generate(
        self,
        body: CompletionBody | ChatBody,
        face: Callable[[Plan, Tokenizer], Face],
        request: Request,
    ) -> Response:
        names = names_of(body)
        with renaming(names):
            plan = await asyncio.to_thread(plan_of, body, self._model, self._settings)
        record = request.scope["ponder.record"]
        called = body.model or self._names[0]
        tokenizer = self._model.tokenizer
        writer = Writer(plan, face(plan, tokenizer), called, tokenizer)
        run = Run(plan, writer, names, self._model, self._metrics, record)
        return await run.respond(request)

    async def respond(self, request: Request) -> Response:
        body = await self._read(request, ResponsesBody)
        return await self.responses.create(body, body.model or self._names[0], request)

    async def embeddings(self, request: Request) -> Response:
        body = await self._read(request, EmbeddingBody)
        work = embeddings(body, self._model, self._settings, body.model or self._names[0])
        return JSONResponse(await unless_gone(request.receive, work))

    async def score(self, request: Request) -> Response:
        body = await self._read(request, ScoreBody)
        work = score(body, self._model, self._settings, body.model or self._names[0])
        return JSONResponse(await unless_gone(request.receive, work))

    async def document(self) -> Response:
        return JSONResponse(document())

    async def tokenize(self, request: Request) -> Response:
        body = await self._read(request, TokenizeBody)
        return JSONResponse(await asyncio.to_thread(tokenize, body, self._model))

    async def detokenize(self, request: Request) -> Response:
        body = await self._read(request, DetokenizeBody)
        return JSONResponse(await asyncio.to_thread(detokenize, body, self._model.tokenizer))

    async def tokenizer_info(self) -> Response:
        return JSONResponse(tokenizer_info(self._model.tokenizer))

    async def info(self) -> Response:
        if self._info is None:
            self._info = await asyncio.to_thread(info, self._model, self._rewards, self._settings)
        return JSONResponse(self._info)

    async def distribution(self, request: Request) -> Response:
        body = await self._read(request, DistributionBody)
        return JSONResponse(await unless_gone(request.receive, distribution(body, self._model)))

    async def score_texts(self, request: Request) -> Response:
        body = await self._read(request, ScoreTextsBody)
        work = score_texts(body, self._lm, self._model, self._settings)
        return JSONResponse(await unless_gone(request.receive, work))

    async def expand(self, request: Request) -> Response:
        body = await self._read(request, ExpandBody)
        asked = await asyncio.to_thread(read_expansion, body, self._model, self._settings)
        return EventStream(sending(expand(asked, self._model)))

    async def solve(self, request: Request) -> Response:
        body = await self._read(request, SolveBody)
        asked = await asyncio.to_thread(
            read_solving, body, self._lm, self._model, self._rewards, self._settings
        )
        return EventStream(sending(solve(asked, self._model, self._rewards.judges)))

    async def _read(self, request: Request, kind: type[N]) -> N:
        body = await read_body(request, kind, self._settings.max_body_bytes)
        if body.model is not None:
            self._check_model(body.model)
        return body

    def _check_model(self, name: str) -> None:
        if name not in self._names:
            shown = repr(name if len(name) <= 80 else name[:77] + "...")
            message = f"there is no model {shown} here: it is {' or '.join(self._names)}"
            raise ApiError(404, message, param="model", code="model_not_found")
