"""Problems of two reasoning steps with small numbers, worked a line a step."""

from __future__ import annotations

import random

from ponder.tasks.task import Example

_NAMES = ("Tom", "Anna", "Ben", "Mia", "Sam", "Lena", "Max", "Eva")


def word_problems(seed: int, count: int) -> list[Example]:
    """Return problems such as "Tom has 5 apples. Tom buys 7 more apples and eats 3. How many are left?"."""
    rng = random.Random(seed)
    return [_word_problem(rng) for _ in range(count)]


def multiply_add(seed: int, count: int) -> list[Example]:
    """Return problems such as 7 * 4 + 5, of which a model of 135 million weights solves a part."""
    rng = random.Random(seed)
    return [_multiply_add(rng) for _ in range(count)]


def _word_problem(rng: random.Random) -> Example:
    name, has, more = rng.choice(_NAMES), rng.randint(2, 9), rng.randint(2, 9)
    less = rng.randint(1, min(9, has + more - 1))
    question = f"{name} has {has} apples. {name} buys {more} more apples and eats {less}. How many are left?"
    total, left = has + more, has + more - less
    worked = f"{has} + {more} = {total}.\n{total} - {less} = {left}.\nThe answer is {left}."
    return Example(question, worked, str(left))


def _multiply_add(rng: random.Random) -> Example:
    first, second, third = rng.randint(2, 12), rng.randint(2, 9), rng.randint(1, 12)
    product, result = first * second, first * second + third
    worked = f"{first} * {second} = {product}.\n{product} + {third} = {result}.\nThe answer is {result}."
    return Example(f"{first} * {second} + {third}", worked, str(result))
