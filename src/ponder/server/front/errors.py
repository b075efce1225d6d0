"""Every error as OpenAI's clients expect it: {"error": {"message", "type", "param", "code"}}."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from ponder.errors import (
    CapacityError,
    CheckpointError,
    ClosedError,
    ContextError,
    DeadlineError,
    ParameterError,
    PonderError,
    QueueFullError,
    RoomError,
)
from ponder.server.front.settings import RETRY_SECONDS

RETRY = {"Retry-After": str(RETRY_SECONDS)}


class ClientGone(Exception):
    """The client went away, or reads nothing any more: there is nobody to answer."""


class ApiError(Exception):
    """An error with its HTTP status."""

    def __init__(
        self,
        status: int,
        message: str,
        kind: str = "invalid_request_error",
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.param = param
        self.code = code
        self.headers = dict(headers or {})

    def as_json(self) -> dict[str, Any]:
        """Return the body."""
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}

    def response(self) -> JSONResponse:
        """Return the error as a response."""
        return JSONResponse(self.as_json(), self.status, self.headers)


def unavailable(code: str, message: str) -> ApiError:
    """Return the error of a server that cannot answer now: loading, draining, overloaded, closed."""
    return ApiError(503, message, "service_unavailable_error", code=code, headers=RETRY)


def as_api_error(error: Exception) -> ApiError:
    """Say what an exception is to a client; one that no user can cause tells nothing but that it happened."""
    match error:
        case ApiError():
            return error
        case RoomError():
            return ApiError(400, str(error), param=error.field, code="context_length_exceeded")
        case ParameterError():
            return ApiError(400, str(error), param=error.field.split("[")[0], code="invalid_value")
        case QueueFullError():
            return ApiError(429, str(error), "rate_limit_error", code="queue_full", headers=RETRY)
        case DeadlineError():
            return ApiError(504, str(error), "timeout_error", code="deadline_exceeded")
        case ClosedError():
            return unavailable("closed", str(error))
        case ContextError():
            return ApiError(400, str(error), param=error.field, code="context_length_exceeded")
        case CapacityError():
            return ApiError(400, str(error), code="cache_exceeded")
        case CheckpointError():
            return ApiError(500, str(error), "server_error", code="damaged_model")
        case PonderError():
            return ApiError(400, str(error))
        case HTTPException():
            return ApiError(error.status_code, str(error.detail), headers=error.headers)
        case _:
            return ApiError(500, "the server failed; its log says how", "server_error", code="internal_error")
