"""The socket, and uvicorn over it with stricter manners: who is slow, greedy or silent is given up."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from types import FrameType
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from ponder.server.front.errors import ApiError
from ponder.server.front.guard import Guard
from ponder.server.front.settings import (
    HEADER_SECONDS,
    MAX_HEADER_BYTES,
    MAX_PIPELINED_BYTES,
    WRITE_SECONDS,
)

KEEP_ALIVE_SECONDS = 30
SHUTDOWN_SECONDS = 5  # for connections to close once everything is answered
BACKLOG = 2048  # connections that wait to be taken
TAKEN_AT_ONCE = 32
SPARE_FILES = 64 + 4 * TAKEN_AT_ONCE  # others, and connections taken before the first of them is given up


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens there.

    Raises
    ------
    OSError : the address cannot be listened on.
    """
    try:
        kind, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=kind, backlog=BACKLOG)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), f"{host}:{port}") from None
    listener.setblocking(False)
    # Its connections inherit this, and asyncio sets it on none of them: writes waited 40 ms for each other.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def url_of(listener: socket.socket) -> str:
    """Return where a socket listens."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class HttpServer(uvicorn.Server):
    """uvicorn's server, which ends when what stands behind the guard has nothing left to do."""

    def __init__(self, guard: Guard) -> None:
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL)  # the guard says what there is to say
        config = uvicorn.Config(
            guard,
            loop="asyncio",
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            h11_max_incomplete_event_size=MAX_HEADER_BYTES,
            backlog=TAKEN_AT_ONCE,
        )
        super().__init__(config)
        guard.connections = lambda: len(self.server_state.connections)
        self._guard = guard

    def stop(self) -> None:
        """Take no new requests and end when those that run are answered; called again, end at once."""
        if self._guard.draining:
            self.should_exit = self.force_exit = True
        self._guard.draining = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.stop()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or ():
            # Again, because asyncio has one number for how many wait and how many it takes at once.
            listener.listen(BACKLOG)

    async def on_tick(self, counter: int) -> bool:
        if self._guard.draining and not self._guard.active:
            self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.force_exit:
            for task in self.server_state.tasks:
                task.cancel()
            for connection in list(self.server_state.connections):
                connection.transport.abort()
        await super().shutdown(sockets)


class _Protocol(H11Protocol):
    """uvicorn's HTTP protocol, with errors in this server's shape and without its trust in clients.

    Headers that take too long and readers that stop are given up; so is who sends much before its turn, and,
    where the system allows no more connections, who has been silent longest. A client that leaves is noticed
    though it has sent more than one request.
    """

    _header_timer: asyncio.TimerHandle | None = None
    _reader_timer: asyncio.TimerHandle | None = None
    _unread = 0
    _heard = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self._heard = self.loop.time()
        if len(self.connections) > _most_connections():
            self._make_room()
        self._time_headers()
        self._reader_timer = self.loop.call_later(WRITE_SECONDS, self._check_reader)

    def data_received(self, data: bytes) -> None:
        self._heard = self.loop.time()
        super().data_received(data)
        self._time_headers()
        if self.conn.their_state is h11.DONE and self.flow.read_paused:
            self._keep_listening()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        if self._reader_timer is not None:
            self._reader_timer.cancel()
        super().connection_lost(exc)

    def _time_headers(self) -> None:
        """Keep one timer running for as long as a request's headers are incomplete."""
        if self.conn.their_state is not h11.IDLE:
            self._stop_timer()
        elif self._header_timer is None:
            self._header_timer = self.loop.call_later(HEADER_SECONDS, self._give_up)

    def _stop_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _give_up(self) -> None:
        if self.conn.their_state is h11.IDLE:
            self.transport.abort()

    def _make_room(self) -> None:
        """Give up, of the connections without a whole request, the one last heard of longest ago."""
        here = [other for other in self.connections if not other.transport.is_closing()]
        silent = [
            other
            for other in here
            if isinstance(other, _Protocol) and other.conn.their_state in (h11.IDLE, h11.SEND_BODY)
        ]
        if silent and len(here) > _most_connections():
            min(silent, key=lambda other: other._heard).transport.abort()

    def _keep_listening(self) -> None:
        """Read on behind a request that is being answered: who does not read does not see a client leave."""
        if len(self.conn.trailing_data[0]) > MAX_PIPELINED_BYTES:
            self.transport.abort()
        else:
            self.flow.resume_reading()

    def _check_reader(self) -> None:
        """Give up a connection that has taken nothing of a finished answer since the last time."""
        unread = self.transport.get_write_buffer_size()
        finished = self.cycle is None or self.cycle.response_complete or self.transport.is_closing()
        if finished and 0 < unread == self._unread:
            self.transport.abort()
            return
        self._unread = unread
        self._reader_timer = self.loop.call_later(WRITE_SECONDS, self._check_reader)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, or has too long headers, and close."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()
            return
        message = f"no valid HTTP request, or headers of more than {MAX_HEADER_BYTES} bytes"
        response = ApiError(400, message, code="invalid_http").response()
        headers = [*response.raw_headers, (b"connection", b"close")]
        events: list[Any] = [
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=bytes(response.body)),
            h11.EndOfMessage(),
        ]
        for event in events:
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def _most_connections() -> int:
    """Return how many connections the system's limit on open files leaves room for.

    Beyond it asyncio neither takes nor refuses a connection, and writes a traceback for each attempt.
    """
    if sys.platform == "win32":
        return sys.maxsize
    import resource

    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if files == resource.RLIM_INFINITY:
        return sys.maxsize
    return max(files - SPARE_FILES, 1)
