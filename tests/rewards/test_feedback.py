"""What a reward says of a text in words: who says it, how it is bounded, who passes it on."""

import asyncio

import pytest

from ponder.constraints import Regex
from ponder.errors import ParameterError
from ponder.rewards import (
    MOST_FEEDBACK,
    Candidate,
    ConstraintReward,
    Judgement,
    Problem,
    Threshold,
    Veto,
    Weighted,
    Within,
    callable_verifier,
    judged,
)


class Says:
    """A reward that gives 0.5 and these words."""

    name, scale, needs = "says", "probability", frozenset()

    def __init__(self, *feedback):
        self.feedback = feedback

    async def judge(self, problem, candidates):
        return Judgement.of([0.5] * len(candidates), feedback=self.feedback)


def ask(reward, *texts):
    return asyncio.run(judged(reward, Problem("?"), [Candidate(text) for text in texts]))


def test_a_function_may_say_what_is_wrong():
    said = {"a": (0.5, "too short"), "b": 1.0, "c": (0.0, 3), "d": ("x", "y"), "e": (True, "")}
    judgement = ask(callable_verifier(lambda _, text: said[text], "mine"), *said)
    assert judgement.feedback == ("too short", "", "", "", "")
    assert judgement.outcomes() == (0.5, 1.0, None, None, 1.0)
    allowed = "a finite number or a bool is allowed, alone or with feedback as text"
    assert judgement.unscored[0].why == f"the reward mine returned (0.0, 3): {allowed}"
    assert ask(callable_verifier(lambda _, text: 1.0), "a").feedback == ()


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("x" * MOST_FEEDBACK, "x" * MOST_FEEDBACK),
        ("x" * 10_000_000, "x" * (MOST_FEEDBACK - 4) + " ..."),
        ("\x1b[31mred\x07 \u202eevil\n\tcode", "\\x1b[31mred\\x07 \\u202eevil\n\tcode"),
        ("\x00" * MOST_FEEDBACK, ("\\x00" * MOST_FEEDBACK)[: MOST_FEEDBACK - 4] + " ..."),
        ("\ud800", "\\ud800"),
    ],
    ids=["just", "long", "controls", "longer when shown", "surrogate"],
)
def test_it_is_bounded_and_printable(words, shown):
    assert ask(Says(words), "a").feedback == (shown,)


@pytest.mark.parametrize("feedback", [("a",), ("a", "b", "c"), ("a", None)])
def test_one_text_for_each_candidate(feedback):
    with pytest.raises(
        ParameterError, match="one text for each of the 2 candidates, or none, from the reward"
    ):
        ask(Says(*feedback), "a", "b")


def test_compositions_pass_it_on():
    one, other, silent = Says("a", ""), Says("b", "c"), Says()
    assert ask(Weighted({one: 0.5, silent: 0.25, other: 0.25}), "x", "y").feedback == ("a\nb", "c")
    assert ask(Veto(one, by=other, least=1), "x", "y").feedback == ("a\nb", "c")
    assert ask(Within(Threshold(one, 0.2), 0, 1), "x", "y").feedback == ("a", "")
    assert ask(Weighted({silent: 1.0}), "x", "y").feedback == ()


def test_a_constraint_says_where_it_is_broken():
    judgement = ask(ConstraintReward(Regex("[a-c]+!")), "abc!", "abxc!", "abc", "\xe9")
    assert judgement.outcomes() == (1.0, 0.0, 0.0, 0.0)
    assert judgement.feedback == (
        "",
        "The text may not go on with 'x' after 'ab'.",
        "The text may not end after 'abc'.",
        "The text may not begin with '\xe9'.",
    )
