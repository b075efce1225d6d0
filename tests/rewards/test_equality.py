"""Answers are equal where math-verify says so, and a hostile expression costs seconds at most."""

import asyncio
import os
import threading
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from math_verify import parse, verify

from ponder.errors import PonderError
from ponder.rewards import AnswerEquality, group_answers
from ponder.rewards import equality as equality_module
from ponder.rewards.equality import same_number


@pytest.fixture(scope="module")
def equal():
    made = AnswerEquality()
    yield made
    made.close()


@pytest.fixture(scope="module")
def hasty():
    """One that gives up after half a second of work."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(equality_module, "_LIMITS", replace(equality_module._LIMITS, cpu_seconds=0.5))
        made = AnswerEquality()
    yield made
    made.close()


def judged(a, b):
    return verify(parse(f"${a}$"), parse(f"${b}$"))


WRITTEN = st.one_of(
    st.integers(-30, 30).map(str),
    st.integers(-300, 300).map(lambda i: f"{i / 100:.2f}"),
    st.tuples(st.integers(1, 30), st.integers(1, 12)).map(lambda pair: f"{pair[0]}/{pair[1]}"),
    st.integers(0, 300).map(lambda i: rf"{i}\%"),
    st.integers(1000, 9999).map(lambda i: f"{i:,}"),
    st.sampled_from(["0.333333", "0.3333333", "0.33", "1000", "0.5", "50"]),
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, derandomize=True)
@given(WRITTEN, WRITTEN)
def test_numbers_are_equal_as_math_verify_finds(a, b):
    assert same_number(a, b) == judged(a, b)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("a", "b"),
    [
        (r"\frac{1}{2}", "0.5"),
        (r"\frac{\sqrt{2}}{2}", r"\frac{1}{\sqrt{2}}"),
        ("x + 1", "1 + x"),
        ("(1, 2)", "(1,2)"),
        (r"\{1, 2\}", r"\{2, 1\}"),
        ("x = 5", "5"),
        ("2^{10}", "1024"),
        ("x + 1", "x + 2"),
        ("(1, 2)", "(2, 1)"),
        (r"\sqrt{3}", "1.7"),
    ],
)
def test_expressions_are_equal_as_math_verify_finds(equal, a, b):
    assert equal(a, b) == judged(a, b)


@pytest.mark.slow
def test_units_currency_and_both_readings_of_a_percentage(equal):
    assert equal("18", "$18.00")
    assert equal("18", "18 dollars")
    assert equal("50%", "0.5")
    assert equal("50%", "50")
    assert not equal("5", "5 million")


def test_words_are_no_products_of_letters(equal):
    assert judged("no", "on")
    assert not equal("no", "on")
    assert equal("Paris", r"\text{paris}.")
    assert not equal("", "")


@pytest.mark.slow
@pytest.mark.parametrize(
    "hostile",
    ["9**9**9**9", "9^{9^{9^{9}}}", r"(10^{10^{8}})!", "9" * 10**6, r"\sum_{n=1}^{10000000} \frac{1}{n}"],
)
def test_a_hostile_expression_is_not_equal_and_ends(hasty, hostile):
    start = time.perf_counter()
    assert not hasty("1", hostile)
    assert time.perf_counter() - start < 10
    assert hasty("x + 1", "1 + x")


@pytest.mark.slow
def test_from_threads_and_an_event_loop(equal):
    """Where math-verify alone refuses to run."""
    refused = []

    def alone():
        try:
            judged("x+1", "1+x")
        except ValueError as error:
            refused.append(error)

    thread = threading.Thread(target=alone)
    thread.start()
    thread.join()
    assert refused

    async def many():
        pairs = [asyncio.to_thread(equal, "2^{3}", str(i)) for i in range(10)]
        return await asyncio.gather(*pairs)

    assert asyncio.run(many()) == [i == 8 for i in range(10)]


@pytest.mark.slow
def test_the_process_ends_with_close_and_with_the_object():
    equal = AnswerEquality()
    assert equal("x + 1", "1 + x")
    pid = equal._process._process.pid
    equal.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert equal("x + 1", "1 + x")
    pid = equal._process._process.pid
    del equal
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_no_process_for_numbers_and_words():
    equal = AnswerEquality()
    assert equal("1,000", "1000")
    assert not equal("Paris", "Rome")
    assert equal._process._process is None


def test_a_process_that_does_not_start_is_one_clear_error(monkeypatch):
    monkeypatch.setattr(equality_module, "_PACKAGES", ())
    with pytest.raises(PonderError, match="did not start"):
        AnswerEquality()("x + 1", "1 + x")


@pytest.mark.slow
def test_groups_in_the_order_of_their_first(equal):
    answers = ["0.5", "18", None, "1/2", "$18.00", "1,000", r"\frac{1}{2}", "1000"]
    assert group_answers(answers, equal) == [[0, 3, 6], [1, 4], [5, 7]]
