"""ponder's constraints in this process, asked what `constraint_worker.py` is asked; see `serve.py`."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from importlib.metadata import version
from typing import Any

from ponder.constraints import Automaton, AutomatonCache, Ban, Constraint, JsonSchema
from ponder.errors import ParameterError
from ponder.text import Vocabulary
from ponder_benchmarks.peers.constraint_worker import resident, summary


def load(engine: str) -> Engine:
    """Return the engine."""
    return Engine()


class Engine:
    """What a `PeerProcess` is asked."""

    def describe(self) -> dict[str, Any]:
        """Say which version it is."""
        return {"version": version("ponder")}

    def read(self, tokens: Sequence[str], ends: Sequence[int]) -> dict[str, Any]:
        """Read a vocabulary, and make what all bans and all schemas over it share."""
        start = time.process_time()
        self.vocabulary = Vocabulary(tuple(bytes.fromhex(token) for token in tokens), tuple(ends))
        if len(tokens) > 1000:
            for whole_word in (False, True):
                Ban("a phrase", ignore_case=True, whole_word=whole_word).compile(self.vocabulary)
            JsonSchema({"type": "null"}).compile(self.vocabulary)
        return {"seconds": time.process_time() - start}

    def ban(
        self, phrases: Sequence[str], ignore_case: bool, whole_word: bool, streams: Sequence[Sequence[int]]
    ) -> dict[str, Any]:
        """Compile a ban and follow it; also the time of a second request with the same list."""
        followed = self._followed(lambda: Ban(tuple(phrases), ignore_case, whole_word), streams)
        cache = AutomatonCache()
        cache.get(Ban(tuple(phrases), ignore_case, whole_word), self.vocabulary)
        start = time.process_time()
        cache.get(Ban(tuple(phrases), ignore_case, whole_word), self.vocabulary)
        return followed | {"again_s": time.process_time() - start}

    def schema(self, schema: Any, streams: Sequence[Sequence[int]]) -> dict[str, Any]:
        """Compile a JSON schema and follow it along streams of tokens."""
        return self._followed(lambda: JsonSchema(schema), streams)

    def fork(self, schema: Any, stream: Sequence[int], times: int) -> dict[str, Any]:
        """Follow a stream, then time forks: to keep a state; and its step and mask, as each branch has them.

        Branches that take the same token are in equal states, and there the mask is known; so each takes one
        of its own.
        """
        automaton: Automaton[Any] = JsonSchema(schema).compile(self.vocabulary)
        state = automaton.start
        for token in stream[:-1]:
            state = automaton.step(state, token)
            if state is None:
                raise ValueError("the stream is not allowed")
        automaton.mask(state)
        letters = [number for number, token in enumerate(self.vocabulary.tokens) if token.isalpha()]
        own = [token for token in letters if token != stream[-1]][:times]
        alone, whole, kept = [], [], []
        for token in own:
            start = time.thread_time_ns()
            other = state
            forked = time.thread_time_ns()
            after = automaton.step(other, token)
            if after is not None:
                automaton.mask(after)
            alone.append(forked - start)
            whole.append(time.thread_time_ns() - start)
            kept.append(after)
        return {"fork_us": summary(alone), "fork_step_mask_us": summary(whole)}

    def judge(self, groups: Sequence[Sequence[Any]], remotes: dict[str, Any] | None = None) -> dict[str, Any]:
        """Say for each schema with its instances' texts which instances are allowed; None: it is refused."""
        return {"judged": [self._judged(schema, texts, remotes or {}) for schema, texts in groups]}

    def _judged(
        self, schema: Any, instances: Sequence[Sequence[str]], remotes: dict[str, Any]
    ) -> list[bool] | None:
        try:
            automaton = JsonSchema(schema, remotes=remotes, formats=False).compile(self.vocabulary)
        except ParameterError:
            return None
        return [any(_allows(automaton, text) for text in texts) for texts in instances]

    def _followed(
        self, declare: Callable[[], Constraint], streams: Sequence[Sequence[int]]
    ) -> dict[str, Any]:
        before, start = resident(), time.process_time()
        automaton = declare().compile(self.vocabulary)
        build_s = time.process_time() - start
        masks, new, steps, refused = [], [], [], 0
        seen: set[Hashable] = set()
        for stream in streams:
            state = automaton.start
            for token in stream:
                is_new = state not in seen
                seen.add(state)
                start_ns = time.thread_time_ns()
                automaton.mask(state)
                masked = time.thread_time_ns()
                after = automaton.step(state, token)
                stepped = time.thread_time_ns()
                masks.append(masked - start_ns)
                steps.append(stepped - start_ns)
                new += [masks[-1]] if is_new else []
                refused += after is None
                state = state if after is None else after
        return {
            "build_s": build_s,
            "mask_us": summary(masks),
            "new_state_mask_us": summary(new),
            "step_and_mask_us": summary(steps),
            "refused_tokens": refused,
            "bytes": resident() - before,
        }


def _allows(automaton: Automaton[Any], text: str) -> bool:
    """Return whether a text is allowed, read byte by byte: the vocabulary has to be that of all bytes."""
    state = automaton.start
    for byte in text.encode():
        state = automaton.step(state, byte)
        if state is None:
            return False
    return automaton.may_end(state)
