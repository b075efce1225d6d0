"""How far from uniform the distribution was that a token was chosen from."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from asking import engine_ask
from ponder.asks import Path, Read, Record
from ponder.asks.read import Logits
from ponder.decoders import BeamSearch, ContrastiveSearch, Speculative
from ponder.engine import Engine, FinishedEvent, ReadEvent
from ponder.errors import ParameterError
from ponder.sampling import SamplingParams
from ponder.text import TokenIds
from stepping import assert_at_rest, run
from tiny_models import tiny_engine

PROMPT = (1, 2, 3)


@pytest.fixture(scope="module")
def engine(one_thread: None) -> Engine:
    return tiny_engine(seed=4)


def read_certainty(engine: Engine, tokens: tuple[int, ...]) -> float:
    """KL(uniform || p) after these tokens, from the logits of the whole text read again."""
    ask = Read(Path(TokenIds(PROMPT), tokens), at=(len(PROMPT) + len(tokens) - 1,), of=Logits())
    number = engine.submit(ask)
    read = [event for _ in range(20) for event in engine.step() if event.request_id == number]
    rows = next(event.reading.rows for event in read if isinstance(event, ReadEvent))
    assert rows is not None
    row = np.asarray(rows[0], np.float64)
    p = np.exp(row - row.max())
    p /= p.sum()
    return -float(np.log(len(p) * p).mean())


@pytest.mark.parametrize("decoder", [None, Speculative(), BeamSearch(3)])
def test_it_is_the_divergence_from_uniform(engine: Engine, decoder: Any) -> None:
    """However the text grew; and asking for it changes no token."""
    params = SamplingParams(n=3, max_tokens=8, temperature=0.0 if decoder else 1.0, seed=5)
    ask = engine_ask(PROMPT, params, None, decoder)
    *_, last = run(engine, replace(ask, record=Record(certainty=True)))
    assert isinstance(last, FinishedEvent)
    assert_at_rest(engine)
    for output in last.outputs:
        for i, trace in enumerate(output.traces):
            assert trace.certainty == pytest.approx(read_certainty(engine, output.token_ids[:i]), rel=1e-4)
    *_, plain = run(engine, ask)
    assert isinstance(plain, FinishedEvent)
    assert [one.token_ids for one in plain.outputs] == [one.token_ids for one in last.outputs]
    assert {trace.certainty for one in plain.outputs for trace in one.traces} == {None}


def test_a_search_that_tries_tokens_ahead_cannot_tell_it(engine: Engine) -> None:
    ask = engine_ask(PROMPT, SamplingParams(max_tokens=3), None, ContrastiveSearch())
    with pytest.raises(ParameterError, match="certainty = True is not allowed: false with contrastive"):
        list(run(engine, replace(ask, record=Record(certainty=True))))
