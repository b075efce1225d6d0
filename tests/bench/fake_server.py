"""A tiny HTTP server that streams completions with known delays, in a thread of its own."""

import asyncio
import json
import threading
import time
from dataclasses import dataclass, field


@dataclass
class Behaviour:
    """What the server does. Delays in seconds."""

    first_s: float = 0.02
    gap_s: float = 0.01
    tokens: int = 4
    at_a_time: int = 1000
    refuse: int = 0
    retry_after: str = "1"
    status: int = 200
    break_after: int | None = None
    usage: bool = True
    cached: int | None = 3
    has_tokenize: bool = True
    role_chunk: bool = True


@dataclass
class Seen:
    """A request as the server saw it; times by `time.perf_counter`."""

    path: str
    headers: dict[str, str]
    body: dict
    arrived_s: float
    sent_s: list[float] = field(default_factory=list)
    gone: bool = False


class FakeServer:
    """Serves until the end of a `with` block; `seen` are the requests for completions."""

    def __init__(self, **behaviour):
        self.behaviour = Behaviour(**behaviour)
        self.seen: list[Seen] = []
        self.most_under_way = 0
        self._under_way = 0
        self._hits = 0

    def __enter__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._slots = asyncio.Semaphore(self.behaviour.at_a_time)
        start = asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512)
        self._server = asyncio.run_coroutine_threadsafe(start, self._loop).result(10)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_):
        async def end():
            self._server.close()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _serve(self, reader, writer):
        try:
            while line := await reader.readline():
                arrived = time.perf_counter()
                path, headers = line.split()[1].decode(), {}
                while (header := await reader.readline()).strip():
                    name, _, value = header.decode().partition(":")
                    headers[name.lower()] = value.strip()
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                if path.startswith("/v1/") and body:
                    await self._generate(writer, Seen(path, headers, json.loads(body), arrived))
                else:
                    self._answer(writer, *self._other(path, body))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _other(self, path, body):
        if path == "/health":
            return 200, {}
        if path == "/version":
            return 200, {"version": "1.2.3"}
        if path == "/v1/models":
            return 200, {"data": [{"id": "fake-model"}]}
        if path == "/metrics":
            return 200, f'# HELP x\nfake_prefix_cache_hits_total{{model="m"}} {self._hits}\nother_total 5\n'
        if path == "/tokenize" and self.behaviour.has_tokenize:
            words = json.loads(body)["prompt"].split()
            return 200, {"tokens": [1000 + sum(map(ord, word)) % 500 for word in words]}
        return 404, {"error": {"message": "no such route"}}

    def _answer(self, writer, status, body, extra=""):
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        head = f"HTTP/1.1 {status} Said\r\ncontent-length: {len(data)}\r\n{extra}\r\n"
        writer.write(head.encode() + data)

    async def _generate(self, writer, seen):
        behaviour = self.behaviour
        self.seen.append(seen)
        if len(self.seen) <= behaviour.refuse:
            retry = f"retry-after: {behaviour.retry_after}\r\n"
            self._answer(writer, 429, {"error": {"message": "the queue is full"}}, retry)
            return
        if behaviour.status != 200:
            self._answer(writer, behaviour.status, {"error": {"message": "out of\norder"}})
            return
        self._under_way += 1
        self.most_under_way = max(self.most_under_way, self._under_way)
        try:
            async with self._slots:
                await self._stream(writer, seen)
        except ConnectionError:
            seen.gone = True
            raise
        finally:
            self._under_way -= 1

    async def _stream(self, writer, seen):
        behaviour, chat = self.behaviour, "chat" in seen.path
        head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
        writer.write(f"{head}transfer-encoding: chunked\r\n\r\n".encode())

        async def send(data):
            payload = f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n".encode()
            for part in (payload[:7], payload[7:]):  # events come in pieces
                writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            await writer.drain()

        n = seen.body.get("n", 1)
        if chat and behaviour.role_chunk:
            for i in range(n):
                await send({"choices": [{"index": i, "delta": {"role": "assistant", "content": ""}}]})
        await asyncio.sleep(behaviour.first_s)
        for token in range(behaviour.tokens):
            if token:
                await asyncio.sleep(behaviour.gap_s)
            if token == behaviour.break_after:
                writer.close()
                return
            seen.sent_s.append(time.perf_counter())
            for i in range(n):
                part = {"delta": {"content": "a"}} if chat else {"text": "a"}
                await send({"choices": [{"index": i, **part, "finish_reason": None}]})
        for i in range(n):
            part = {"delta": {}} if chat else {"text": ""}
            await send({"choices": [{"index": i, **part, "finish_reason": "length"}]})
        if behaviour.usage:
            prompt = seen.body.get("prompt", "a b c")
            count = len(prompt.split() if isinstance(prompt, str) else prompt)
            details = {"cached_tokens": behaviour.cached} if behaviour.cached is not None else None
            self._hits += behaviour.cached or 0
            usage = {"prompt_tokens": count, "completion_tokens": behaviour.tokens * n}
            await send({"choices": [], "usage": {**usage, "prompt_tokens_details": details}})
        await send("[DONE]")
        writer.write(b"0\r\n\r\n")
