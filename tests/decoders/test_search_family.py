"""What holds of every search: its answer is its own, whatever runs beside it, and texts keep their rules."""

import math
import random
from dataclasses import replace

import pytest
import torch

from asking import engine_ask
from decoders.answering import answer
from forward import all_logits
from ponder.constraints import Ban
from ponder.decoders import BeamSample, BeamSearch, DiverseBeamSearch, StochasticBeamSearch
from ponder.engine import EngineLimits, FinishedEvent
from ponder.errors import ParameterError
from ponder.sampling import SamplingParams
from stepping import assert_at_rest, forget, run
from tiny_models import tiny_engine

SEARCHES = [
    BeamSearch(4),
    BeamSearch(4, 0.6, semantics="fairseq"),
    BeamSearch(4, 2.0, semantics="vllm"),
    BeamSample(4),
    DiverseBeamSearch(4, 2, 1.0),
    StochasticBeamSearch(4),
]
DRAWN = [search for search in SEARCHES if "seed" not in search.unused]


@pytest.fixture(scope="module")
def engine():
    """A random model over 64 tokens."""
    return tiny_engine(seed=1)


def finished(engine, requests):
    """Run requests together; the outputs of each."""
    ids = {engine.submit(request): i for i, request in enumerate(requests)}
    outputs = {}
    while len(outputs) < len(requests):
        for event in engine.step():
            if isinstance(event, FinishedEvent):
                outputs[ids[event.request_id]] = event.outputs
    assert_at_rest(engine)
    return [outputs[i] for i in range(len(requests))]


@pytest.mark.slow
def test_schedules_and_company_change_nothing(engine):
    """Alone, all together, and with too few pages, so that searches are preempted and computed again."""
    rng = random.Random(0)
    requests = [
        engine_ask(
            tuple(rng.randrange(61) for _ in range(rng.randrange(1, 40))),
            SamplingParams(max_tokens=14, n=4, seed=5, temperature=1.3 if search in DRAWN else 1.0),
            decoder=search,
        )
        for search in SEARCHES
    ]
    alone = []
    for request in requests:
        forget(engine)
        *_, last = run(engine, request)
        alone.append(last.outputs)
    forget(engine)
    assert finished(engine, requests) == alone
    narrow = tiny_engine(seed=1, num_pages=12, limits=EngineLimits(token_budget=16))
    assert finished(narrow, requests) == alone
    assert narrow.scheduler.preemptions


@pytest.mark.parametrize("search", SEARCHES, ids=str)
def test_fewer_answers_are_the_first_ones(engine, search):
    """n says how many come back, and nothing else but how probable each was to be among them."""
    four = answer(engine, [3, 1, 4], search, max_tokens=8, n=4, seed=6)
    two = answer(engine, [3, 1, 4], search, max_tokens=8, n=2, seed=6)
    assert [replace(output, inclusion=None) for output in two] == [
        replace(output, inclusion=None) for output in four[:2]
    ]


@pytest.mark.slow
@pytest.mark.parametrize("search", DRAWN, ids=str)
def test_seeds_tell_draws_apart(engine, search):
    """The same seed gives the same texts; ten seeds give several."""
    texts = [answer(engine, [3, 1, 4], search, max_tokens=8, seed=seed)[0] for seed in range(10)]
    assert texts == [answer(engine, [3, 1, 4], search, max_tokens=8, seed=seed)[0] for seed in range(10)]
    assert len({output.token_ids for output in texts}) > 2


@pytest.mark.parametrize("search", SEARCHES, ids=str)
def test_rules_of_a_text_hold(engine, search):
    """Bans, stop strings, a minimum length and a forbidden token, all at once."""
    outputs = answer(
        engine,
        [3, 1, 4],
        search,
        Ban(("a", "e")),
        max_tokens=12,
        min_tokens=5,
        n=4,
        seed=3,
        stop=("t", "7"),
        logit_bias={1: -100},
        repetition_penalty=1.2,
    )
    assert outputs
    for output in outputs:
        assert not {"a", "e", "b"} & set(output.text)
        assert 5 <= len(output.token_ids) <= 12
        assert not {"t", "7"} & set(output.text[5:])


@pytest.mark.parametrize("search", SEARCHES, ids=str)
def test_traces_are_the_models(engine, search):
    """Raw log-probabilities, entropies, ranks and alternatives of the answers' own tokens."""
    prompt = [7, 3, 50]
    for output in answer(engine, prompt, search, max_tokens=6, n=4, seed=1, ignore_eos=True, top_logprobs=3):
        (logits,) = all_logits(engine.model, [[*prompt, *output.token_ids]])
        logprobs = torch.log_softmax(logits[2:-1].double(), dim=-1)
        for trace, row, token in zip(output.traces, logprobs, output.token_ids, strict=True):
            assert trace.token_id == token
            assert trace.logprob == pytest.approx(float(row[token]), abs=1e-4)
            assert trace.entropy == pytest.approx(float(-(row.exp() * row).sum()), abs=1e-4)
            assert trace.rank == 1 + int((row > row[token]).sum())
            assert [token for token, _ in trace.top] == row.topk(3).indices.tolist()
            assert trace.kept == len(row)
            assert trace.kept_mass == pytest.approx(1, abs=1e-5)
        assert output.logprob == pytest.approx(math.fsum(t.logprob for t in output.traces), abs=1e-5)


@pytest.mark.parametrize("search", SEARCHES, ids=str)
def test_more_answers_than_beams_are_refused(engine, search):
    """n is at most num_beams."""
    with pytest.raises(ParameterError, match="n = 5 is not allowed: at most num_beams, which is 4"):
        answer(engine, [1], search, n=5, max_tokens=8)


@pytest.mark.parametrize("search", DRAWN, ids=str)
def test_a_draw_needs_a_temperature(engine, search):
    """At temperature 0 one text has all of the probability."""
    with pytest.raises(ParameterError, match="temperature = 0 is not allowed: over 0"):
        answer(engine, [1], search, temperature=0, max_tokens=8)


@pytest.mark.parametrize(
    "search",
    [type(search)(400, *([5] * (search == SEARCHES[4]))) for search in SEARCHES[3:]] + [BeamSearch(400)],
    ids=str,
)
def test_four_hundred_beams(search):
    """The widest there are: all answers, all different."""
    engine = tiny_engine(seed=2, num_pages=2048)
    outputs = answer(engine, [5, 6], search, max_tokens=4, n=400, ignore_eos=True, seed=1)
    assert len(outputs) == 400
