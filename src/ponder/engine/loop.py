"""One thread that steps an engine for everyone, with a synchronous and an asyncio front."""

from __future__ import annotations

import asyncio
import atexit
import queue
import threading
import time
import weakref
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from ponder.asks.events import BackEvent, ProgressEvent, TokenEvent, TreeEvent
from ponder.asks.grow import Grow
from ponder.asks.read import Read
from ponder.engine.engine import Engine
from ponder.engine.events import Event, FailedEvent, FinishedEvent, ReadEvent
from ponder.engine.job import Job
from ponder.engine.stats import EngineStats
from ponder.errors import ClosedError

T = TypeVar("T")
AnswerEvent = ProgressEvent | TokenEvent | BackEvent | TreeEvent | FinishedEvent | ReadEvent

LINGER_S = 10.0  # how long the thread waits for more to do before it ends; the next request starts another


@dataclass(frozen=True, slots=True)
class Sink:
    """Who reads a request's events: `put` takes a step's, and is called by a function that `post` is given.

    Sinks of equal `post` are served by one call: an event loop is woken once a step, however many of its
    tasks read.
    """

    post: Callable[..., object]
    put: Callable[[list[Event]], None]


Letters = list[tuple[Sink, list[Event]]]


class EngineLoop:
    """Steps an engine while there is something to do. All methods may be called from any thread.

    What others ask is done between two steps, so that a cancelled request's pages are free one step later.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._wake = threading.Condition()
        self._commands: list[Callable[[], None]] = []
        self._submitted = 0  # requests among the commands
        self._sinks: dict[int, Sink] = {}
        self._thread: threading.Thread | None = None
        self._closed = False
        atexit.register(_close_if_alive, weakref.ref(self))  # a thread inside torch must not outlive Python

    def run(self, request: Job | Grow | Read) -> Generator[AnswerEvent]:
        """Submit a request and yield its events, the last a `FinishedEvent` or `ReadEvent`. Closing cancels.

        Raises
        ------
        QueueFullError : as many requests wait as may.
        ClosedError : the loop was closed.
        PonderError : what `Engine.prepare` raises, and what ends the request.
        """
        arrived: queue.SimpleQueue[list[Event]] = queue.SimpleQueue()
        ticket = self._submit(self._job(request), Sink(_at_once, arrived.put))
        try:
            while True:
                for event in arrived.get():
                    yield _raise_failure(event)
                    if isinstance(event, FinishedEvent | ReadEvent):
                        return
        finally:
            self._cancel(ticket)

    async def stream(self, request: Job | Grow | Read) -> AsyncGenerator[AnswerEvent]:
        """Like `run`, for an event loop."""
        arrived: asyncio.Queue[list[Event]] = asyncio.Queue()
        sink = Sink(asyncio.get_running_loop().call_soon_threadsafe, arrived.put_nowait)
        job = request if isinstance(request, Job) else await asyncio.to_thread(self._job, request)
        ticket = self._submit(job, sink)
        try:
            while True:
                for event in await arrived.get():
                    yield _raise_failure(event)
                    if isinstance(event, FinishedEvent | ReadEvent):
                        return
        finally:
            self._cancel(ticket)

    def last(self, request: Job | Grow | Read, take: Callable[[AnswerEvent], T]) -> T:
        """Submit a request and return what `take` makes of its last event. Raises what `run` does.

        `take` is given every event, on the engine's thread, and must be quick and not raise: nobody is woken
        before the end.
        """
        done, ticket = self._submit_until_last(self._job(request), take)
        try:
            return done.result()
        finally:
            self._cancel(ticket)

    async def last_async(self, request: Job | Grow | Read, take: Callable[[AnswerEvent], T]) -> T:
        """Like `last`, for an event loop."""
        job = request if isinstance(request, Job) else await asyncio.to_thread(self._job, request)
        done, ticket = self._submit_until_last(job, take)
        try:
            return await asyncio.wrap_future(done)
        finally:
            self._cancel(ticket)

    def _job(self, request: Job | Grow | Read) -> Job:
        return request if isinstance(request, Job) else self.engine.prepare(request)

    def _submit_until_last(self, job: Job, take: Callable[[AnswerEvent], T]) -> tuple[Future[T], Future[int]]:
        done: Future[T] = Future()
        done.set_running_or_notify_cancel()  # from now on it is for the engine's thread to end it

        def put(events: list[Event]) -> None:
            for event in events:
                if isinstance(event, FailedEvent):
                    done.set_exception(event.error)
                    return
                taken = take(event)
                if isinstance(event, FinishedEvent | ReadEvent):
                    done.set_result(taken)

        return done, self._submit(job, Sink(_at_once, put))

    async def probe(self, timeout_s: float) -> float:
        """Return the seconds until the thread, between two steps, answers. Raises TimeoutError."""
        start = time.perf_counter()
        await asyncio.wait_for(asyncio.wrap_future(self.call(lambda: None)), timeout_s)
        return time.perf_counter() - start

    def stats(self) -> EngineStats:
        """Return what the engine has done and holds."""
        return self.engine.stats()

    def close(self) -> None:
        """End all requests with ClosedError and the thread with them. Nothing can be asked afterwards."""
        with self._wake:
            self._closed = True
            thread = self._thread
            self._wake.notify()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def call(self, function: Callable[[], T]) -> Future[T]:
        """Run a function on the engine's thread, between two steps."""
        future: Future[T] = Future()

        def command() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(function())
            except Exception as error:
                future.set_exception(error)

        with self._wake:
            self._post(command)
        return future

    def _submit(self, job: Job, sink: Sink) -> Future[int]:
        """Queue a job; the future is its id. What happens to it goes to the sink, a list for each step."""
        ticket: Future[int] = Future()

        def command() -> None:
            with self._wake:
                self._submitted -= 1
            if not ticket.set_running_or_notify_cancel():
                return
            try:
                request_id = self.engine.submit(job)
            except Exception as error:
                ticket.set_exception(error)
                _give(sink.post, [(sink, [FailedEvent(0, error)])])
                return
            self._sinks[request_id] = sink
            ticket.set_result(request_id)

        with self._wake:
            self.engine.refuse_if_full(self._submitted)
            self._post(command)
            self._submitted += 1
        return ticket

    def _cancel(self, ticket: Future[int]) -> None:
        """Cancel a request, unless it has ended."""

        def command() -> None:
            if not ticket.cancelled() and ticket.exception() is None:
                self._sinks.pop(ticket.result(), None)
                self.engine.cancel(ticket.result())

        with self._wake:
            if not self._closed and not ticket.cancel():
                self._post(command)

    def _post(self, command: Callable[[], None]) -> None:
        """Add a command and see that a thread will do it. The caller holds `_wake`."""
        if self._closed:
            raise ClosedError("the model is closed")
        self._commands.append(command)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="ponder-engine", daemon=True)
            self._thread.start()
        self._wake.notify()

    def _work(self) -> None:
        try:
            while self._do_commands():
                try:
                    if self.engine.busy:
                        self._deliver(self.engine.step())
                except Exception as error:  # a bug: whoever waits must learn of it, and the loop go on
                    self._deliver(self.engine.fail_all(error))
        except BaseException as error:
            self._die(error)
            raise

    def _die(self, error: BaseException) -> None:
        """End for good, so that nobody waits for a thread that is gone."""
        with self._wake:
            self._closed, self._thread = True, None
            commands, self._commands = self._commands, []
        for command in commands:
            with suppress(Exception):
                command()
        for sink in self._sinks.values():
            _give(sink.post, [(sink, [FailedEvent(0, ClosedError(f"the engine ended: {error!r}"))])])

    def _do_commands(self) -> bool:
        """Do what was asked, waiting for it if there is nothing else to do; return whether to go on."""
        with self._wake:
            if not self._commands and not self.engine.busy and not self._closed:
                self._wake.wait(LINGER_S)
            commands, self._commands = self._commands, []
            closed = self._closed  # all that was ever asked is among the commands: more is refused
            idle = not (commands or self.engine.busy or closed)
            if idle or closed:
                self._thread = None
        if idle:
            return False
        for command in commands:
            command()
        if closed:
            self._deliver(self.engine.fail_all(ClosedError("the model was closed while the request ran")))
        return not closed

    def _deliver(self, events: list[Event]) -> None:
        """Hand each request its events; those whose reader is gone are cancelled."""
        by_request: dict[int, list[Event]] = {}
        for event in events:
            by_request.setdefault(event.request_id, []).append(event)
        by_post: dict[Callable[..., object], Letters] = {}
        for request_id, own in by_request.items():
            sink = self._sinks.get(request_id)
            if sink is not None:
                by_post.setdefault(sink.post, []).append((sink, own))
            if isinstance(own[-1], FinishedEvent | ReadEvent | FailedEvent):
                self._sinks.pop(request_id, None)
        for post, letters in by_post.items():
            if not _give(post, letters):
                for _, own in letters:
                    self._sinks.pop(own[0].request_id, None)
                    self.engine.cancel(own[0].request_id)


def _at_once(function: Callable[[Letters], None], letters: Letters) -> None:
    """The `post` of readers in threads: a queue of theirs may be filled from anywhere."""
    function(letters)


def _give(post: Callable[..., object], letters: Letters) -> bool:
    """Return whether there was somebody to take the events: the readers' event loop may be closed."""
    try:
        post(_put_all, letters)
    except RuntimeError:
        return False
    return True


def _put_all(letters: Letters) -> None:
    for sink, events in letters:
        sink.put(events)


def _raise_failure(event: Event) -> AnswerEvent:
    if isinstance(event, FailedEvent):
        raise event.error
    return event


def _close_if_alive(reference: weakref.ref[EngineLoop]) -> None:
    loop = reference()
    if loop is not None:
        loop.close()
