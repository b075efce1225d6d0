"""Tasks make problems whose answers are right, and the same ones again."""

import re
from typing import Any

import pytest

from ponder.errors import ParameterError
from ponder.rewards import AnswerEquality, extract_answer
from ponder.tasks import TASK_NAMES, Task, task_named
from ponder.tasks.task import Example


@pytest.mark.parametrize("name", TASK_NAMES)
def test_problems(name: str) -> None:
    """The same seed gives the same problems, another other ones; all begin with the same worked ones."""
    task = task_named(name)
    problems = task.problems(20, seed=3)
    assert problems == task.problems(20, seed=3)
    assert problems != task.problems(20, seed=4)
    assert problems[:5] == task.problems(5, seed=3)
    assert len({one.question for one in task.problems(300)}) == 300
    shown = {(one.raw or "").rsplit("Question:", 1)[0] for one in problems}
    assert len(shown) == 1
    assert shown.pop().count("Question:") == 4
    for problem in problems:
        assert (problem.raw or "").endswith(f"Question: {problem.question}\nAnswer:")
    assert (task.problems(1, shots=0)[0].raw or "").startswith("Question:")


@pytest.mark.parametrize("name", TASK_NAMES)
def test_the_answer_of_a_worked_problem_is_found(name: str) -> None:
    """As an answer in the form of the worked ones is."""
    equal = AnswerEquality()
    for one in task_named(name).make(5, 40):
        assert equal(one.answer, extract_answer(one.worked) or "")


def test_the_sums_of_two_steps_hold() -> None:
    """Both lines of each, and the last number is the answer."""
    for name in ("word_problems", "multiply_add"):
        for one in task_named(name).make(7, 200):
            sums = re.findall(r"^(\d+ [-+*] \d+) = (\d+)\.$", one.worked, re.MULTILINE)
            assert [eval(left) for left, _ in sums] == [int(right) for _, right in sums]
            assert len(sums) == 2
            assert sums[-1][1] == one.answer
    for one in task_named("word_problems").make(7, 200):
        has, more, less = map(int, re.findall(r"\d+", one.question))
        assert str(has + more - less) == one.answer
    for one in task_named("multiply_add").make(7, 200):
        assert str(eval(one.question)) == one.answer


@pytest.mark.parametrize(
    ("field", "values"), [("problems", {"count": 0}), ("shots", {"shots": -1}), ("seed", {"seed": 1.5})]
)
def test_numbers_out_of_range(field: str, values: dict[str, Any]) -> None:
    """They are named."""
    with pytest.raises(ParameterError, match=f"{field} = "):
        task_named("word_problems").problems(**{"count": 1, **values})


def test_more_problems_than_there_are() -> None:
    """A question is never given twice."""
    few = Task("few", lambda seed, count: [Example(str(i % 5), "", str(i % 5)) for i in range(count)])
    assert [one.question for one in few.problems(5)] == ["0", "1", "2", "3", "4"]
    with pytest.raises(ParameterError, match="problems = 6 is not allowed: at most about 5"):
        few.problems(6)


@pytest.mark.slow
def test_an_unknown_task() -> None:
    """Its name is said, and which there are."""
    with pytest.raises(
        ParameterError, match="task = 'nothing' is not allowed: multiply_add, word_problems, "
    ):
        task_named("nothing")
