"""A decoder that the package does not know: the engine runs it by what it says of itself."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import pytest

from asking import engine_ask
from ponder.asks import BackEvent, TokenEvent
from ponder.asks.needs import Asker, Needs
from ponder.asks.settling import settled
from ponder.decoders import Chain, Group, Growth, Ranked, Rows, Settled
from ponder.engine import Engine, FinishedEvent
from ponder.errors import ParameterError
from ponder.mixtures import Guidance
from ponder.sampling import SamplingParams, TraceSettings
from ponder.text import TokenIds
from stepping import assert_at_rest, forget, run
from tiny_models import tiny_config, tiny_tokenizer, tiny_transformer

PROMPT = (1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True)
class Retreat:
    """Takes the likeliest token; where the state after the text is long, the last token is taken back, and
    the second likeliest takes its place. No token is taken back twice."""

    limit: float
    needs: Needs = field(default_factory=lambda: Needs(states=True))

    name: ClassVar[str] = "retreat"
    unused: ClassVar[frozenset[str]] = frozenset({"seed", "temperature"})
    streams: ClassVar[bool] = True
    normalised: ClassVar[bool] = False

    def check(self, params: SamplingParams) -> None:
        if params.top_logprobs < 2:
            raise ParameterError("top_logprobs", params.top_logprobs, "2 or more with retreat")

    def width(self, params: SamplingParams) -> int:
        return 1

    def asks(self, params: SamplingParams) -> Asker:
        return Asker("decoder", self, "another decoder", self.needs)

    def advance(self, group: Group, rows: Rows) -> list[Growth]:
        (text,) = group.live
        taken_back: int = text.note or 0  # how many tokens are settled
        assert rows.states is not None
        length = float(np.linalg.norm(rows.states[rows.place(text)]))
        last = text.node.trace
        if length > self.limit and text.depth > taken_back and last is not None:
            token, logprob = last.top[1]
            other = replace(last, token_id=token, logprob=logprob, rank=2)
            return [Growth(text, 0, (other,), back=1, note=text.depth, settled=text.depth)]
        (trace,) = group.ranker.sampler.sample(rows.logits, [group.row(text)], group.params)
        assert trace is not None
        settled = max(taken_back, text.depth)
        return [Growth(text, 0, (trace,), note=taken_back, settled=settled)]

    def settle(self, group: Group) -> Settled:
        return Settled(not group.live, tuple(Chain() for _ in group.live))

    def answers(self, group: Group) -> list[Ranked]:
        return [Ranked(text, float(text.depth)) for text in group.finished]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(tiny_transformer(tiny_config(), 4, kernels="native"), tiny_tokenizer(), 32)


def ask(decoder: Any, **options: Any) -> Any:
    params = SamplingParams(max_tokens=30, temperature=0.0, top_logprobs=3, ignore_eos=True)
    return engine_ask(PROMPT, params, decoder=decoder, **options)


def median_length(engine: Engine) -> float:
    """A limit that some states are over and others are not."""
    lengths: list[float] = []

    @dataclass(frozen=True, slots=True)
    class Measure(Retreat):
        def advance(self, group: Group, rows: Rows) -> list[Growth]:
            assert rows.states is not None
            lengths.append(float(np.linalg.norm(rows.states[0])))
            return Retreat.advance(self, group, rows)

    list(run(engine, ask(Measure(np.inf))))
    return float(np.median(lengths))


def told(engine: Engine, request: Any) -> tuple[str, list[int], list[Any], int]:
    """What somebody has who follows the events: text, tokens, traces; and how often the text went back."""
    text, tokens, traces, settled, backs = "", [], [], 0, 0
    for event in run(engine, request):
        if isinstance(event, BackEvent):
            assert event.tokens >= settled, "a settled token was taken back"
            text, backs = event.text, backs + 1
            del tokens[event.tokens :], traces[event.tokens :]
        elif isinstance(event, TokenEvent):
            text += event.text
            if event.trace is not None:
                tokens.append(event.trace.token_id)
                traces.append(event.trace)
            settled = max(settled, event.settled or 0)
        elif isinstance(event, FinishedEvent):
            (output,) = event.outputs
            assert (output.text, list(output.token_ids), list(output.traces)) == (text, tokens, traces)
            assert event.usage.generated_tokens == len(tokens) + backs
            return text, tokens, traces, backs
    raise AssertionError("no end")


def test_it_runs_with_streaming_and_goes_back(engine: Engine) -> None:
    """Who follows the events has the answer; what is settled stays; no page is left held."""
    limit = median_length(engine)
    _, tokens, _, backs = told(engine, ask(Retreat(limit)))
    assert 0 < backs < 30
    assert len(tokens) == 30
    _, straight, _, none = told(engine, ask(Retreat(np.inf)))
    assert none == 0
    assert tokens != straight
    assert_at_rest(engine)


def test_it_runs_with_traces(engine: Engine) -> None:
    """Each token that was chosen anew has the distribution that it came from."""
    limit = median_length(engine)
    _, plain, _, _ = told(engine, ask(Retreat(limit)))
    _, tokens, traces, _ = told(engine, ask(Retreat(limit), trace=TraceSettings(top=61)))
    assert tokens == plain
    for trace in traces:
        assert trace.distribution is not None
        place = trace.distribution.ids.index(trace.token_id)
        assert place == trace.rank - 1


def test_company_and_preemption_change_nothing(engine: Engine) -> None:
    """As for every decoder."""
    limit = median_length(engine)
    *_, alone = run(engine, ask(Retreat(limit)))
    forget(engine)
    others = [engine.submit(engine_ask((i, 7), SamplingParams(max_tokens=30, seed=i))) for i in range(3)]
    number, found, steps = engine.submit(ask(Retreat(limit))), None, 0
    while engine.busy:
        for event in engine.step():
            if isinstance(event, FinishedEvent) and event.request_id == number:
                found = event
        steps += 1
        if steps % 4 == 0 and engine.scheduler.running:
            engine.scheduler.preempt(engine.scheduler.running[-1])
    assert found is not None
    assert others
    assert found.outputs == alone.outputs
    assert_at_rest(engine)


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        (Needs(chain=True, drafts=True), "another decoder: no draft model is loaded"),
        (Needs(draft_rows=True), "another decoder: no draft model is loaded"),
        (Needs(residuals=True), "another decoder: no entropy head is loaded"),
    ],
)
def test_what_the_engine_lacks_is_refused_by_name(engine: Engine, needs: Needs, said: str) -> None:
    """The message names who asked."""
    with pytest.raises(ParameterError, match=said) as caught:
        engine.submit(ask(Retreat(1.0, needs)))
    assert caught.value.field == "decoder"
    assert "Retreat" in str(caught.value.value)


def test_what_does_not_go_together_is_refused_by_name(engine: Engine) -> None:
    """Speculation beside guidance, or tokens tried beside a mixture: by the decoder's own name."""
    guided = Guidance(1.5, TokenIds((1,)))
    for needs in (Needs(chain=True), Needs(star=True)):
        with pytest.raises(ParameterError, match="with retreat"):
            engine.submit(ask(Retreat(1.0, needs), mixture=guided))


def test_its_own_parameters_are_checked(engine: Engine) -> None:
    """As it says."""
    with pytest.raises(ParameterError, match="2 or more with retreat"):
        engine.submit(engine_ask(PROMPT, SamplingParams(), decoder=Retreat(1.0)))


def test_what_streams_is_settled(engine: Engine) -> None:
    """Who reads tokens only once they are settled reads the answer, and nothing is taken back."""
    request = ask(Retreat(median_length(engine)))
    text, tokens, _, backs = told(engine, request)
    assert backs
    read = [event for event in settled(run(engine, request)) if isinstance(event, TokenEvent)]
    assert "".join(event.text for event in read) == text
    assert [event.trace.token_id for event in read if event.trace] == tokens
