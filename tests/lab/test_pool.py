"""A pool's file: what is written is read, what is there is not drawn again, what is not a pool is named."""

import asyncio
import json

import pytest

from ponder.errors import DataError
from ponder.lab.drawing import draw_pool
from ponder.lab.pool import Pool
from ponder.tasks.task import Example, Task
from ponder.testing import ScriptedModel


def task(name="sums"):
    def make(seed, count):
        return [
            Example(f"{seed % 100} + {i}", str(seed % 100 + i), str(seed % 100 + i)) for i in range(count)
        ]

    return Task(name, make, max_tokens=12)


def drawn(path, model, problems=3, samples=4, seed=7, made=None, **options):
    made = made or task()

    async def collect():
        drawing = draw_pool(
            path, made, made.problems(problems, seed), model, samples=samples, seed=seed, **options
        )
        return [one async for one in drawing]

    return asyncio.run(collect())


def model():
    return ScriptedModel([" 7\n", " 8\n", " 7\n", " no idea\n"])


def test_what_is_written_is_read(tmp_path):
    found = drawn(tmp_path / "p", model())
    pool = Pool.read(tmp_path / "p")
    assert pool.problems == tuple(found)
    assert (pool.provenance.task, pool.samples, pool.provenance.seed) == ("sums", 4, 7)
    first = pool.problems[0]
    assert first.groups == (0, 1, 0, None)  # equal answers are one group; words are no number
    assert first.right.tolist() == [True, False, True, False]
    assert first.tokens.tolist() == [sample.tokens for sample in first.samples]
    assert first.samples[0].mean_logprob == pytest.approx(first.samples[0].logprob / first.samples[0].tokens)


def test_an_outcome_is_told_once(tmp_path):
    drawn(tmp_path / "p", model())
    line = json.loads((tmp_path / "p").read_text().splitlines()[1])
    assert line["samples"] == [0, 1, 0, 2]
    assert len(line["outcomes"]) == 3


def test_what_is_there_is_not_drawn_again(tmp_path):
    whole = tmp_path / "whole"
    drawn(whole, model(), problems=5)
    part, again = tmp_path / "part", model()
    drawn(part, model(), problems=2)
    with part.open("a") as file:
        file.write('{"id": "cut o')  # as when the power fails
    assert len(drawn(part, again, problems=5)) == 3
    assert part.read_bytes() == whole.read_bytes()
    assert again.usage.generated_tokens < 5 * 4 * 4
    assert drawn(part, again, problems=5) == []


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"samples": 5}, "line 1: a pool of samples = 4, and 5 is asked for"),
        ({"seed": 8}, "line 1: a pool of seed = 7, and 8"),
        ({"temperature": 0.5}, "line 1: a pool of temperature = 0.8, and 0.5"),
        ({"made": task("others")}, "line 1: a pool of task = 'sums'"),
    ],
)
def test_a_pool_of_something_else_is_refused(tmp_path, changed, says):
    drawn(tmp_path / "p", model())
    with pytest.raises(DataError, match=says):
        drawn(tmp_path / "p", model(), **changed)


def test_other_problems_are_refused(tmp_path):
    drawn(tmp_path / "p", model())
    lines = (tmp_path / "p").read_text().splitlines()
    (tmp_path / "p").write_text("\n".join([lines[0], lines[2], lines[1]]) + "\n")
    with pytest.raises(DataError, match="line 2: another problem"):
        drawn(tmp_path / "p", model(), problems=4)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "it is empty"),
        ("{\n", "line 1: not JSON"),
        ("[]\n", "line 1: a JSON object is needed, not list"),
        ('{"a": 1}\n', "line 1: no pool"),
        ('{"format": "ponder pool 1", "model": "m"}\n', "line 1: a pool's first line has model, task"),
    ],
)
def test_what_is_no_pool(tmp_path, text, says):
    (tmp_path / "p").write_text(text)
    with pytest.raises(DataError, match=says):
        Pool.read(tmp_path / "p")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ({"id": "a"}, "line 2: not a problem of a pool: KeyError"),
        ({"id": "a", "question": "q", "reference": "r", "outcomes": [], "samples": [0]}, "IndexError"),
        ({"id": "a", "question": "q", "reference": "r", "outcomes": [[1]], "samples": [0]}, "TypeError"),
        ({"id": "a", "question": "q", "reference": "r", "outcomes": [], "samples": []}, "0 samples, where"),
    ],
)
def test_what_is_no_problem(tmp_path, line, says):
    drawn(tmp_path / "p", model())
    first = (tmp_path / "p").read_text().splitlines()[0]
    (tmp_path / "p").write_text(f"{first}\n{json.dumps(line)}\n")
    with pytest.raises(DataError, match=says):
        Pool.read(tmp_path / "p")
    with pytest.raises(DataError, match="cannot be read"):
        Pool.read(tmp_path)
