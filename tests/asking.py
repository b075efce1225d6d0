"""What tests ask of an engine and of a model, in few words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ponder.asks import Grow, Path, Read, Record, Service
from ponder.asks.choice_trie import ChoiceTrie
from ponder.asks.grow import End
from ponder.engine import Engine, Event, FailedEvent, ReadEvent
from ponder.sampling import SamplingParams
from ponder.text import TokenIds


def face_ask(
    prompt: Any,
    sampling: Mapping[str, Any] | SamplingParams | None = None,
    constraint: Any = None,
    decoder: Any = None,
    *,
    priority: int = 0,
    deadline_s: float | None = None,
    cache_salt: str | None = None,
    prompt_logprobs: int | None = None,
    trace: Any = None,
    mixture: Any = None,
    tokens: Sequence[int] = (),
    lineage: Any = (),
    until: Any = None,
) -> Grow:
    """A request to grow, as a face makes it."""
    return Grow(
        Path(prompt, tuple(tokens), lineage=lineage),
        {} if sampling is None else sampling,
        decoder,
        mixture,
        constraint,
        until or End(),
        Record(prompt_logprobs, trace),
        Service(priority, deadline_s, cache_salt),
    )


def engine_ask(
    prompt: Sequence[int],
    params: SamplingParams,
    constraint: Any = None,
    decoder: Any = None,
    *,
    mixture: Any = None,
    further_prompts: Sequence[Sequence[int]] = (),
    **options: Any,
) -> Grow:
    """A request to grow, as an engine takes it; `further_prompts` are a mixture's."""
    for other in further_prompts:
        mixture = replace(mixture, against=TokenIds(tuple(other)))
    return face_ask(TokenIds(tuple(prompt)), params, constraint, decoder, mixture=mixture, **options)


def prompt_of(request: Grow) -> tuple[int, ...]:
    """The token ids of an engine's request."""
    assert isinstance(request.path.prompt, TokenIds)
    return tuple(request.path.prompt.ids)


def prompts_of(request: Grow) -> tuple[tuple[int, ...], ...]:
    """All its prompts, the mixture's after its own."""
    prompt = prompt_of(request)
    return (prompt, *(request.mixture.prompts(prompt) if request.mixture else ()))


def score(
    engine: Engine, prompt: Sequence[int], trie: ChoiceTrie, others: list[Event] | None = None
) -> tuple[list[list[float]], int]:
    """The log-probabilities of each path's tokens after a prompt, and how much of that was in the cache.

    Steps the engine, where running requests give way to it; what happens to them is added to `others`.
    """
    texts = tuple(tuple(trie.token_ids[node] for node in path) for path in trie.paths)
    read = Read(Path(TokenIds(tuple(prompt))), texts, service=Service(priority=-1))
    number = engine.submit(engine.prepare(read, trie))
    while True:
        events = engine.step()
        if others is not None:
            others += [event for event in events if event.request_id != number]
        for event in events:
            if event.request_id == number and isinstance(event, FailedEvent):
                raise event.error
            if event.request_id == number and isinstance(event, ReadEvent):
                reading = event.reading
                return [list(text.token_logprobs) for text in reading.texts], reading.usage.hit_tokens


def streams(request: Grow) -> bool:
    """Whether a request's tokens come as `TokenEvent`s."""
    return request.method is None or request.method.streams


def at_rank(request: Grow, priority: int) -> Grow:
    """The request with another priority."""
    return replace(request, service=replace(request.service, priority=priority))


def with_prompt(request: Grow, prompt: Sequence[int]) -> Grow:
    """The request with another prompt."""
    return replace(request, path=replace(request.path, prompt=TokenIds(tuple(prompt))))


def as_engine_takes_it(model: Any, request: Grow) -> Grow:
    """A face's request with its prompt as token ids and all of its parameters."""
    resolved = model.resolve(request)
    path = replace(request.path, prompt=TokenIds(resolved.token_ids), tokens=resolved.begun, text="")
    return replace(request, path=path, params=resolved.params.params)
