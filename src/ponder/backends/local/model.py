"""A model in this process, run by our engine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass, replace

import torch

from ponder.asks.choice_trie import ChoiceTrie
from ponder.backends.language_model import (
    Capabilities,
    Completion,
    GenerationEvent,
    GenerationRequest,
    Scores,
    TextScore,
    Timing,
)
from ponder.decoders import ContrastiveSearch, Decoder
from ponder.engine import (
    Engine,
    EngineLoop,
    EngineStats,
    FinishedEvent,
    ProgressEvent,
    Request,
    TokenEvent,
    Usage,
)
from ponder.engine.loop import AnswerEvent
from ponder.errors import ContextError, ParameterError
from ponder.sampling import ResolvedParams, SamplingParams, resolve_params
from ponder.sampling.trace import PromptTrace
from ponder.text import ChatTemplate, EncodedPrompt, Prompt, Tokenizer, encode_prompt


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """A request as the engine gets it, with the prompt's text and where each parameter came from."""

    prompt: str
    params: ResolvedParams
    request: Request


class LocalModel:
    """The LanguageModel protocol over an `Engine`; safe to use from several threads and tasks.

    Requests made at the same time run in the same batches.
    """

    def __init__(
        self,
        name: str,
        engine: Engine,
        template: ChatTemplate | None,
        generation_defaults: dict[str, float | int],
        load_s: float = 0.0,
    ) -> None:
        self._name = name
        self.engine = engine
        self.loop = EngineLoop(engine)
        self.template = template
        self.generation_defaults = generation_defaults
        self.load_s = load_s

    @property
    def name(self) -> str:
        return self._name

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's tokenizer."""
        return self.engine.tokenizer

    def capabilities(self) -> Capabilities:
        return Capabilities(
            chat=self.template is not None, score=True, constraints=True, beam_search=True, seeds=True
        )

    def encode(self, prompt: Prompt) -> EncodedPrompt:
        """Return the text the model sees and its token ids."""
        return encode_prompt(prompt, self.tokenizer, self.template)

    def _token_ids(self, prompt: Prompt) -> tuple[int, ...]:
        return self.encode(prompt).token_ids

    def prepare(self, request: GenerationRequest) -> PreparedRequest:
        """Resolve a request without running it.

        Raises
        ------
        PonderError : whatever would be refused when it runs.
        """
        encoded = self.encode(request.prompt)
        unused = request.decoder.unused
        recommended = {name: value for name, value in self.generation_defaults.items() if name not in unused}
        resolved = resolve_params(request.sampling, recommended)
        _refuse_unused(resolved, request.decoder)
        mixture = request.mixture
        further = () if mixture is None else mixture.further_prompts(self._token_ids, encoded.token_ids)
        longest = max(map(len, (encoded.token_ids, *further)))
        params = _within_context(resolved, longest, *self.engine.context_limit(mixture))
        prepared = Request(
            encoded.token_ids,
            params,
            request.constraint,
            request.decoder,
            priority=request.priority,
            deadline_s=request.deadline_s,
            cache_salt=request.cache_salt,
            prompt_logprobs=request.prompt_logprobs,
            trace=request.trace,
            mixture=mixture,
            further_prompts=further,
        )
        self.engine.check(prepared)
        return PreparedRequest(encoded.text, replace(resolved, params=params), prepared)

    def stream_sync(self, request: GenerationRequest) -> Generator[GenerationEvent]:
        """Like `stream`, for callers without an event loop; what is refused is refused here."""
        answer = _Answer(self, request, self.prepare(request))
        return self._events(answer)

    def _events(self, answer: _Answer) -> Generator[GenerationEvent]:
        with closing(self.loop.run(answer.prepared.request)) as events:
            for event in events:
                yield answer.take(event)

    def generate_sync(self, request: GenerationRequest) -> Completion:
        """Like `generate`, for callers without an event loop."""
        answer = _Answer(self, request, self.prepare(request))
        return _completed(self.loop.last(answer.prepared.request, answer.take))

    async def generate(self, request: GenerationRequest) -> Completion:
        answer = _Answer(self, request, await asyncio.to_thread(self.prepare, request))
        return _completed(await self.loop.last_async(answer.prepared.request, answer.take))

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[GenerationEvent]:
        answer = _Answer(self, request, await asyncio.to_thread(self.prepare, request))
        async with aclosing(self.loop.stream(answer.prepared.request)) as events:
            async for event in events:
                yield answer.take(event)

    def stats(self) -> EngineStats:
        """Return what the engine has done and holds."""
        return self.loop.stats()

    async def probe(self, timeout_s: float) -> float:
        """Return the seconds a round trip through the decode loop takes. Raises TimeoutError."""
        return await self.loop.probe(timeout_s)

    def close(self) -> None:
        """End all requests with ClosedError, and the engine's thread."""
        self.loop.close()

    def score_sync(self, prompt: Prompt, texts: Sequence[str], *, ends: bool = False) -> Scores:
        """Like `score`, for callers without an event loop."""
        if ends and not self.tokenizer.eos_ids:
            raise ParameterError("ends", ends, "false: this model has no end token")
        prefix, continuations = self._split(prompt, texts, self.tokenizer.eos_ids[:1] if ends else ())
        trie = ChoiceTrie.build(continuations)
        logprobs, hits = self.loop.score(tuple(prefix), trie)
        scored = (
            TextScore(tuple(tokens), tuple(values))
            for tokens, values in zip(continuations, logprobs, strict=True)
        )
        tokens = len(prefix) + len(trie.token_ids)
        shared = (len(texts) - 1) * len(prefix) + sum(map(len, continuations)) - len(trie.token_ids)
        return Scores(tuple(scored), Usage(tokens, hits, hits + shared, tokens - hits, 0))

    def next_logits(self, token_ids: Sequence[int]) -> torch.Tensor:
        """Return the logits of the token after some tokens, [V] float32, at least one."""
        if not token_ids:
            raise ParameterError("prompt", "", "at least one token")
        return self.loop.call(lambda: self.engine.next_logits(tuple(token_ids))).result()

    async def score(self, prompt: Prompt, texts: Sequence[str], *, ends: bool = False) -> Scores:
        return await asyncio.to_thread(self.score_sync, prompt, texts, ends=ends)

    def _split(
        self, prompt: Prompt, texts: Sequence[str], end: tuple[int, ...]
    ) -> tuple[list[int], list[list[int]]]:
        """Encode the prompt with each text and cut where all of them still agree with the prompt alone.

        Raw text is encoded as a whole, so that a word begun by the prompt and ended by the text is one
        word, and control tokens written in it count; what follows a chat template's last token is encoded
        by itself, as plain text. `end` comes after every text.
        """
        if not texts:
            raise ParameterError("texts", [], "at least one text")
        base = list(self.encode(prompt).token_ids)
        if isinstance(prompt, str):
            wholes = [
                self.tokenizer.encode(prompt + text, parse_special=True, field="prompt") for text in texts
            ]
        else:
            wholes = [base + self.tokenizer.encode(text, add_bos=False, field="text") for text in texts]
        for text, whole in zip(texts, wholes, strict=True):
            whole += end
            if len(whole) <= len(base) and base[: len(whole)] == whole:
                raise ParameterError("texts", text, "text of at least one token")
        shared = min(_agreement(base, whole) for whole in wholes)
        if shared == 0:
            raise ParameterError("prompt", prompt, "text of at least one token that the texts do not change")
        return base[:shared], [whole[shared:] for whole in wholes]


class _Answer:
    """Turns the engine's events into those of a `LanguageModel`: measures, and ends with a `Completion`."""

    def __init__(self, model: LocalModel, request: GenerationRequest, prepared: PreparedRequest) -> None:
        self.prepared = prepared
        self._model = model
        self._request = request
        self._start = time.perf_counter()
        self._first: float | None = None
        self._prompt_traces: list[PromptTrace | None] = []

    def take(self, event: AnswerEvent) -> GenerationEvent:
        """Note an event and return what the caller gets."""
        if isinstance(event, FinishedEvent):
            return Completion(
                self._model.name,
                self.prepared.prompt,
                self.prepared.params,
                self._request,
                event.outputs,
                event.usage,
                self._timing(event.usage),
                tuple(self._prompt_traces),
            )
        if isinstance(event, ProgressEvent):
            self._prompt_traces += event.traces
        if isinstance(event, TokenEvent) and self._first is None:
            self._first = time.perf_counter()
        return event

    def _timing(self, usage: Usage) -> Timing:
        """Beams show no first token: theirs are all there at the end."""
        load_s, end = self._model.load_s, time.perf_counter()
        total = end - self._start
        if self._first is None:
            return Timing(load_s, total, total, None)
        later = usage.generated_tokens - self.prepared.params.params.n
        rate = later / (end - self._first) if later > 0 else None
        return Timing(load_s, self._first - self._start, total, rate)


def _completed(event: GenerationEvent) -> Completion:
    assert isinstance(event, Completion), "an answer ends with its completion"
    return event


def _agreement(base: list[int], whole: list[int]) -> int:
    """How many leading tokens agree, leaving at least one of `whole`."""
    length = 0
    for a, b in zip(base, whole[:-1], strict=False):
        if a != b:
            break
        length += 1
    return length


def _within_context(
    resolved: ResolvedParams, prompt_tokens: int, context: int, reader: str
) -> SamplingParams:
    """Shorten a `max_tokens` that nobody asked for to what the context holds; refuse one somebody did.

    `reader` is the model whose context it is.
    """
    params, room = resolved.params, context - prompt_tokens
    if params.max_tokens <= room:
        return params
    if room < 1:
        what = f"the prompt is {prompt_tokens} tokens long"
        raise ContextError(f"{what}, and the {reader}'s context is {context}")
    for name in ("max_tokens", "min_tokens"):
        if resolved.sources[name] == "caller" and getattr(params, name) > room:
            allowed = (
                f"at most {room}: the prompt has {prompt_tokens} tokens and the {reader}'s context {context}"
            )
            raise ParameterError(name, getattr(params, name), allowed)
    return replace(params, max_tokens=room)


def _refuse_unused(resolved: ResolvedParams, decoder: Decoder) -> None:
    for name in sorted(decoder.unused):
        value = getattr(resolved.params, name)
        neutral = name == "temperature" and value == 0
        if resolved.sources[name] == "caller" and not neutral:
            search = "contrastive" if isinstance(decoder, ContrastiveSearch) else "beam"
            raise ParameterError(
                name, value, f"left unset with {search} search, which draws nothing at random"
            )
