"""A language model without weights, whose texts, costs and failures a test decides."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ponder.asks import (
    Boundary,
    Completion,
    FinishReason,
    Grow,
    LanguageModel,
    Offers,
    Output,
    ProgressEvent,
    Read,
    Reading,
    Resolved,
    TextScore,
    Timing,
    TokenEvent,
    Tokens,
    Told,
    Usage,
)
from ponder.asks.choice_trie import ChoiceTrie
from ponder.asks.path import branched
from ponder.errors import ParameterError, PonderError, UnsupportedError
from ponder.sampling import ResolvedParams, SamplingParams, TokenTrace, resolve_params
from ponder.testing.characters import END, Characters
from ponder.testing.scripts import Babble, Place, Rule, Script, Texts, Word
from ponder.text import StopMatcher

SCRIPTED = Offers(
    methods=frozenset(), mixtures=frozenset(), constraints=False, reads=frozenset({"Given"}), texts=True
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What befalls request number `request`, counted from 0, once it has grown `tokens` tokens.

    `wait` is awaited first, and then `error` raised, if there is one.
    """

    request: int
    tokens: int = 0
    error: PonderError | None = None
    wait: Callable[[], Awaitable[Any]] | None = None


@dataclass
class ScriptedModel:
    """A `LanguageModel` that writes by a script, for tests without weights and without torch.

    Its texts keep the laws of a real model's: samples are branches of a path, a path that holds the first k
    tokens of a text gives the same rest, and a text does not depend on what else runs. It has neither search
    methods nor mixtures nor constraints, and of the parameters those apply that say when a text ends, `n`,
    `seed`, `temperature` and `top_logprobs`; the others are checked and change nothing.

    Costs are counted by these rules. The prompt and the path's tokens are the request's prompt. What of its
    beginning an earlier request computed is a hit, but for its last token; the cache forgets nothing. All
    samples after the first read the whole prompt from the cache. A text's tokens are computed but for the
    last. The texts of a `Read` are computed once where they begin alike.

    Attributes
    ----------
    script : what it writes; a list of texts is `Texts`, a function `Rule`.
    pieces : tokens of several characters.
    troubles : requests that wait or fail.
    requests : what was asked, in order.
    usage : what all requests cost so far, those that were cancelled or failed among them.
    running, closed : requests under way, and those that were closed before their end.
    """

    script: Script | Callable[[Place], str | Word] | Sequence[str] = field(default_factory=Babble)
    pieces: tuple[str, ...] = ()
    name: str = "scripted"
    offers: Offers = SCRIPTED
    troubles: Sequence[Trouble] = ()
    requests: list[Grow | Read] = field(default_factory=list)
    usage: Usage = field(default_factory=lambda: Usage(0, 0, 0, 0, 0))
    running: int = 0
    closed: int = 0

    def __post_init__(self) -> None:
        self.characters = Characters(self.pieces)
        self._writer = _script(self.script)
        self._computed: dict[int, Any] = {}  # a trie of the tokens that are in the cache

    def resolve(self, ask: Grow) -> Resolved:
        """Say how a request would apply."""
        self.offers.refuse(ask, self.name)
        prompt = self.characters.prompt(ask.path.prompt)
        begun = (*ask.path.tokens, *self.characters.encode(ask.path.text))
        return Resolved(self.characters.decode(prompt), prompt, begun, resolved_params(ask))

    async def run(self, ask: Grow | Read, *, stream: bool = True) -> AsyncGenerator[Told]:
        self.offers.refuse(ask, self.name)
        number = len(self.requests)
        self.requests.append(ask)
        self.running += 1
        finished = False
        try:
            if isinstance(ask, Read):
                await self._befall(number, 0)
                reading = self._read(ask)
                finished = True
                yield reading
                return
            async for event in self._grow(ask, number):
                finished = isinstance(event, Completion)
                if stream or finished:
                    yield event
        finally:
            self.running -= 1
            self.closed += not finished

    async def _grow(self, ask: Grow, number: int) -> AsyncGenerator[Told]:
        resolved = self.resolve(ask)
        params, prompt, begun = resolved.params.params, resolved.token_ids, resolved.begun
        texts = [_Text.begin(self, ask, prompt, begun, params, index) for index in range(params.n)]
        before = (*prompt, *begun)
        hits = self._known(before)

        def usage() -> Usage:
            grown = [len(text.grown) for text in texts]
            computed = len(before) - hits + sum(max(0, length - 1) for length in grown)
            cached = hits + (params.n - 1) * len(before)
            return Usage(len(before), hits, cached, computed, sum(grown))

        try:
            yield ProgressEvent(number, "prefill", len(before), usage())
            grown = 0
            while live := [text for text in texts if text.finish_reason is None]:
                for text in live:
                    await self._befall(number, grown)
                    await asyncio.sleep(0)
                    trace, shown = text.grow()
                    grown += 1
                    self._keep(before)
                    yield TokenEvent(
                        number, text.index, trace, shown, text.finish_reason, usage(), text.stopped_by
                    )
            await self._befall(number, grown)
            outputs = tuple(text.output() for text in texts)
            applied, timing = resolved.params, Timing(0, 0, 0, None)
            yield Completion(self.name, resolved.prompt, applied, ask, outputs, usage(), timing, begun=begun)
        finally:
            for text in texts:
                self._keep((*before, *text.grown[:-1]))
            self._count(usage())

    def _read(self, ask: Read) -> Reading:
        if not ask.texts:
            raise UnsupportedError(f"{self.name} cannot do this: read a path without texts after it")
        prompt = self.characters.prompt(ask.path.prompt)
        begun = (*ask.path.tokens, *self.characters.encode(ask.path.text))
        texts = [
            (*(self.characters.encode(text) if isinstance(text, str) else text), *((END,) * ask.ends))
            for text in ask.texts
        ]
        for text in texts:
            if not text:
                raise ParameterError("texts", "", "texts of at least one token")
        before = (*prompt, *begun)
        hits = self._known(before)
        self._keep(before)
        total = len(before) + len(ChoiceTrie.build(texts).token_ids)
        usage = Usage(total, hits, hits, total - hits, 0)
        self._count(usage)
        shown = self.characters.decode(prompt)
        return Reading(tuple(self._score(shown, begun, text) for text in texts), usage=usage)

    def _score(self, prompt: str, begun: tuple[int, ...], text: tuple[int, ...]) -> TextScore:
        tokens = [self.characters.text(token) for token in (*begun, *text)]
        places = range(len(begun), len(tokens))
        logprobs = (self._writer.logprob(Place(prompt, tuple(tokens[:i])), tokens[i]) for i in places)
        return TextScore(text, tuple(logprobs))

    async def _befall(self, number: int, tokens: int) -> None:
        for trouble in self.troubles:
            if (trouble.request, trouble.tokens) == (number, tokens):
                if trouble.wait is not None:
                    await trouble.wait()
                if trouble.error is not None:
                    raise trouble.error

    def _known(self, tokens: tuple[int, ...]) -> int:
        node, known = self._computed, 0
        for token in tokens[:-1]:
            if token not in node:
                break
            node, known = node[token], known + 1
        return known

    def _keep(self, tokens: Sequence[int]) -> None:
        node = self._computed
        for token in tokens:
            node = node.setdefault(token, {})

    def _count(self, usage: Usage) -> None:
        old, new = asdict(self.usage), asdict(usage)
        self.usage = Usage(**{name: old[name] + new[name] for name in old})


def resolved_params(ask: Grow) -> ResolvedParams:
    """Return a request's parameters as they apply, over nothing that a checkpoint recommends."""
    if isinstance(ask.params, SamplingParams):
        return ResolvedParams(ask.params, dict.fromkeys(asdict(ask.params), "caller"))
    return resolve_params(ask.params, {})


def _script(script: Script | Callable[[Place], str | Word] | Sequence[str]) -> Script:
    if isinstance(script, str):
        return Texts((script,))
    if isinstance(script, Sequence):
        return Texts(tuple(script))
    return Rule(script) if callable(script) else script


@dataclass(slots=True)
class _Text:
    """A text that grows. `tokens` are all of the output, `grown` those of this request."""

    model: ScriptedModel
    ask: Grow
    params: SamplingParams
    place: Place
    index: int
    stops: StopMatcher
    grown: list[int] = field(default_factory=list)
    traces: list[TokenTrace] = field(default_factory=list)
    text: str = ""
    finish_reason: FinishReason | None = None
    stopped_by: str | int | None = None
    before: str = ""  # what of the output may yet be the beginning of a boundary

    @staticmethod
    def begin(
        model: ScriptedModel,
        ask: Grow,
        prompt: tuple[int, ...],
        begun: tuple[int, ...],
        params: SamplingParams,
        index: int,
    ) -> _Text:
        """Go on from a path as if it had just been written."""
        characters = model.characters
        words = tuple(map(characters.text, begun))
        lineage = branched(ask.path.lineage, len(begun), index)
        place = Place(characters.decode(prompt), words, lineage, params.seed, params.temperature)
        stops = StopMatcher(params.stop, include_stop=params.include_stop_str_in_output)
        text = _Text(model, ask, params, place, index, stops)
        for word in words:
            stops.push(word, may_stop=False)
            text._boundary(word)
        if len(begun) >= params.max_tokens:
            text.finish_reason = "length"
        return text

    def grow(self) -> tuple[TokenTrace, str]:
        """Write a token; return its trace and what can be shown of the text since the last."""
        position = self.place.position + 1
        may_end = position > self.params.min_tokens and not self.params.ignore_eos
        word = self.model._writer.word(replace(self.place, may_end=may_end))
        token = self.model.characters.token(word.text)
        trace = self._trace(token, word)
        self.place = replace(self.place, tokens=(*self.place.tokens, word.text))
        self.grown.append(token)
        self.traces.append(trace)
        shown = self._show(word, token, position)
        self.text += shown
        return trace, shown

    def _trace(self, token: int, word: Word) -> TokenTrace:
        logprobs = word.distribution
        entropy = -math.fsum(math.exp(logprob) * logprob for logprob in logprobs.values())
        likeliest = sorted(logprobs.items(), key=lambda pair: -pair[1])[: self.params.top_logprobs]
        top = tuple((self.model.characters.token(text), logprob) for text, logprob in likeliest)
        own, drawn = word.logprob, word.drawn_logprob
        drawn = own if drawn is None else drawn
        return TokenTrace(token, own, drawn, drawn, entropy, 1, 1, 1.0, top=top)

    def _show(self, word: Word, token: int, position: int) -> str:
        may_stop = position >= self.params.min_tokens
        if token == END or (may_stop and token in self.params.stop_token_ids):
            self._finish("stop", token)
            return self.stops.flush()
        boundary = self._boundary(word.text)
        shown, stop = self.stops.push(word.text, may_stop=may_stop)
        if stop is not None:
            self._finish("stop", stop)
        elif word.ends:
            self._finish("stop", None)
        elif position >= self.params.max_tokens:
            self._finish("length", None)
        elif boundary is not None:
            self._finish("until", boundary)
        elif len(self.grown) == self._most():
            self._finish("until", None)
        if self.finish_reason in ("stop", "length"):
            shown += self.stops.flush()
        return shown

    def _finish(self, reason: FinishReason, stopped_by: str | int | None) -> None:
        self.finish_reason, self.stopped_by = reason, stopped_by

    def _most(self) -> int | None:
        until = self.ask.until
        if isinstance(until, Tokens):
            return until.count
        return until.tokens if isinstance(until, Boundary) else None

    def _boundary(self, word: str) -> str | None:
        """Return the boundary that a token completes: those of the whole output, which do not overlap."""
        if not isinstance(self.ask.until, Boundary):
            return None
        old = len(self.before)
        self.before += word
        found = [
            (start + len(string), string)
            for string in self.ask.until.strings
            if (start := self.before.find(string, max(0, old - len(string) + 1))) >= 0
        ]
        if not found:
            return None
        self.before = ""
        return min(found)[1]

    def output(self) -> Output:
        """Return what this request grew."""
        assert self.finish_reason is not None
        total = math.fsum(trace.logprob for trace in self.traces)
        return Output(
            self.index,
            self.text,
            tuple(self.grown),
            tuple(self.traces),
            self.finish_reason,
            self.stopped_by,
            total,
            total,
            lineage=self.place.lineage,
        )


def _conforms(model: ScriptedModel) -> LanguageModel:
    """Hold the types to the protocol."""
    return model
