"""Constraints as rewards, against what the text plainly is."""

import asyncio
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ponder.asks import Path
from ponder.constraints import Ban, Grammar, JsonSchema, Length, OneOf, Oracle, Regex, TokenCount
from ponder.errors import ParameterError, UnsupportedError
from ponder.rewards import Candidate, ConstraintReward, Problem, judged
from ponder.testing import ScriptedModel


def steps(reward, *candidates):
    return asyncio.run(judged(reward, Problem("?"), candidates)).steps


AB = ConstraintReward(Regex("(ab)+c?"))


@pytest.mark.slow
@settings(max_examples=40, derandomize=True)
@given(st.lists(st.text("abc", max_size=3), min_size=1, max_size=4), st.sampled_from(["stop", "until", None]))
def test_a_step_says_whether_its_text_can_be_completed_and_the_last_whether_it_keeps(parts, reason):
    text, before = "".join(parts), ""
    expected = []
    for part in parts:
        before += part
        expected.append(float(re.fullmatch("(ab)*(a|(?<=b)c)?", before) is not None))
    if reason != "until":
        expected[-1] = float(re.fullmatch("(ab)+c?", text) is not None)
    candidate = Candidate(text, steps=tuple(parts), finish_reason=reason)
    assert steps(AB, candidate) == (tuple(expected),)


@pytest.mark.parametrize(
    ("constraint", "keeps", "breaks"),
    [
        (JsonSchema('{"type": "object", "required": ["a"]}'), '{"a": "ü"}', '{"b": 1}'),
        (Ban(("foo",)), "fo o", "a food"),
        (Ban(("foo",)) & Length(1, 5), "bar", "barbarian"),
        (OneOf(("yes", "no")), "no", "nor"),
        (Grammar('start: "a" "b"+'), "abb", "aba"),
        (
            Oracle(
                lambda text: text.count("(") >= text.count(")"),
                lambda text: text.count("(") == text.count(")"),
            ),
            "(a)",
            "a)(",
        ),
        (~Regex("é+"), "e", "éé"),
    ],
)
def test_any_constraint(constraint, keeps, breaks):
    assert steps(ConstraintReward(constraint), Candidate(keeps), Candidate(breaks)) == ((1.0,), (0.0,))


def test_a_text_that_was_cut_off_does_not_keep_to_what_it_had_not_finished():
    cut = Candidate("(", finish_reason="cancelled"), Candidate("(", finish_reason="until")
    assert steps(ConstraintReward(Regex(r"\(\)")), *cut) == ((0.0,), (1.0,))


def test_constraints_on_tokens_count_the_models_tokens(tiny_model):
    reward = ConstraintReward(TokenCount(2, 3), tiny_model)
    end = tiny_model.tokenizer.eos_ids[0]
    own = [
        Candidate("?", model="tiny", path=Path("p", tokens), finish_reason="stop")
        for tokens in ((1,), (1, 2), (1, 2, 3, end), (1, 2, 3, 4))
    ]
    assert steps(reward, *own, Candidate("abc"), Candidate("abcd")) == (
        (0.0,),
        (1.0,),
        (1.0,),
        (0.0,),
        (1.0,),
        (0.0,),
    )


def test_what_cannot_be_compiled_is_refused():
    with pytest.raises(UnsupportedError, match="cuts text into tokens"):
        steps(ConstraintReward(TokenCount(1, 1), ScriptedModel()), Candidate("a"))
    with pytest.raises(ParameterError):
        steps(ConstraintReward(Regex("a") & Regex("b")), Candidate("a"))
