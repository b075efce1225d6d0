"""Limits on what is computed: what is charged, what the least is, and that no run computes more."""

from __future__ import annotations

import asyncio
import operator
from dataclasses import replace

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ponder.asks import Grow, Path, Tokens
from ponder.asks.cost import Cost
from ponder.constraints import Ban
from ponder.errors import ParameterError
from ponder.rewards import (
    Likelihood,
    Problem,
    Threshold,
    Veto,
    YesNoJudge,
    callable_verifier,
)
from ponder.scaling import BestOfN, Budget, BudgetForcing, Journal, ShortM, StepBeam, drive, solve
from ponder.scaling.charges import Charges
from ponder.scaling.growing import begin
from ponder.testing import ScriptedModel
from scaling.step_search import Ones, Reads, best_of_n
from scaling.test_drive import assert_ledger_is_the_models
from scaling.test_journal import replayed
from scaling.test_searches import STEPS, WHOLE
from stepping import forget_model
from tiny_models import tiny_config, tiny_local_model

PROBLEM = Problem("abcdefgh", raw="abcdefgh")
PROMPT = 8
ON_THE_MODEL = (
    BestOfN("weighted", {"max_tokens": 24}, operator.eq),
    ShortM(2, 5, **WHOLE),
    StepBeam(2, 2, lookahead=1, **STEPS),
    BudgetForcing(1, end="+", most=12, sampling={"max_tokens": 60}, equal=operator.eq),
)
COUNTS = ("prompt_tokens", "hit_tokens", "cached_tokens", "computed_tokens", "generated_tokens")
VOWELS = replace(
    callable_verifier(lambda problem, text: sum(text.count(vowel) for vowel in "aeiou") / (len(text) + 1)),
    scale="probability",
)


def solved(budget, *, strategy=None, model=None, reward=None, journal=None, problem=PROBLEM, **options):
    strategy, model = strategy or best_of_n("majority"), model or ScriptedModel(lambda place: "a")
    return asyncio.run(solve(strategy, problem, model, reward, budget, journal=journal, **options))


@pytest.mark.parametrize("windows", [(None, None), (3, None, 7), (1,)])
def test_what_tokens_cost_is_what_a_forward_pass_attends(windows):
    config = tiny_config(num_layers=len(windows), sliding_windows=windows)
    price = Cost(token=5, attended=3, row=7, windows=windows)
    for first in range(9):
        for end in range(first, 12):
            seen = config.attended(range(first, end))
            assert price.tokens(first, end) == 5 * (end - first) + 3 * seen


def test_a_budget_is_spent_to_the_token():
    """A prompt once, and each generated token."""
    for n, computed, lengths in ((1, 12, [4]), (3, 12, [2, 1, 1]), (3, 9, [1, 0, 0]), (2, 30, [11, 11])):
        answer = solved(Budget(n, max_computed_tokens=computed))
        assert [candidate.tokens for candidate in answer.candidates] == lengths
        assert answer.stopped == "tokens"


def test_each_token_of_a_path_is_charged_once():
    """A prompt; a text that is gone on with for the first time, and again; its beginning; text put in."""
    charges = Charges(model := ScriptedModel(), model.resolve, None)

    def charged(*paths):
        asks = [Grow(path, until=Tokens(3)) for path in paths]
        entries, growing = charges.enter(asks), [begin(ask, i)[0] for i, ask in enumerate(asks)]
        for text in growing:
            text.tokens += (1, 2, 3)
        charges.keep(entries, growing)
        return [entry.charge.computed_tokens for entry in entries]

    assert charged(Path("abcdefgh"), Path("abcxyz")) == [8, 6]  # at the same time
    assert charged(Path("abcdefgh")) == [1]
    assert charged(Path("abcdefgh", (1, 2, 3))) == [0]
    assert charged(Path("abcdefgh", (1, 2, 3)), Path("abcdefgh", (1, 2))) == [1, 1]
    assert charged(Path("abcdefgh", (1, 2), "Wait")) == [4]
    assert charged(Path("abcxyz", (1, 2, 3), "Wait"), Path("abcxyz", (1, 2, 3), "No")) == [4, 3]
    assert charged(Path("abcdef")) == [1]
    assert charged(Path("abcdefgh\x01")) == [1]


def test_below_the_least_nothing_is_spent(tiny_model):
    """One token after the prompt is the least, and with that there is an answer."""
    price, model = tiny_model.offers.cost, ScriptedModel(lambda place: "a")
    journal = Journal()
    with pytest.raises(
        ParameterError, match=r"^max_computed_tokens = 8 is not allowed: at least 9 here, for"
    ):
        solved(Budget(2, max_computed_tokens=PROMPT), model=model, journal=journal)
    assert model.requests == journal.lines == []
    assert solved(Budget(2, max_computed_tokens=PROMPT + 1), model=model).candidate.text == "a"

    least = price.tokens(0, PROMPT + 1) + price.row
    with pytest.raises(
        ParameterError, match=r"^max_flops = \d+ is not allowed: at least (\S+) here"
    ) as refused:
        solved(Budget(2, max_flops=least - 1), model=tiny_model)
    said = float(str(refused.value).split("at least ")[1].split()[0])
    assert least <= said < 1.01 * least
    answer = solved(Budget(2, max_flops=least), model=tiny_model)
    assert answer.stopped == "flops"
    assert [candidate.tokens for candidate in answer.candidates] == [1, 0]


def test_what_cannot_be_known_before_is_refused(tiny_model):
    scripted, limit = ScriptedModel(), Budget(2, max_computed_tokens=50)
    cases = [
        ({"reward": Reads(scripted)}, "max_computed_tokens = 50 .* left unset with the reward reads"),
        ({"reward": YesNoJudge(scripted)}, "the reward judge, which may read texts again"),
        ({"reward": Likelihood(tiny_model)}, "the reward likelihood"),
        ({"reward": Veto(Ones(), Reads(scripted), 1)}, "the reward ones"),
        ({"model": tiny_model, "constraint": Ban("x")}, "constraint = .* left unset where the budget limits"),
    ]
    for options, says in cases:
        with pytest.raises(ParameterError, match=says):
            solved(limit, **{"model": scripted, **options})
    with pytest.raises(
        ParameterError, match=r"max_flops = 1000000000000.0 .* scripted, which does not tell what it"
    ):
        solved(Budget(2, max_flops=1e12), model=scripted)
    text = ScriptedModel()
    text.offers = replace(text.offers, paths="text")
    with pytest.raises(ParameterError, match="whose tokens are not known before"):
        solved(limit, model=text)
    assert scripted.requests == text.requests == []
    for reward in (Likelihood(scripted), Threshold(Ones(), 0.5)):
        assert solved(limit, model=scripted, reward=reward).ledger.reward_tokens == 0


@pytest.fixture(scope="module")
def own_model():
    model = tiny_local_model(context_length=512)
    yield model
    model.close()


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ON_THE_MODEL, ids=[one.name for one in ON_THE_MODEL])
@settings(deadline=None, max_examples=3, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    n=st.integers(1, 5),
    length=st.integers(1, 40),
    raw=st.booleans(),
    most=st.integers(1, 300),
    which=st.sampled_from(
        [
            ("max_generated_tokens",),
            ("max_computed_tokens",),
            ("max_flops",),
            ("max_computed_tokens", "max_flops"),
        ]
    ),
    data=st.data(),
)
def test_on_a_model_the_engine_computes_no_more(own_model, strategy, n, length, raw, most, which, data):
    """Refused before anything is asked, or an answer within the limits; the same from any line on."""
    text, price = "abcdefghij"[: length % 10] + "ab " * (length // 3) + "c", own_model.offers.cost
    problem = Problem(text, raw=text if raw else None)
    limits = {
        "max_generated_tokens": most // 3 + 1,
        "max_computed_tokens": most,
        "max_flops": price.tokens(0, most),
    }
    budget, journal = Budget(n, **{name: limits[name] for name in which}), Journal()
    counters = lambda: own_model.loop.call(own_model.engine.stats).result(60)  # noqa: E731

    async def told():
        events = drive(strategy, problem, own_model, VOWELS, budget, journal=journal, progress_s=0)
        return [event async for event in events][-1]

    forget_model(own_model)
    before = counters()
    try:
        answer = asyncio.run(told())
    except ParameterError as error:
        assert "for one token and its score" in str(error)  # noqa: PT017
        assert counters() == before
        return
    after, ledger = counters(), answer.ledger
    assert {name: getattr(after, name) - getattr(before, name) for name in COUNTS} == {
        name: getattr(ledger, name) for name in COUNTS
    }
    assert ledger.computed_tokens <= (budget.max_computed_tokens or ledger.computed_tokens)
    assert ledger.generated_tokens <= (budget.max_generated_tokens or ledger.generated_tokens)
    assert ledger.flops <= (budget.max_flops or ledger.flops)
    assert replayed(strategy, journal, problem) == answer

    cut = Journal(journal.lines[: data.draw(st.integers(0, len(journal.lines)))])
    forget_model(own_model)
    again = solved(budget, strategy=strategy, model=own_model, reward=VOWELS, journal=cut, problem=problem)
    if not any('"again"' in line for line in cut.lines):
        assert replace(again, ledger=ledger) == answer


@pytest.mark.slow
def test_what_others_left_in_the_cache_changes_nothing(own_model):
    """A prompt costs the same whoever computed it, so that the answer is the same."""
    budget = Budget(4, max_computed_tokens=60)
    forget_model(own_model)
    first = solved(budget, model=own_model)
    known = solved(budget, model=own_model)
    assert known.ledger.computed_tokens < first.ledger.computed_tokens
    assert known.candidates == first.candidates
    assert first.stopped == "tokens"


def test_the_ledger_of_a_script_is_within_the_limit_too():
    model = ScriptedModel()
    answer = solved(
        Budget(4, 50, max_computed_tokens=70), strategy=StepBeam(**STEPS), model=model, reward=Ones()
    )
    assert_ledger_is_the_models(answer.ledger, model)
    assert answer.ledger.computed_tokens <= 70
