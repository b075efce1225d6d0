"""AB-MCTS: how likely a new answer is, in states whose posteriors are known, and who learns of a reward."""

import numpy as np
import pytest
from scipy import integrate, stats

from ponder.asks import conversation
from ponder.errors import ParameterError
from ponder.rewards import Problem
from ponder.scaling import AbMcts, Beta, Gaussian, Scored, problem_seed
from ponder.scaling.ab_mcts import AnswerNode, back_up, generates, selected
from ponder.scaling.dice import dice
from ponder.scaling.revision_prompt import revision_prompt
from ponder.text import Conversation
from scaling.step_tree import EQUAL, PROBLEM, StepTree, searched
from scaling.test_revision import attempted

DRAWS = 1200
STATES = [([0.9], []), ([0.0], []), ([0.2, 0.4, 0.3], [0.8]), ([1.0, 1.0, 1.0], [0.5, 0.5])]


def distribution(prior, seen):
    """The posterior as scipy has it."""
    if isinstance(prior, Beta):
        return stats.beta(0.5 + sum(seen), 0.5 + sum(1 - r for r in seen))
    n, x = len(seen), np.mean(seen) if seen else 0.0
    kappa, nu = 1 + n, 1 + n
    tau = (0.1 + sum((r - x) ** 2 for r in seen) + n / kappa * x**2) / nu
    return stats.t(nu, n * x / kappa, np.sqrt(tau / kappa))


def probability_of_gen(prior, generated, continued):
    """P(GEN > CONT), by integration over CONT's quantiles."""
    gen, cont = distribution(prior, generated), distribution(prior, continued)
    return integrate.quad(lambda u: gen.sf(cont.ppf(u)), 0, 1, limit=200)[0]


@pytest.mark.slow
@pytest.mark.parametrize("prior", [Beta(), Gaussian()], ids=["beta", "gaussian"])
@pytest.mark.parametrize(("generated", "continued"), STATES)
def test_a_new_answer_is_as_likely_as_the_posteriors_say(prior, generated, continued):
    node = AnswerNode(generated=generated, continued=continued)
    count = sum(generates(node, prior, dice(problem_seed(i, PROBLEM), i)) for i in range(DRAWS))
    expected = probability_of_gen(prior, generated, continued)
    assert 0.02 < expected < 0.98
    assert stats.binomtest(count, DRAWS, expected).pvalue > 1e-4


@pytest.mark.parametrize("prior", [Beta(), Gaussian()], ids=["beta", "gaussian"])
def test_draws_follow_the_posterior(prior):
    for seen in ([], [0.7], [0.1, 0.9, 0.5, 0.5]):
        numbers = dice(7, len(seen))
        drawn = [prior.draw(seen, numbers) for _ in range(DRAWS)]
        assert stats.kstest(drawn, distribution(prior, seen).cdf).pvalue > 1e-4


def test_observations_one_by_one_are_all_at_once():
    numbers, known, seen = np.random.default_rng(0), Gaussian(0.3, 2.0, 3.0, 0.5), []
    for _ in range(20):
        seen.append(numbers.random())
        known = known.updated(seen[-1:])
        together = Gaussian(0.3, 2.0, 3.0, 0.5).updated(seen)
        for name in ("mean", "weight", "freedom", "scale"):
            assert getattr(known, name) == pytest.approx(getattr(together, name), rel=1e-12)


@pytest.mark.slow
def test_the_best_child_is_gone_on_with_as_often_as_its_posterior_says():
    """Of two children, where CONT always wins."""
    root = AnswerNode(generated=[0.0] * 500, continued=[1.0] * 500)
    root.children = [AnswerNode(itself=[0.9, 0.6], parent=root), AnswerNode(itself=[0.4], parent=root)]
    count = sum(selected(root, Beta(), dice(i, 0)) is root.children[0] for i in range(DRAWS))
    expected = probability_of_gen(Beta(), [0.9, 0.6], [0.4])
    assert stats.binomtest(count, DRAWS, expected).pvalue > 1e-4


def test_who_learns_of_a_reward():
    def scored(r):
        return Scored(None, r, (r,) if r is not None else (), scale="probability")

    root = AnswerNode()
    back_up(root, scored(0.5))
    (child,) = root.children
    back_up(child, scored(0.75))
    (grandchild,) = child.children
    back_up(grandchild, scored(1.0))
    back_up(root, scored(None))
    assert (root.itself, root.generated, root.continued) == ([], [0.5], [0.75, 1.0])
    assert (child.itself, child.generated, child.continued) == ([0.5, 0.75, 1.0], [0.75], [1.0])
    assert (grandchild.itself, grandchild.generated, grandchild.continued) == ([0.75, 1.0], [1.0], [])
    assert root.children[1].itself == []
    with pytest.raises(ParameterError, match="from 0 to 1"):
        back_up(root, scored(1.5))


def test_rewards_that_are_logarithms_are_probabilities():
    root = AnswerNode()
    back_up(root, Scored(None, -0.5, (-0.5,), scale="logarithm"))
    assert root.generated == pytest.approx([np.exp(-0.5)])


def test_answers_are_samples_of_the_question_or_revisions():
    """Each sample of a prompt is another one; a revision is asked with the answer that it revises."""
    tree, model = StepTree(4, ends=0.9), StepTree(4, ends=0.9).model()
    answer, effects = searched(AbMcts(**EQUAL), tree, 20, model)
    notes = [effect.note for effect in effects if effect.kind == "note"]
    assert [told["answer"] for told in notes] == list(range(20))
    asked = []
    for ask, told in zip(model.requests, notes, strict=True):
        expected = PROBLEM.prompt
        if told["revised"] is not None:
            attempt = attempted(answer.candidates[told["revised"]].text)
            expected = revision_prompt(PROBLEM, [attempt], AbMcts().revise)
            assert [message.role for message in ask.path.prompt] == ["user", "assistant", "user"]
        assert ask.path.prompt == expected
        asked.append((told["revised"], ask.path.lineage))
    assert len(set(asked)) == 20
    assert 1 < sum(told["revised"] is None for told in notes) < 20
    assert tree.value(answer.text) == max(tree.value(candidate.text) for candidate in answer.candidates)


def test_a_revision_of_raw_text_goes_on_as_raw_text():
    raw = revision_prompt(Problem("?", raw="Q: 1+1\nA:"), [attempted(" 3"), attempted("4")], "Again.")
    assert raw == "Q: 1+1\nA: 3\n\nAgain.\n\n4\n\nAgain.\n\n"
    prompt = revision_prompt(
        Problem("?", system="Short.", template_args={"x": 1}), [attempted("3")], "Again."
    )
    assert isinstance(prompt, Conversation)
    assert [message.content for message in prompt.messages] == ["Short.", "?", "3", "Again."]
    assert prompt.template_args == {"x": 1}
    assert conversation("?", "Short.", {"x": 1}).template_args == {"x": 1}


@pytest.mark.parametrize("prior", [(Beta, "a"), (Gaussian, "weight")])
def test_bad_priors_are_refused(prior):
    kind, name = prior
    with pytest.raises(ParameterError, match=name):
        kind(**{name: 0.0})
