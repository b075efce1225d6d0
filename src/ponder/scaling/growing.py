"""Growing several texts at once within what is left of a budget.

Tokens are shared out before they are spent. As long as all texts together cannot grow by more than is left,
they grow freely. Otherwise all are asked to grow to the same length and to pause; what the ones that ended
did not use is shared out again among the others, and when less than a token each is left the first ones get
one. So the limit is kept to the token whatever the model does at the same time, nothing is generated that is
not counted, and what is generated does not depend on who was quicker. A text that paused goes on as a path,
which changes none of its tokens. A `Limit` says of growths whether they are within the budget; growths that
are smaller for each text cost less.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from operator import add
from typing import Any

from ponder.asks import (
    BackEvent,
    Boundary,
    Completion,
    End,
    Grow,
    LanguageModel,
    Lineage,
    Output,
    Path,
    ProgressEvent,
    Service,
    TokenEvent,
    Tokens,
    Told,
    TreeEvent,
    Until,
    Usage,
)
from ponder.asks.path import branched
from ponder.rewards import State
from ponder.rewards.measure import CONFIDENCE_TOKENS, Measure, measure_of, measures_of
from ponder.sampling import SamplingParams
from ponder.scaling.budget import Stopped

Limit = Callable[[Sequence[int]], Stopped]
"""Which limit is passed if each text grows by so many more tokens; "done": none."""

_MAX_TOKENS = SamplingParams().max_tokens


@dataclass(slots=True)
class Growing:
    """A text that one effect grows: sample `index` of the ask `number`.

    `begun` are the tokens of the ask's path; None while only the model knows them, since some were given as
    text. `finish_reason` is None while it may grow on. `offsets` are as in `Text`, but of what grew.
    `given_up` is how many tokens it had and took back.
    """

    ask: Grow
    number: int
    index: int
    begun: tuple[int, ...] | None
    tokens: list[int] = field(default_factory=list)
    measures: list[Measure] = field(default_factory=list)
    offsets: list[int] | None = field(default_factory=list)
    text: str = ""
    finish_reason: str | None = None
    stopped_by: str | int | None = None
    lineage: Lineage | None = None
    steady: bool = True
    given_up: int = 0
    state: State | None = None
    _mark: tuple[int, int, int] = (0, 0, 0)  # what it had when the present request began
    _saved: tuple[int, int, int] = (0, 0, 0)  # what the journal has
    _ended: bool = False  # whether the journal has its end

    @property
    def untouched(self) -> bool:
        return not self.tokens and self.finish_reason is None

    @property
    def full(self) -> bool:
        """Whether it can grow no more, and has not been told to have ended."""
        return self.finish_reason is None and self.most() == 0

    def path(self) -> Path:
        """Return it as a path to go on from."""
        base = self.ask.path
        if self.begun is None:
            return Path(base.prompt, base.tokens, base.text + self.text, base.lineage)
        lineage = self.lineage or branched(base.lineage, len(self.begun), self.index)
        return Path(base.prompt, (*self.begun, *self.tokens), lineage=lineage)

    def own_limit(self) -> int | None:
        """Return after how many more tokens it pauses by itself, if that is known."""
        until = self.ask.until
        count = until.count if isinstance(until, Tokens) else None
        if isinstance(until, Boundary):
            count = until.tokens
        return None if count is None else count - len(self.tokens)

    def most(self) -> int:
        """Return by how many tokens it can grow at most."""
        begun = len(self.ask.path.tokens if self.begun is None else self.begun)
        length = max(0, _parameter(self.ask, "max_tokens", _MAX_TOKENS) - begun - len(self.tokens))
        own = self.own_limit()
        return length if own is None else min(length, own)

    def until(self, share: int) -> Until:
        """Return when to pause so that it grows by no more than a share."""
        own, until = self.own_limit(), self.ask.until
        if share < self.most():
            own = share
        if isinstance(until, Boundary):
            return replace(until, tokens=own)
        return End() if own is None else Tokens(own)

    def begin(self) -> None:
        """Remember where a request finds it."""
        self._mark = self._sizes()

    def since_mark(self) -> int:
        """Return by how many tokens the present request has grown it."""
        return len(self.tokens) - self._mark[0]

    def take(self, event: TokenEvent) -> None:
        """Add a token."""
        self.steady = self.steady and event.settled is None
        self.text += event.text
        if event.trace is not None:
            self.tokens.append(event.trace.token_id)
            self.measures.append(measure_of(event.trace))
            if self.offsets is not None:
                self.offsets.append(len(self.text))
        if event.finish_reason is not None:
            self._end(event.finish_reason, event.stopped_by)

    def _end(self, reason: str, stopped_by: str | int | None) -> None:
        paused_by_its_share = reason == "until" and stopped_by is None and self.own_limit() != 0
        if not paused_by_its_share:
            self.finish_reason, self.stopped_by = reason, stopped_by

    def go_back(self, event: BackEvent) -> None:
        """Forget tokens."""
        self.steady, self.offsets = False, None
        tokens, measures, text = self._mark
        self.given_up += len(self.tokens) - tokens - event.tokens
        del self.tokens[tokens + event.tokens :], self.measures[measures + event.tokens :]
        self.text = self.text[:text] + event.text

    def settle(self, output: Output, begun: tuple[int, ...]) -> None:
        """Take what a request answered in place of what it told on the way."""
        tokens, measures, text = self._mark
        told = self.tokens[tokens:], self.text[text:]
        if told != (list(output.token_ids), output.text):
            self.offsets = None
        self.tokens[tokens:] = output.token_ids
        self.measures[measures:] = measures_of(output)
        self.text = self.text[:text] + output.text
        if self.begun is None:
            self.begun = begun
        self.lineage, self.state = output.lineage or None, output.state
        self._end(output.finish_reason, output.stopped_by)

    def news(self, number: int, *, last: bool) -> dict[str, Any] | None:
        """Return what the journal lacks, for text `number` of an effect, and count it as written."""
        ended = self.finish_reason is not None and (last or self.begun is not None)
        if (self._ended or not self.steady or self._sizes() == self._saved) and ended == self._ended:
            return None
        tokens, measures, text = self._saved
        entry: dict[str, Any] = {"text": number, "tokens": self.tokens[tokens:]}
        entry |= {"measures": self.measures[measures:], "more": self.text[text:]}
        entry["offsets"] = None if self.offsets is None else self.offsets[tokens:]
        if self.given_up:
            entry["given_up"] = self.given_up
        if ended:
            entry |= {"finish": self.finish_reason, "stopped_by": self.stopped_by}
            entry |= {"lineage": self.lineage, "begun": self.begun}
        self._saved, self._ended = self._sizes(), ended
        return entry

    def recall(self, entry: Mapping[str, Any]) -> None:
        """Take what a journal has of it."""
        self.tokens += entry["tokens"]
        measures = [Measure(*one) for one in entry["measures"]]
        if not all(math.isfinite(measure.logprob) for measure in measures):
            raise ValueError("a log-probability that is no finite number")
        self.measures += measures
        self.text += entry["more"]
        self.given_up = entry.get("given_up", self.given_up)
        known, more = self.offsets, entry["offsets"]
        self.offsets = None if known is None or more is None else known + more
        if "finish" in entry:
            self.finish_reason, self.stopped_by = entry["finish"], entry["stopped_by"]
            lineage, begun = entry["lineage"], entry["begun"]
            self.lineage = lineage and tuple((position, child) for position, child in lineage)
            self.begun = None if begun is None else tuple(begun)
            self._ended = True
        self._saved = self._sizes()

    def _sizes(self) -> tuple[int, int, int]:
        return len(self.tokens), len(self.measures), len(self.text)


def begin_again(text: Growing) -> Growing:
    """Return a text as it was before it grew; what it had is given up."""
    new = begin(text.ask, text.number)[text.index]
    new.given_up = text.given_up + len(text.tokens)
    return new


def begin(ask: Grow, number: int) -> list[Growing]:
    """Return the texts that an ask grows, its samples."""
    begun = None if ask.path.text else ask.path.tokens
    return [Growing(ask, number, index, begun) for index in range(_parameter(ask, "n", 1))]


def forget_unfinished(growing: list[Growing], *, paths: bool) -> list[Growing]:
    """Return texts as they can go on: where no path leads to what there is, from their beginning."""
    for text in growing:
        if text.finish_reason is None and text.begun is not None and text.own_limit() == 0:
            text.finish_reason = "until"
    lost = {
        text.number
        for text in growing
        if text.finish_reason is None and not text.untouched and (text.begun is None or not paths)
    }
    return [
        begin_again(text) if text.number in lost and text.finish_reason is None else text for text in growing
    ]


@dataclass(slots=True)
class Request:
    """A request to the model and the texts it grows, by their index in it."""

    grow: Grow
    texts: list[Growing]
    usage: Usage | None = None

    def take(self, event: Told) -> None:
        """Take in what happened."""
        if isinstance(event, TokenEvent):
            self.texts[event.index].take(event)
        elif isinstance(event, BackEvent):
            self.texts[event.index].go_back(event)
        elif isinstance(event, Completion):
            for text, output in zip(self.texts, event.outputs, strict=False):  # a search may find fewer
                text.settle(output, event.begun)
        if isinstance(event, TokenEvent | TreeEvent | ProgressEvent | Completion):
            self.usage = event.usage

    def untold(self) -> int:
        """Return how many tokens are counted and not told yet, as a step's are with the first that is told.

        0 where that is not known: of searches, and of texts that the model goes back in.
        """
        if self.usage is None or self.grow.method is not None or not all(text.steady for text in self.texts):
            return 0
        return max(0, self.usage.generated_tokens - sum(text.since_mark() for text in self.texts))


def shares(growing: Sequence[Growing], limit: Limit | None) -> list[int]:
    """Return by how many tokens each text may grow now; None: there is no limit.

    All may grow to the same length, the greatest that is sure to suffice; where that is nobody's gain, the
    first of the shortest by one token. It does not matter for the end where texts stood on the way. A text
    that has not begun, and whose prompt alone costs too much, gets nothing.
    """
    most = [text.most() if text.finish_reason is None else 0 for text in growing]
    if limit is None or limit(most) == "done":
        return most
    for i, text in enumerate(growing):
        if text.untouched and limit(_one(i, growing)) != "done":
            most[i] = 0
    lengths = [len(text.tokens) for text in growing]

    def gains(level: int) -> list[int]:
        return [min(max(0, level - length), bound) for length, bound in zip(lengths, most, strict=True)]

    low, high = min(lengths), max(map(add, lengths, most)) + 1  # gains(low) suffice, or nothing does
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if limit(gains(middle)) == "done" else (low, middle)
    if any(gains(low)):
        return gains(low)
    share = [0] * len(growing)
    for i, gain in enumerate(gains(low + 1)):
        share[i] = gain
        if gain and limit(share) != "done":
            share[i] = 0
    return share


def reached(growing: Sequence[Growing], limit: Limit) -> Stopped:
    """Return the limit that lets no text grow by another token; "done": one may."""
    found: Stopped = "done"
    for i, text in enumerate(growing):
        if text.finish_reason is None:
            found = limit(_one(i, growing))
            if found == "done":
                break
    return found


def _one(index: int, growing: Sequence[Growing]) -> list[int]:
    return [int(i == index) for i in range(len(growing))]


def plan(growing: Sequence[Growing], limit: Limit | None, service: Service) -> list[Request]:
    """Return the requests that grow texts by their shares of what the limit leaves.

    Samples that have not begun are one request, so that their prompt is computed once.
    """
    requests = []
    share = dict(zip(map(id, growing), shares(growing, limit), strict=True))
    for number in sorted({text.number for text in growing if text.finish_reason is None}):
        samples = [text for text in growing if text.number == number]
        # A text that can grow no more is asked for all the same: the model says how it ends.
        allowed = [text for text in samples if share[id(text)] > 0 or text.full]
        if all(text.untouched for text in samples) and allowed:
            first = allowed[0]
            until = first.until(share[id(first)])
            asked = _changed(first.ask, n=len(allowed))
            requests.append(Request(replace(asked, until=until, service=service), allowed))
            continue
        for text in allowed:
            asked = replace(_changed(text.ask, n=1), path=text.path(), service=service)
            requests.append(Request(replace(asked, until=text.until(share[id(text)])), [text]))
    for request in requests:
        for text in request.texts:
            text.begin()
    return requests


def _parameter(ask: Grow, name: str, default: int) -> int:
    params = ask.params
    value = getattr(params, name) if isinstance(params, SamplingParams) else params.get(name)
    return default if value is None else int(value)


def _changed(ask: Grow, **values: Any) -> Grow:
    params = ask.params
    if isinstance(params, SamplingParams):
        return replace(ask, params=replace(params, **values))
    if all(params.get(name, 1 if name == "n" else None) == value for name, value in values.items()):
        return ask
    return replace(ask, params={**params, **values})


def seeded(ask: Grow, seed: int) -> Grow:
    """Return an ask with this seed if it has none."""
    if isinstance(ask.params, SamplingParams) or ask.params.get("seed") is not None:
        return ask
    return _changed(ask, seed=seed)


def with_confidence(ask: Grow) -> Grow:
    """Return an ask whose texts have `Measure.confidence`: with `top_logprobs`, if it has none."""
    return ask if _parameter(ask, "top_logprobs", 0) else _changed(ask, top_logprobs=CONFIDENCE_TOKENS)


async def together(
    model: LanguageModel, requests: Sequence[Request], patience: Callable[[], float | None]
) -> AsyncGenerator[Told]:
    """Run requests at the same time and tell what happens, once it has been taken in.

    No request goes on before its last event has been told. All ends, and what still runs is cancelled, when
    nothing has happened for `patience()` seconds; None: never. What a model told before that is taken in.
    """
    told: asyncio.Queue[Told | Exception | None] = asyncio.Queue()

    async def pump(request: Request) -> None:
        try:
            async with aclosing(model.run(request.grow)) as events:
                async for event in events:
                    request.take(event)
                    told.put_nowait(event)
                    await told.join()
            told.put_nowait(None)
        except Exception as error:
            told.put_nowait(error)

    pumps = [asyncio.create_task(pump(request)) for request in requests]
    try:
        running = len(pumps)
        while running:
            try:
                async with asyncio.timeout(patience()):
                    event = await told.get()
            except TimeoutError:
                return
            if isinstance(event, Exception):
                raise event
            if event is None:
                running -= 1
            else:
                yield event
            told.task_done()
    finally:
        for task in pumps:
            task.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
