"""Budget forcing: against a loop over characters, and where ends lie in the middle of tokens."""

import asyncio
import operator

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from ponder.asks import Path
from ponder.errors import ParameterError, UnsupportedError
from ponder.rewards import Problem
from ponder.scaling import Budget, BudgetForcing, Text, solve
from ponder.testing import Babble, Place, ScriptedModel
from scaling.test_drive import assert_ledger_is_the_models

PROBLEM = Problem("What is 6 * 7?", "42")
unhurried = settings(deadline=None, max_examples=120, phases=[Phase.explicit, Phase.reuse, Phase.generate])


def solved(strategy, model, n=1, tokens=None, problem=PROBLEM):
    return asyncio.run(solve(strategy, problem, model, None, Budget(n, tokens)))


def forcing(*args, **values):
    return BudgetForcing(*args, **{"equal": operator.eq, "sampling": {"max_tokens": 60}} | values)


def forced(following, strategy, limit):
    """The text of a policy under budget forcing, written a character at a time."""
    text, length, written, ignored = "", 0, 0, 0
    most = strategy.sampling["max_tokens"]
    while length < most:
        character = following(text)
        text, length, written = text + character, length + 1, written + 1
        if length == most and character:
            return text
        ended = character in ("", strategy.end)
        over = limit is not None and written >= limit
        if ended and not over and (ignored < strategy.waits or written < strategy.least):
            ignored += 1
            text = text.removesuffix(strategy.end) if character else text
            text, length = text + strategy.wait, length - 1 + len(strategy.wait)
            continue
        if not character:
            return text
        landing = limit is not None and written >= max(1, limit - strategy.grace) and text.endswith("\n")
        if not (ended or over or landing):
            continue
        if not ended:
            end = f"{strategy.end}\n" if strategy.end else ""
            more = ("" if text.endswith("\n") else "\n") + end + strategy.close
            text, length = text + more, length + len(more)
        while length < most and (character := following(text)):
            text, length = text + character, length + 1
        return text
    return text


@pytest.mark.slow
@unhurried
@example(21, 3, "=", 7, 18, 2, 0, None)  # an end right after what was put in
@given(
    number=st.integers(0, 30),
    waits=st.integers(0, 3),
    end=st.sampled_from(["+", "=", ""]),
    least=st.integers(0, 8),
    over=st.one_of(st.none(), st.integers(0, 20)),
    grace=st.integers(0, 8),
    reserve=st.sampled_from([0, 0, 12, 70]),
    tokens=st.one_of(st.none(), st.integers(1, 90)),
)
def test_it_is_the_loop_over_characters(number, waits, end, least, over, grace, reserve, tokens):
    """Greedily, for any parameters; with a budget it is the beginning of that."""
    most = None if over is None else max(1, least + over)
    values = {"least": least, "most": most, "grace": grace, "reserve": reserve, "close": "A:"}
    strategy = forcing(waits, "Wa", end, **values)
    problem, model = Problem(f"What is {number}?"), ScriptedModel()
    prompt = model.characters.decode(model.characters.prompt(problem.prompt))

    def following(text):
        return Babble().word(Place(prompt, tuple(text), temperature=0)).text

    limits = [] if most is None else [most + grace]
    limits += [60 - reserve, *([tokens - reserve] if tokens else [])] if reserve else []
    expected = forced(following, strategy, max(1, min(limits)) if limits else None)
    answer = solved(strategy, model, tokens=tokens, problem=problem)
    assert_ledger_is_the_models(answer.ledger, model)
    if answer.stopped == "done":
        assert answer.text == expected
    else:
        assert answer.ledger.generated_tokens == tokens
        assert answer.candidate.finish_reason in ("cancelled", "until")


def thinks(*parts):
    """A model that writes these parts, one after each "Wait", in the pieces that the parts are given in."""
    pieces = tuple(piece for part in parts for piece in part if len(piece) > 1)

    def word(place):
        written = place.text.split("Wait")
        part, left = parts[len(written) - 1], written[-1]
        for piece in part:
            if not left:
                return piece
            left = left.removeprefix(piece)
        return ""

    return ScriptedModel(word, pieces=("Wait", *pieces))


THOUGHTS = [
    ["ab", "</think>"],
    ["ab", "<", "/th", "ink>"],
    ["a", "b</think>"],
    ["a", "b<", "/think>\n"],
    ["ab</think> 4"],
]


@pytest.mark.parametrize("thought", THOUGHTS, ids=repr)
def test_an_end_is_cut_out_wherever_it_lies(thought):
    model = thinks(thought, ["cd", "</think>", "42", ""])
    answer = solved(forcing(1), model)
    assert answer.text == "abWaitcd</think>42"
    assert model.characters.decode(answer.candidate.path.tokens) == answer.text
    assert len(model.requests) == 3


def test_of_a_text_whose_end_is_the_end_the_end_token_is_cut():
    answer = solved(forcing(2, end=""), thinks(["ab", ""], ["cd", ""], ["ef", ""]))
    assert answer.text == "abWaitcdWaitef"
    assert answer.ledger.generated_tokens == 6


@pytest.mark.parametrize("piece", ["b.\n", "b", "."])
def test_a_stop_string_is_an_end_too(piece):
    """Wherever in a token it begins, it is not in what goes on."""
    parts = ["a", *("b.\n".partition(piece))]
    model = thinks([part for part in parts if part], ["42", ""])
    answer = solved(forcing(1, end="", sampling={"max_tokens": 60, "stop": ".\n"}), model)
    assert answer.text == "abWait42"
    assert model.characters.decode(answer.candidate.path.tokens) == answer.text


def test_a_stop_string_right_after_what_was_put_in():
    model = ScriptedModel(lambda place: "." if place.text.count("No") < 3 else "")
    answer = solved(forcing(3, "No", "", sampling={"max_tokens": 60, "stop": "."}), model)
    assert answer.text == "NoNoNo"
    assert model.characters.decode(answer.candidate.path.tokens) == answer.text


def test_a_text_is_cut_before_what_it_has_not_shown():
    """Tokens that show nothing yet, and those of a text that was put in, are not parted."""
    text = Text(0, -1, Path("?", tuple(b"ab<XY>c")), "ab<XY>c", (), "stop", offsets=(1, 2, 2, -1, 6, 6, 7))
    paths = [text.before(character) for character in range(8)]
    assert [len(path.tokens) for path in paths] == [0, 1, 2, 2, 2, 2, 5, 7]
    assert [path.text for path in paths] == ["", "", "", "<", "<X", "<XY", "", ""]


def test_what_is_reserved_is_there_for_the_answer():
    """Texts that never stop thinking share a budget, and each has its answer begun and its reserve left."""
    model = ScriptedModel(lambda place: "42."[place.text.count(":")] if ":" in place.text else "x")
    for n, tokens in ((1, 20), (3, 60), (4, 91)):
        answer = solved(forcing(0, close=":", reserve=6), model, n, tokens)
        share = tokens // n
        for one in answer.candidates:
            thoughts, told = one.text.split("\n</think>\n:")
            assert len(thoughts) == share - 6
            assert len(told) >= 6


def test_bad_values_are_refused():
    for name, value in (
        ("waits", -1),
        ("wait", ""),
        ("close", 3),
        ("end", None),
        ("least", 1.5),
        ("most", 0),
    ):
        with pytest.raises(ParameterError, match=name):
            BudgetForcing(**{name: value})
    with pytest.raises(ParameterError, match="at least `least`"):
        BudgetForcing(least=5, most=4)


def test_a_text_without_told_tokens_cannot_be_cut():
    answer = solved(forcing(0), thinks(["ab", "</think>", ""]))
    text = Text(0, -1, answer.candidate.path, answer.text, (), "stop", offsets=None)
    with pytest.raises(UnsupportedError, match="one by one"):
        text.before(1)
