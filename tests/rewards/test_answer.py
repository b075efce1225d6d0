"""Where a final answer is found, and the form in which answers are compared."""

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponder.rewards import canonical, extract_answer
from ponder.rewards.answer import value_of


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so \boxed{\frac{1}{2}}, not 7", r"\frac{1}{2}"),
        (r"\boxed{3}, no: \boxed{4}", "4"),
        (r"\boxed{4} and an open \boxed{5", "4"),
        (r"The answer is 3. \boxed{}", "3"),
        (r"#### 5 \boxed{6}", "6"),
        ("16 - 3 = 13\n#### 1,234\n", "1,234"),
        ("The answer is 3.\n#### 4", "4"),
        ("The answer is 5, and 8 is not.", "5"),
        ("The answer is 18 dollars.", "18 dollars"),
        ("the answer to this question is that she has 5 apples.", "5"),
        ("Answer: 2.5", "2.5"),
        ("The answer is 65.Wait, 3 * 4 = 12", "65"),
        ("The answer is example.com", "example.com"),
        ("The answer is 3 * 4 = 12.", "12"),
        ("The final answer is: **Paris**.", "Paris"),
        ("The answer is 7!", "7"),
        ("The answer is 1. The answer is 2. Then 9 more.", "2"),
        ("she pays 3 and gets 1/2", "1/2"),
        ("10-5 = 5", "5"),
        ("it falls to -5", "-5"),
        ("so $18.00.", "$18.00"),
        ("nothing", None),
        ("", None),
    ],
)
def test_the_last_match_of_the_first_kind_that_matches(text, answer):
    assert extract_answer(text) == answer


@pytest.mark.parametrize(
    ("answer", "form"),
    [
        ("1,000", "1000"),
        ("$18.00", "18"),
        ("1/2", "0.5"),
        ("2/6", "1/3"),
        (".25", "0.25"),
        ("-0", "0"),
        ("$-5", "-5"),
        ("1e-3", "0.001"),
        ("50 %", "50%"),
        ("3 apples in total", "3"),
        ("5 million", "5 million"),
        ("1/0", "1/0"),
        (r"$\text{Paris}$", "paris"),
        ("  x  +  1. ", "x + 1"),
    ],
)
def test_canonical_forms(answer, form):
    assert canonical(answer) == form


@given(st.fractions(max_denominator=10**6))
def test_canonical_keeps_the_exact_value(number):
    form = canonical(str(number))
    assert Fraction(form) == number
    assert value_of(form) == (number, False)
    assert canonical(form) == form


@given(st.text(max_size=200))
def test_any_text_has_one_canonical_form(text):
    assert canonical(canonical(text)) == canonical(text)


@pytest.mark.parametrize(
    "text",
    [
        "9" * 10**6,
        r"\boxed{" * 10**5,
        r"\boxed{5" * 10**5,
        "{" * 10**6,
        "1," * 10**5,
        "the answer " * 10**5,
        "-" * 10**5,
        "$" * 10**5,
    ],
)
def test_long_hostile_texts_take_no_time(text):
    start = time.perf_counter()
    extract_answer(text)
    canonical(text)
    assert time.perf_counter() - start < 5
