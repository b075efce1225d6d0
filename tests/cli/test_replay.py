"""`ponder replay`: the runs of a file, what is wrong with them, and files that are no journals."""

import asyncio
import json
import re

import pytest

from ponder.asks import Boundary
from ponder.rewards import Problem
from ponder.scaling import Budget, Journal, StepBeam, solve_all
from ponder.testing import ScriptedModel
from scaling.step_search import Ones
from scaling.step_search import StepBeam as Foreign

LEDGER = (
    r"\d+ tokens generated, \d+ computed and \d+ read from the cache, "
    r"0 by the reward, (\S+ FLOPs, )?\d+\.\d s"
)
HOSTILE = "\x1b[2J\u202e"


@pytest.fixture
def file(tmp_path):
    """Return a function that writes a journal of three problems, one after the other."""

    def write(strategy=None, **model):
        journal = Journal.open(path)
        strategy = strategy or StepBeam(2, 2, Boundary(("\n",), 8), sampling={"max_tokens": 20})
        problems = [Problem(f"{i} + {i}") for i in range(3)]

        async def run():
            results = solve_all(
                problems, strategy, ScriptedModel(**model), Ones(), Budget(4), journal=journal
            )
            return [item async for item in results]

        *results, _ = asyncio.run(run())
        journal.close()
        assert all(result.answer for result in results)
        return results

    path = tmp_path / "run.jsonl"
    write.path = path
    return write


def test_each_run_is_verified(ponder, file) -> None:
    """A line for each or for one; as JSON the answer is the run's. The file stays as it is."""
    results, path = file(), str(file.path)
    content = file.path.read_bytes()
    ran = ponder("replay", path)
    assert (ran.status, ran.err) == (0, "")
    for i, line in enumerate(ran.out.splitlines()):
        assert re.fullmatch(
            rf"run {i}: step-beam, \d+ effects, \d+ nodes, answer .*, {LEDGER}, verified", line
        )
    assert len(ran.out.splitlines()) == 3
    assert ponder("replay", path, "--run", "1").out == ran.out.splitlines(keepends=True)[1]
    told = [json.loads(line) for line in ponder("replay", path, "--json", "--tree").out.splitlines()]
    for result, run in zip(results, told, strict=True):
        assert {name: run[name] for name in ("text", "candidates", "ledger")} == {
            name: result.as_json()[name] for name in ("text", "candidates", "ledger")
        }
        assert (run["status"], run["reward"], run["model"]) == ("verified", "ones", "scripted")
        assert len(run["tree"]) == run["nodes"]
    assert file.path.read_bytes() == content


def test_the_tree(ponder, file) -> None:
    """A node a line, below its parent; the chosen one is marked; no text drives the terminal."""
    file(script=lambda place: HOSTILE if place.position else "1\n", pieces=(HOSTILE, "1\n"))
    ran = ponder("replay", str(file.path), "--run", "2", "--tree")
    first, prompt, *nodes = ran.out.splitlines()
    (run,) = map(
        json.loads, ponder("replay", str(file.path), "--run", "2", "--tree", "--json").out.splitlines()
    )
    assert f"{len(nodes)} nodes" in first
    assert prompt == "prompt  model scripted, reward ones"
    assert not set("\x1b\u202e") & set(ran.out)
    depth = {-1: 0}
    for node in run["tree"]:
        depth[node["node"]] = depth[node["parent"]] + 1
        mark = r"\* " if node["node"] == run["chosen_node"] else ""
        ended = f"{node['finish_reason']} {node['scores'][-1]:.3f}"
        said = rf"\[{node['node']}\] {node['tokens']} tokens {ended}  [1\\].*"
        way = rf"(?:[│ ]   ){{{depth[node['node']] - 1}}}[├└]── "
        assert sum(re.fullmatch(f"{way}{mark}{said}", line) is not None for line in nodes) == 1


def test_one_run_that_was_changed(ponder, file) -> None:
    """The others are verified, and the exit status is 1."""
    file()
    lines = file.path.read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith('{"run":"1"') and '"judged"' in line)
    lines[at] = lines[at].replace('"steps":[[', '"steps":[[1')
    file.path.write_text("\n".join(lines) + "\n")
    ran = ponder("replay", str(file.path))
    assert ran.status == 1
    first, second, third = ran.out.splitlines()
    assert first.endswith("verified")
    assert third.endswith("verified")
    assert second.startswith("run 1: step-beam, 1 effects, 4 nodes, ")
    why = "not as it was written, or a line of its run before it is missing"
    assert second.endswith(f"different: {file.path}, line {at + 1}: {why}")
    (told,) = map(json.loads, ponder("replay", str(file.path), "--run", "1", "--json").out.splitlines())
    assert (told["status"], told["effects"]) == ("different", 1)


def test_a_run_that_was_cut_off(ponder, file) -> None:
    """Also in the middle of a line, which stays in the file; the exit status is 2."""
    file()
    content = file.path.read_bytes()
    lines = content.splitlines(keepends=True)
    last = max(i for i, line in enumerate(lines) if b'"note"' in line)
    cut = b"".join(lines[: last + 1]) + lines[last + 1][:9]
    file.path.write_bytes(cut)
    ran = ponder("replay", str(file.path))
    assert ran.status == 2
    effect = json.loads(lines[last])["effect"]
    assert ran.out.splitlines()[2].endswith(
        f"ends after effect {effect}; `ponder solve --journal {file.path}` goes on"
    )
    assert file.path.read_bytes() == cut


def test_a_strategy_from_outside(ponder, file) -> None:
    file(Foreign())
    ran = ponder("replay", str(file.path))
    assert ran.status == 2
    why = "foreign: the strategy step-beam is not ponder's, and is not made from its name"
    assert ran.out.splitlines()[0] == f"run 0: step-beam, 0 effects, 0 nodes, {why}"


FILES = {
    "missing": (None, "No such file"),
    "empty": (b"", "holds no run"),
    "cut off": (b'{"run":"0"', "holds no run"),
    "data": (b'{"question": "1 + 1"}\n', "line 1: not a line of a journal, since it is of no run"),
    "text": (b"hello\n", "line 1: not JSON"),
    "bytes": (b'{"run":"\xff"}\n', "is not UTF-8 at byte 8"),
    "old": (b'{"run":"0","begin":3}\n', "line 1: written in format 3 of journals, and only format 4"),
    "digits": (b"9" * 5000 + b"\n", "line 1: not JSON that can be read"),
    "deep": (b"[" * 100_000 + b"\n", "line 1: not JSON that can be read"),
    "other run": (b'{"run":"0"}\n', "has no run '7', but '0'"),
}


@pytest.mark.parametrize(("content", "says"), FILES.values(), ids=FILES.keys())
def test_what_is_no_journal(ponder, tmp_path, content, says) -> None:
    """One line that names the file, and the exit status 2."""
    path = tmp_path / "no.jsonl"
    if content is not None:
        path.write_bytes(content)
    ran = ponder("replay", str(path), *(("--run", "7") if "'7'" in says else ()))
    assert (ran.status, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert ran.err.startswith("ponder: ")
    assert "no.jsonl" in ran.err
    assert says in ran.err


def test_what_solve_wrote(ponder, tmp_path) -> None:
    """On the model: the same answer as JSON, and a second solve that asks nothing."""
    path = str(tmp_path / "run.jsonl")
    options = ("--raw", "-n", "2", "--max-tokens", "6", "--reward", "likelihood", "--json", "--journal", path)
    solved = ponder("solve", *options, "3 * 4 =")
    (run,) = map(json.loads, ponder("replay", path, "--json").out.splitlines())
    answer = json.loads(solved.out)
    assert run["status"] == "verified"
    for name in ("text", "answer", "candidates", "ledger", "sampling", "votes"):
        assert run[name] == answer[name]
    refused = ponder("solve", *options, "--set", "power=2", "3 * 4 =")
    assert refused.status == 2
    assert "line 1: the journal has strategy.settings.power = 0.5 where the run has 2" in refused.err
