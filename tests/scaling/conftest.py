"""A model whose completions are written beforehand, for the logic of strategies."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from ponder.backends import Capabilities, Completion, Output, Timing, TokenEvent, Usage
from ponder.sampling import TokenTrace, resolve_params


def trace(logprob):
    return TokenTrace(0, logprob, logprob, logprob, entropy=0.0, rank=1, kept=1, kept_mass=1.0)


@dataclass
class ScriptedModel:
    """Sample i is the i-th text, a token a character; `closed` counts streams that were closed early."""

    texts: list[str]
    logprob: float = -0.5
    requests: list = field(default_factory=list)
    closed: int = 0
    name: str = "scripted"

    def capabilities(self):
        return Capabilities(chat=True, score=False, constraints=True, beam_search=False, seeds=True)

    async def stream(self, request):
        self.requests.append(request)
        texts = [self.texts[i % len(self.texts)] for i in range(request.sampling["n"])]
        finished, generated = False, 0
        try:
            for position in range(max(map(len, texts))):
                for index, text in enumerate(texts):
                    if position < len(text):
                        generated += 1
                        ends = "stop" if position == len(text) - 1 else None
                        usage = Usage(10, 0, 10 * (len(texts) - 1), generated, generated)
                        yield TokenEvent(0, index, trace(self.logprob), text[position], ends, usage)
            outputs = tuple(
                Output(i, text, (0,) * len(text), (), "stop", None, self.logprob * len(text), 0.0)
                for i, text in enumerate(texts)
            )
            usage = Usage(10, 0, 10 * (len(texts) - 1), 0, sum(map(len, texts)))
            params = resolve_params(request.sampling, {})
            finished = True
            yield Completion(self.name, "", params, request, outputs, usage, Timing(0, 0, 0, None))
        finally:
            self.closed += not finished

    async def generate(self, request):
        async for event in self.stream(request):
            last = event
        return last

    async def score(self, prompt, texts, *, ends=False):
        raise NotImplementedError


@pytest.fixture
def scripted():
    """Make a model that writes these texts."""
    return lambda *texts, **options: ScriptedModel(list(texts), **options)
