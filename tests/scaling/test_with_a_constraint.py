"""Best-of-n whose candidates keep to a constraint, on a tiny model."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import pytest

from ponder.backends.local import LocalModel
from ponder.constraints import Ban, OneOf, Words
from ponder.errors import DataError, ParameterError, UnsupportedError
from ponder.lm import LM
from ponder.rewards import Problem
from ponder.scaling import Answer, BestOfN, Budget, Journal, solve
from ponder.testing import ScriptedModel
from stepping import assert_model_at_rest, forget_model
from tiny_models import tiny_local_model

JOINT = Words(3, 6) & Ban(["e", "x"])
SAMPLING = {"max_tokens": 40, "temperature": 1.5, "seed": 3}
PROBLEM = Problem("so", raw="so")


@pytest.fixture(scope="module")
def model() -> Iterator[LocalModel]:
    model = tiny_local_model(seed=4)
    yield model
    model.close()


def best_of(model: LocalModel, budget: Budget, journal: Journal | None = None) -> Answer:
    strategy = BestOfN("majority", SAMPLING)
    return asyncio.run(solve(strategy, PROBLEM, model, None, budget, journal=journal, constraint=JOINT))


@pytest.mark.slow
def test_candidates_keep_to_a_constraint(model: LocalModel) -> None:
    """They are the samples of a request with it, with what is cached too, and by the strategy's name."""
    forget_model(model)
    answer = best_of(model, Budget(6))
    texts = [candidate.text for candidate in answer.candidates]
    assert len(set(texts)) == 6
    for text in texts:
        assert 3 <= len(re.findall(r"\w+(?:['’-]\w+)*", text)) <= 6
        assert not re.search("[ex]", text)
    lm = LM(model)
    samples = lm("so", chat=False, constraint=JOINT, **answer.sampling)
    assert samples.texts == texts
    assert samples.usage.hit_tokens > 0
    named = lm.solve("so", chat=False, n=6, constraint=JOINT, **SAMPLING)
    assert [candidate.text for candidate in named.candidates] == texts
    assert_model_at_rest(model)


def test_a_budget_that_suffices_changes_no_candidate(model: LocalModel) -> None:
    """Texts that pause at their share of the tokens go on under the same constraint."""
    free = best_of(model, Budget(4))
    limited = best_of(model, Budget(4, free.ledger.generated_tokens))
    assert limited.stopped == "done"
    assert limited.ledger.requests > free.ledger.requests
    assert [one.text for one in limited.candidates] == [one.text for one in free.candidates]


def test_a_journal_is_of_one_constraint(model: LocalModel) -> None:
    """A run that was told to the end is told again; with another constraint it is another run."""
    journal = Journal()
    answer = best_of(model, Budget(3), journal)
    assert best_of(model, Budget(3), journal) == answer
    same, other = BestOfN("majority", SAMPLING), Ban("e")
    with pytest.raises(DataError, match="constraint"):
        asyncio.run(solve(same, PROBLEM, model, None, Budget(3), journal=journal, constraint=other))


def test_what_cannot_be(model: LocalModel) -> None:
    """What is no constraint is refused, and so is one by a model that knows none."""
    lm = LM(model)
    with pytest.raises(ParameterError, match=r"^constraint = 'x' "):
        lm.solve("so", constraint="x")
    only = OneOf(("a",))
    with pytest.raises(UnsupportedError, match="constraint"):
        asyncio.run(solve(BestOfN("majority"), PROBLEM, ScriptedModel(), None, Budget(2), constraint=only))
