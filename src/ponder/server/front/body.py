"""A request's body as bytes: how many, and how long they may take."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect, Request

from ponder.server.front.errors import ApiError, ClientGone
from ponder.server.front.settings import BODY_SECONDS


async def read_bytes(request: Request, max_bytes: int) -> bytes:
    """Read a request's body.

    Raises
    ------
    ApiError : it is too large (413) or too slow (408).
    ClientGone : the client went away before all of it was there.
    """
    too_large = ApiError(413, f"the body may have at most {max_bytes} bytes", code="body_too_large")
    # Not a number, or longer than one has digits for: the HTTP parser has refused it.
    if int(request.headers.get("content-length", "0")) > max_bytes:
        raise too_large
    raw = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                raw += chunk
                if len(raw) > max_bytes:
                    raise too_large
    except TimeoutError:
        message = f"the body took more than {BODY_SECONDS:g} s to arrive"
        raise ApiError(408, message, "timeout_error", code="body_too_slow") from None
    except ClientDisconnect:
        raise ClientGone from None
    return bytes(raw)
