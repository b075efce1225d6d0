"""Word problems of two steps with small numbers, worked a line a step."""

from __future__ import annotations

import random

from ponder.tasks.task import Example

_NAMES = ("Tom", "Anna", "Ben", "Mia", "Sam", "Lena", "Max", "Eva")
_THINGS = ("apples", "pens", "cards", "coins", "books", "shells", "stamps", "cookies")
_GAINS = ("buys", "gets", "finds", "wins")
_LOSSES = ("gives away", "loses", "sells", "lends")


def word_problems(seed: int, count: int) -> list[Example]:
    """Return problems such as "Tom has 5 apples. He buys 7 more and ..."; given numbers have one digit."""
    rng = random.Random(seed)
    return [_word_problem(rng) for _ in range(count)]


def _word_problem(rng: random.Random) -> Example:
    name, thing = rng.choice(_NAMES), rng.choice(_THINGS)
    has, more = rng.randint(2, 9), rng.randint(2, 9)
    less = rng.randint(1, min(9, has + more - 1))
    gains, loses = rng.choice(_GAINS), rng.choice(_LOSSES)
    question = (
        f"{name} has {has} {thing}. {name} {gains} {more} more and then {loses} {less}. "
        f"How many {thing} does {name} have?"
    )
    total, left = has + more, has + more - less
    worked = f"{has} + {more} = {total}.\n{total} - {less} = {left}.\nThe answer is {left}."
    return Example(question, worked, str(left))
