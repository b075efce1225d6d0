"""A model in this process, run by our engine."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from ponder.asks.grow import Grow
from ponder.asks.language_model import Resolved, Told
from ponder.asks.model_card import ModelCard
from ponder.asks.offers import Offers
from ponder.asks.read import Read
from ponder.backends.local.answer import Answering, Asked
from ponder.backends.local.compiling import compiling_threads
from ponder.backends.local.cost import cost_of
from ponder.backends.local.given_text import held_back
from ponder.backends.local.prepare import Preparing
from ponder.checkpoints import tensor_shapes
from ponder.engine import Engine, EngineLoop, EngineStats, Job
from ponder.text import ChatTemplate, EncodedPrompt, Prompt, Tokenizer
from ponder.text.call_form import HERMES, CallForm


class LocalModel:
    """The LanguageModel protocol over an `Engine`; safe to use from several threads and tasks.

    Requests made at the same time run in the same batches.

    Attributes
    ----------
    engine, loop : what runs it.
    template : the chat template, if it has one.
    load_s : seconds that loading took.
    """

    def __init__(
        self,
        name: str,
        engine: Engine,
        template: ChatTemplate | None,
        generation_defaults: Mapping[str, float | int],
        load_s: float = 0.0,
        fingerprint: str | None = None,
    ) -> None:
        self._name = name
        self.engine = engine
        self.loop = EngineLoop(engine)
        self.template = template
        self.load_s = load_s
        self._fingerprint = fingerprint
        self._card: ModelCard | None = None
        self._preparing = Preparing(engine, template, generation_defaults)
        self._compiling = compiling_threads()
        admission = engine.admission
        self._offers = Offers(
            chat=template is not None,
            context=engine.model.config.context_length,
            draft=admission.draft is not None,
            entropy_head=admission.entropy_head is not None,
            tokenizer=engine.tokenizer,
            cost=cost_of(engine.model.config),
        )

    @property
    def name(self) -> str:
        return self._name

    @property
    def offers(self) -> Offers:
        return self._offers

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's tokenizer."""
        return self.engine.tokenizer

    @property
    def max_waiting(self) -> int:
        """How many requests may wait for their turn."""
        return self.engine.limits.max_waiting

    def encode(self, prompt: Prompt) -> EncodedPrompt:
        """Return the text the model sees and its token ids."""
        return self._preparing.encode(prompt)

    def call_form(self) -> CallForm | None:
        """Return how the model writes calls of tools; None: nobody knows."""
        return HERMES if self.template is None else self.template.call_form()

    def card(self) -> ModelCard:
        """Return what the model is. The first time it may have its chat template rendered."""
        if self._card is None:
            model, template = self.engine.model, self.template
            shapes = tensor_shapes(model.config).values()
            matrices = sum(math.prod(shape) for shape in shapes if len(shape) == 2)
            self._card = ModelCard(
                sum(map(math.prod, shapes)),
                8 * model.weight_bytes / matrices,
                self._fingerprint,
                system=template is not None and template.writes_system(),
                tools=template is not None and template.writes_tools(),
            )
        return self._card

    def room(self, ask: Grow) -> int:
        """Return how many tokens may come after a request's prompt, and after its mixture's.

        It is negative where a prompt is longer than the context.
        """
        return self._preparing.room(ask)

    def resolve(self, ask: Grow) -> Resolved:
        """Say how a request would apply. Raises PonderError for whatever would be refused when it runs."""
        self._offers.refuse(ask, self._name)
        return self._preparing.growing(ask).resolved

    async def run(self, ask: Grow | Read, *, stream: bool = True) -> AsyncGenerator[Told]:
        try:
            threads = self._compiling if isinstance(ask, Grow) and ask.constraint is not None else None
            job, answer = await asyncio.get_running_loop().run_in_executor(threads, self._prepare, ask)
        except RuntimeError:  # Python is ending, and starts no thread: a thread of its own may still ask
            job, answer = self._prepare(ask)
        if not stream:
            yield await self.loop.last_async(job, answer.take)
            return
        async with aclosing(self.loop.stream(job)) as events:
            async for event in events:
                yield answer.take(event)

    def _prepare(self, ask: Grow | Read) -> tuple[Job, Answering]:
        self._offers.refuse(ask, self._name)
        if isinstance(ask, Read):
            return self._preparing.reading(ask), Answering()
        prepared = self._preparing.growing(ask)
        resolved = prepared.resolved
        had = held_back(ask.path, resolved.begun, resolved.params.params, self.tokenizer)
        return prepared.job, Answering(Asked(self._name, ask, resolved, self.load_s, had))

    def stats(self) -> EngineStats:
        """Return what the engine has done and holds."""
        return self.loop.stats()

    async def probe(self, timeout_s: float) -> float:
        """Return the seconds a round trip through the decode loop takes. Raises TimeoutError."""
        return await self.loop.probe(timeout_s)

    def close(self) -> None:
        """End all requests with ClosedError, and the threads."""
        self.loop.close()
        self._compiling.shutdown(wait=False)
