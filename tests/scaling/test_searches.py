"""What holds for all strategies that search: budgets, ledgers, journals, rewards with gaps."""

import asyncio
import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ponder.asks import Boundary
from ponder.errors import ParameterError, PonderError
from ponder.rewards import Candidate, Judgement, Problem
from ponder.scaling import (
    DVTS,
    AbMcts,
    Answer,
    Auto,
    Beta,
    Budget,
    BudgetForcing,
    EffectDone,
    Journal,
    Mcts,
    Particles,
    PowerSampling,
    Progress,
    Rebase,
    Revision,
    SpeculativeRejection,
    StepBeam,
    drive,
    solve,
)
from ponder.testing import ScriptedModel
from scaling.policies import clear_at
from scaling.step_search import Ones
from scaling.test_drive import assert_ledger_is_the_models
from scaling.test_journal import PROBLEM, replayed, run

WHOLE = {"equal": operator.eq, "sampling": {"max_tokens": 24}}
STEPS = {**WHOLE, "step": Boundary(("\n",), 6), "max_steps": 3}
STRATEGIES = [
    StepBeam(**STEPS),
    StepBeam(2, 2, lookahead=1, convention="search-and-learn", **STEPS),
    StepBeam(3, 2, convention="its-hub", **STEPS),
    DVTS(2, lookahead=1, **STEPS),
    Rebase(**STEPS),
    Particles(**STEPS),
    Particles("systematic", tempering=True, **STEPS),
    SpeculativeRejection(5, **WHOLE),
    Mcts(3, **STEPS),
    AbMcts(**WHOLE),
    AbMcts(Beta(), **WHOLE),
    PowerSampling(4.0, 10, 2, "weighted", **WHOLE),
    BudgetForcing(1, end="+", selection="plain", **WHOLE),
    BudgetForcing(1, end="", least=6, most=9, grace=4, selection="plain", **WHOLE),
    Revision(rounds=3, selection="weighted", **WHOLE),
    Auto(clear_at(0.6, (2, 3, 8)), **WHOLE),
    Auto(clear_at(2.0, (2, 4, 8), "search"), step=STEPS["step"], **WHOLE),
]
all_strategies = pytest.mark.parametrize(
    "strategy", STRATEGIES, ids=[f"{one.name}-{i}" for i, one in enumerate(STRATEGIES)]
)
LEAST = len(ScriptedModel().characters.prompt(PROBLEM.prompt)) + 1
quick = settings(deadline=None, max_examples=4, phases=[Phase.explicit, Phase.reuse, Phase.generate])


@dataclass(frozen=True)
class Gaps:
    """Scores as `Ones` does, and leaves out each text with this probability."""

    share: float
    name: str = "gaps"
    scale: str = "probability"
    needs: frozenset[str] = frozenset()

    async def judge(self, problem: Problem, candidates: Sequence[Candidate]) -> Judgement:
        judgement = await Ones().judge(problem, candidates)
        kept = (hash((one.path.tokens, one.path.lineage)) % 100 >= 100 * self.share for one in candidates)
        return Judgement(
            tuple(steps if keep else () for keep, steps in zip(kept, judgement.steps, strict=True))
        )


def told(strategy, budget, reward=None, journal=None, model=None):
    """Return all events of a run, with a journal that has every token."""
    args = (strategy, PROBLEM, model or ScriptedModel(), reward or Ones(), budget)

    async def events():
        return [event async for event in drive(*args, journal=journal, progress_s=0)]

    return asyncio.run(events())


def effects(events, kind):
    return [event for event in events if isinstance(event, EffectDone) and event.kind == kind]


@pytest.mark.slow
@all_strategies
@quick
@given(
    n=st.integers(1, 6),
    tokens=st.one_of(st.none(), st.integers(1, 60)),
    computed=st.one_of(st.none(), st.integers(LEAST, 150)),
    data=st.data(),
)
def test_budget_ledger_and_journal(strategy, n, tokens, computed, data):
    """An answer within the budget, all of it counted, told again the same, and gone on with from any line."""
    budget = Budget(n, tokens, max_computed_tokens=computed)
    journal, model = Journal(), ScriptedModel()
    events = told(strategy, budget, journal=journal, model=model)
    answer = events[-1]
    assert isinstance(answer, Answer)
    assert_ledger_is_the_models(answer.ledger, model)
    generated = answer.ledger.generated_tokens
    assert generated <= (tokens or generated)
    assert answer.ledger.computed_tokens <= (computed or math.inf)
    assert generated == tokens if answer.stopped == "tokens" and not computed else True
    assert generated == sum(node.tokens for event in effects(events, "extend") for node in event.nodes)
    if answer.stopped == "done":
        assert {candidate.finish_reason for candidate in answer.candidates} <= {"stop", "length"}
        unlimited = tokens is None and computed is None
        assert unlimited or told(strategy, Budget(n))[-1].candidates == answer.candidates
    assert replayed(strategy, journal) == answer

    cut = Journal(journal.lines[: data.draw(st.integers(0, len(journal.lines)))])
    resumed = run(strategy, ScriptedModel(), cut, budget=budget)
    assert replayed(strategy, cut) == resumed
    if any('"again"' in line for line in cut.lines):  # after what was put in as text, texts begin again
        assert strategy.name == "budget-forcing"
        assert generated <= resumed.ledger.generated_tokens <= (tokens or math.inf)
        assert tokens or computed or resumed.candidates == answer.candidates
        return
    assert replace(resumed, ledger=answer.ledger) == answer
    assert resumed.ledger.generated_tokens == generated


@pytest.mark.slow
@all_strategies
def test_who_is_not_scored_ranks_last(strategy):
    """As a step and in the end. Where none of those to choose from is scored, there is no choice."""
    answered = 0
    for share, n, tokens in ((0.4, 1, None), (0.4, 5, 30), (0.6, 6, None), (1.0, 2, None)):
        try:
            answer = told(strategy, Budget(n, tokens), Gaps(share))[-1]
        except PonderError as error:
            why = str(error)
            assert why.startswith("the reward gaps gave")
            continue
        answered += 1
        assert share < 1
        assert answer.scores[answer.chosen] is not None
        named = {one.index for one in answer.unscored}
        assert named == {i for i, score in enumerate(answer.scores) if score is None}
    assert answered


@all_strategies
def test_from_the_first_round_on_there_is_a_best_so_far(strategy):
    """A text of the tree, and never one that is cut off or paused once one is finished."""
    events = told(strategy, Budget(6))
    first = events.index(effects(events, "note")[0])
    best = [event.best for event in events[first:] if isinstance(event, Progress)]
    finished = [one.finish_reason == "stop" for one in best]
    assert finished == sorted(finished)
    assert finished[-1]


@all_strategies
def test_a_reward_is_needed_and_n_is_the_budgets(strategy):
    if "reward" in strategy.needs:
        with pytest.raises(ParameterError, match=f"a reward, which this {strategy.name} needs"):
            asyncio.run(solve(strategy, PROBLEM, ScriptedModel()))
    with pytest.raises(ParameterError, match="set in the budget"):
        replace(strategy, sampling={"n": 3})
