"""Whether the sums in a text are right: a reward that needs no reference answer."""

from __future__ import annotations

import re
from fractions import Fraction

from ponder.rewards.verifier import Verifier, callable_verifier

_NUMBER = r"\$?(?:\d{1,15}(?:,\d{3})*(?:\.\d{1,15})?)"
_OPERATOR = r"\s*[-−+*×x/÷]\s*"
_EQUATION = re.compile(
    rf"(?<![\d.,])({_NUMBER}(?:{_OPERATOR}{_NUMBER}){{1,20}})\s*=\s*(-?{_NUMBER})(?![\d,]*\d|{_OPERATOR}\d)"
)
_TERM = re.compile(rf"({_OPERATOR})?({_NUMBER})")
_INNER = re.compile(r"[-−+*×x/÷(^)]\s*$")  # what stands before an expression that is part of a longer one


def arithmetic_share(text: str) -> float:
    """Return the share of equations such as "3 * 4 + 1 = 13" that hold; 0 if there are none.

    Read are numbers joined by + - * / with a number after the "="; what has brackets, units or unknowns is
    passed over. A decimal on the right may be rounded ("10 / 3 = 3.33").
    """
    held = [
        _holds(match[1], match[2])
        for match in _EQUATION.finditer(text)
        if not _INNER.search(text, max(0, match.start() - 8), match.start())
    ]
    return sum(held) / len(held) if held else 0.0


def arithmetic_verifier() -> Verifier:
    """Score a candidate by `arithmetic_share`; right sums of the wrong numbers pass."""
    return callable_verifier(lambda problem, text: arithmetic_share(text), "arithmetic")


def _holds(expression: str, stated: str) -> bool:
    value = _value(expression)
    places = len(stated.partition(".")[2])
    return value is not None and (round(value, places) if places else value) == _fraction(stated)


def _value(expression: str) -> Fraction | None:
    """Evaluate, products before sums; None for a division by zero."""
    total, product = Fraction(0), Fraction(0)
    for operator, digits in _TERM.findall(expression):
        number = _fraction(digits)
        match operator.strip():
            case "*" | "×" | "x":
                product *= number
            case "/" | "÷":
                if number == 0:
                    return None
                product /= number
            case sign:
                total, product = total + product, -number if sign in ("-", "−") else number
    return total + product


def _fraction(digits: str) -> Fraction:
    return Fraction(digits.replace(",", "").replace("$", ""))
