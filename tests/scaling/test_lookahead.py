"""Lookahead: whose score a step has, and what it costs."""

import pytest

from ponder.scaling import DVTS, StepBeam
from scaling.step_tree import COMMON, StepTree, searched, texts_of


@pytest.mark.parametrize("strategy", [StepBeam, DVTS])
@pytest.mark.parametrize("k", [0, 1, 3])
def test_a_round_of_n_steps_costs_n_times_k_plus_1(strategy, k):
    """Where no text ends on the way; the last round, the rest of the text, is not looked ahead of."""
    tree, model = StepTree(3, ends=0, deepest=20), StepTree(3, ends=0, deepest=20).model()
    answer, _ = searched(strategy(expand=3, max_steps=3, lookahead=k, **COMMON), tree, 6, model)
    rest = 6 * (20 - 2)  # steps
    assert answer.ledger.generated_tokens == 2 * (2 * 6 * (k + 1) + rest)
    rollouts = [ask for ask in model.requests if ask.params["n"] == 1]
    assert len(rollouts) == 2 * 6 * k
    assert {ask.params["temperature"] for ask in rollouts} <= {0.0}


def test_a_step_scores_what_its_rollout_scores():
    """The texts that are judged are the rollouts' ends, and they stay out of what competes in the end."""
    tree, k = StepTree(5), 2
    answer, effects = searched(StepBeam(2, 3, max_steps=4, lookahead=k, **COMMON), tree)
    whole = texts_of(effects)
    first = [whole[node.node] for node in effects[0].nodes]
    judged = [whole[node.node] for node in next(effect for effect in effects if effect.kind == "judge").nodes]
    assert judged == [tree.rolled_out(text, k) for text in first]
    for candidate, score in zip(answer.candidates, answer.scores, strict=True):
        assert score == tree.value(candidate.text)  # a finished text is not rolled out
