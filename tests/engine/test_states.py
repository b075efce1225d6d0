"""A text keeps what the model's head read to choose its last token."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from asking import engine_ask
from ponder.asks import Boundary, Grow, Output, Path, Read, Record, States
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


def grown(engine: Engine, ask: Grow) -> list[Output]:
    """The texts of a request that keeps states."""
    *_, last = run(engine, replace(ask, record=Record(state=True)))
    assert isinstance(last, FinishedEvent)
    assert_at_rest(engine)
    return list(last.outputs)


def assert_read(output: Output, engine: Engine, tokens: tuple[int, ...]) -> None:
    """The state is what the head reads after the token before the last, when it reads the whole text."""
    number = engine.submit(
        Read(Path(TokenIds(PROMPT), tokens), at=(len(PROMPT) + len(tokens) - 2,), of=States())
    )
    read = [event for _ in range(20) for event in engine.step() if event.request_id == number]
    rows = next(event.reading.rows for event in read if isinstance(event, ReadEvent))
    assert rows is not None
    assert output.state is not None
    np.testing.assert_allclose(output.state, rows[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("decoder", [None, Speculative(), BeamSearch(3)])
def test_it_is_that_of_the_whole_text(engine: Engine, decoder: Any) -> None:
    """However it grew."""
    temperature = 0.0 if decoder else 1.0
    params = SamplingParams(n=3, max_tokens=12, temperature=temperature, seed=5)
    for output in grown(engine, engine_ask(PROMPT, params, None, decoder)):
        assert_read(output, engine, output.token_ids)


def test_it_is_that_of_where_the_text_paused(engine: Engine) -> None:
    """And of each part of a text that goes on."""
    params = SamplingParams(max_tokens=30, temperature=1.0, seed=5)
    (first,) = grown(engine, engine_ask(PROMPT, params, until=Boundary(("e",), tokens=9)))
    tokens = first.token_ids
    assert_read(first, engine, tokens)
    (second,) = grown(engine, engine_ask(PROMPT, params, tokens=tokens, until=Boundary(("e",), tokens=9)))
    assert_read(second, engine, tokens + second.token_ids)


def test_it_is_kept_only_where_that_was_asked(engine: Engine) -> None:
    """Texts of others in the batch have none."""
    *_, last = run(engine, engine_ask(PROMPT, SamplingParams(max_tokens=3)))
    assert isinstance(last, FinishedEvent)
    assert [output.state for output in last.outputs] == [None]


def test_a_search_that_tries_tokens_ahead_cannot_keep_it(engine: Engine) -> None:
    """That is said."""
    ask = engine_ask(PROMPT, SamplingParams(max_tokens=3), None, ContrastiveSearch())
    with pytest.raises(ParameterError, match="state = True is not allowed: false with contrastive search"):
        grown(engine, ask)
