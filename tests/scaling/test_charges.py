"""Limits on what is computed: what is charged, what the least is, and that no run computes more."""

from __future__ import annotations

import asyncio
import math
import operator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ponder.asks import Grow, Path, Tokens
from ponder.asks.cost import Cost
from ponder.constraints import Ban
from ponder.errors import ParameterError, PonderError
from ponder.rewards import (
    Likelihood,
    Problem,
    ProcessReward,
    Product,
    RatingJudge,
    Skywork,
    Threshold,
    ValueHead,
    Veto,
    YesNoJudge,
    callable_verifier,
)
from ponder.scaling import (
    DVTS,
    BestOfN,
    Budget,
    BudgetForcing,
    Journal,
    Revision,
    ShortM,
    StepBeam,
    drive,
    solve,
)
from ponder.scaling.charges import Charges
from ponder.scaling.growing import begin
from ponder.testing import ScriptedModel, Texts
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
MORE = DVTS(2, **STEPS)
VALUE = (np.linspace(-1, 1, tiny_config().hidden_size, dtype=np.float32)[None], np.zeros(1, np.float32))
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
        ({"reward": Likelihood(tiny_model)}, "likelihood, which does not tell beforehand what it computes"),
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


REWARDS = {
    "judge": lambda policy, other: YesNoJudge(policy, "{answer}?", ("y", "n")),
    "another": lambda policy, other: YesNoJudge(other, "{question} {answer}?", ("y", "n")),
    "process": lambda policy, other: ProcessReward(other, Skywork(ValueHead((VALUE,)))),
    "veto": lambda policy, other: Veto(
        Product((VOWELS, YesNoJudge(policy, "{answer}?", ("y", "n")))),
        ProcessReward(other, Skywork(ValueHead((VALUE,)))),
        0.1,
    ),
}
WITH_REWARDS = (*ON_THE_MODEL, Revision(rounds=2, sampling={"max_tokens": 16}, equal=operator.eq), MORE)
REWARD_COUNTS = ("reward_prompt_tokens", "reward_hit_tokens", "reward_cached_tokens", "reward_tokens")


@pytest.fixture(scope="module")
def other_model():
    model = tiny_local_model(context_length=512)
    yield model
    model.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", REWARDS)
@settings(deadline=None, max_examples=6, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    strategy=st.sampled_from(WITH_REWARDS),
    n=st.integers(2, 5),
    most=st.integers(20, 500),
    flops=st.booleans(),
    share=st.floats(0, 1),
)
def test_what_rewards_compute_is_within_the_limit_too(
    own_model, other_model, kind, strategy, n, most, flops, share
):
    """Refused before anything is asked, or an answer; the ledger is both engines' counters; it can resume."""
    models, price = (own_model, other_model), own_model.offers.cost
    reward = REWARDS[kind](*models)
    budget = Budget(n, None, None, None if flops else most, price.tokens(0, most) if flops else None)
    journal = Journal()

    def counters():
        stats = [model.loop.call(model.engine.stats).result(60) for model in models]
        return {name: sum(getattr(one, name) for one in stats) for name in COUNTS}

    def forget():
        for model in models:
            forget_model(model)

    forget()
    before = counters()
    try:
        answer = solved(budget, strategy=strategy, model=own_model, reward=reward, journal=journal)
    except ParameterError as error:
        assert "for one token and its score" in str(error)  # noqa: PT017
        assert counters() == before
        return
    except PonderError as error:
        assert "too little to score it" not in str(error)  # noqa: PT017
        assert "step to score" in str(error)  # noqa: PT017
        return
    after, ledger = counters(), answer.ledger
    for name, of_rewards in zip(COUNTS, (*REWARD_COUNTS, "reward_generated_tokens"), strict=True):
        assert after[name] - before[name] == getattr(ledger, name) + getattr(ledger, of_rewards)
    assert ledger.computed_tokens + ledger.reward_tokens <= (budget.max_computed_tokens or math.inf)
    assert ledger.flops <= (budget.max_flops or math.inf)
    assert ledger.generated_tokens > 0
    assert replayed(strategy, journal, PROBLEM) == answer

    cut = Journal(journal.lines[: round(share * len(journal.lines))])
    forget()
    fresh = REWARDS[kind](*models)
    again = solved(budget, strategy=strategy, model=own_model, reward=fresh, journal=cut)
    if not any('"again"' in line for line in cut.lines):
        assert replace(again, ledger=ledger) == answer


@settings(deadline=None, max_examples=12)
@given(n=st.integers(1, 5), limit=st.integers(9, 400), repeats=st.integers(1, 3), most=st.integers(9, 30))
def test_a_judges_replies_are_kept_for(n, limit, repeats, most):
    """The longest ones before they are written, what they were afterwards."""
    model, judge = ScriptedModel(), ScriptedModel(Texts(("Rating: 7",) * 3))
    reward = RatingJudge(judge, "{answer}?", repeats, {"max_tokens": most})
    try:
        answer = solved(Budget(n, max_computed_tokens=limit), model=model, reward=reward)
    except ParameterError as error:
        assert "for one token and its score" in str(error)  # noqa: PT017
        assert model.requests == judge.requests == []
        return
    ledger = answer.ledger
    assert ledger.computed_tokens + ledger.reward_tokens <= limit
    assert ledger.generated_tokens > 0
    assert ledger.reward_generated_tokens == 9 * repeats * sum(score == 7 for score in answer.scores or ())


def test_whom_the_budget_cannot_score_it_names():
    """A text that its judge reads as more tokens than it has: what was kept for it does not suffice."""

    class Doubled(YesNoJudge):
        def plan(self, policy, problem, candidate):
            (plan,) = super().plan(policy, problem, candidate)
            return (plan._replace(tokens=plan.tokens * (1 if candidate.text == "x" else 20)),)

    model = ScriptedModel(lambda place: "a")
    judge = tiny_local_model(context_length=512)
    reward = Doubled(judge, "{answer}?", ("y", "n"))
    answer = solved(Budget(2, max_computed_tokens=80), model=model, reward=reward)
    judge.close()
    assert answer.scores is None
    assert answer.stopped == "tokens"
    assert [one.why for one in answer.unscored] == ["the budget leaves too little to score it"] * 2
    assert answer.ledger.reward_tokens == 0


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
