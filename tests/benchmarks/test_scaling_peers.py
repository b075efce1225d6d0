"""What scaling_peers.py counts, and what search-and-learn and its_hub are given of vLLM."""

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from ponder.rewards import Problem

SCRIPTS = Path(__file__).parents[2] / "benchmarks" / "scripts"
SETTINGS = {"stop": "\n\n", "step": "\n", "max_tokens": 48, "temperature": 0.8}
PROMPT = "Question: 2 * 3 + 1\nAnswer:"
RIGHT, WRONG = (
    " 2 * 3 = 6.\n6 + 1 = 7.\nThe answer is 7.\n\n",
    " 2 * 3 = 6.\n6 + 1 = 8.\nThe answer is 8.\n\n",
)


@pytest.fixture
def peers(monkeypatch):
    """The script, as it imports its neighbours."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    before = set(sys.modules)
    yield importlib.import_module("scaling_peers")
    for name in set(sys.modules) - before:
        if str(SCRIPTS) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def test_useful_tokens_are_those_of_the_candidates_each_counted_once(peers):
    pieces = [
        ("", " 2 * 3 = 6.\n", 9),  # of both candidates
        ("", " 2 * 3 = 5.\n", 9),  # of none
        (" 2 * 3 = 6.\n", "6 + 1 = 7.\nThe answer is 7.\n\n", 17),
        (" 2 * 3 = 6.\n", "6 + 1 = 8.\nThe answer is 8.", 16),  # its line breaks are not told
        (" 2 * 3 = 6.\n", "6 + 1 = 9.\n", 9),  # dropped
    ]
    assert peers.useful_tokens(pieces, [RIGHT, WRONG, RIGHT]) == 9 + 17 + 16
    assert peers.useful_tokens(pieces, [WRONG]) == 9 + 16


def test_the_answer_is_chosen_by_the_shares_of_equal_answers(peers):
    problem = Problem("2 * 3 + 1", "7", raw=PROMPT, id="a")
    found = {"seconds": 2.0, "candidates": [WRONG, RIGHT, RIGHT], "pieces": [("", RIGHT, 26)] * 3}
    turn = peers.turn(problem, found)
    assert (turn.right, turn.oracle, turn.generated, turn.useful) == (True, True, 78, 78)
    assert not peers.turn(problem, {**found, "candidates": [WRONG, WRONG]}).oracle


def test_a_ratio_is_of_the_problems_that_both_had(peers):
    def turn(number, seconds):
        return peers.Turn(Problem("?", id=str(number)), seconds, 10, 10, True, True)

    own = [[turn(0, 1.0), turn(1, 9.0)], [turn(2, 1.0), turn(3, 9.0)]]
    assert peers.ratio(own, [[turn(0, 4.0)], [turn(2, 6.0)]]) == 5.0
    assert peers.summary(own)["useful_tokens_per_s"] == 2.0


class Written:
    """An `LLM` that writes given texts, and what it was asked."""

    def __init__(self, *texts):
        self.texts, self.asked = list(texts), []

    def generate(self, prompts, params, use_tqdm):
        self.asked.append(params)
        texts = [self.texts.pop(0) for _ in prompts]
        return [SimpleNamespace(outputs=[output(text)]) for text in texts]


def output(text):
    """A completion as vLLM tells it, stopped by a string."""
    return SimpleNamespace(text=text, token_ids=text.split(), stop_reason="\n")


@pytest.fixture
def llm(peers, monkeypatch):
    """`Llm` of the vLLM worker, over texts that are given, without vLLM."""
    monkeypatch.setitem(sys.modules, "vllm", SimpleNamespace(SamplingParams=SimpleNamespace))
    worker = importlib.import_module("ponder_benchmarks.peers.scaling_vllm_worker")

    def make(*texts):
        made = worker.Llm(Written(*texts), SETTINGS)
        made.prompt = PROMPT
        return made

    return make


def test_a_text_is_finished_where_its_stop_string_is_complete(llm):
    step = SimpleNamespace(temperature=0.8, top_p=1.0, max_tokens=2048, stop=["\n\n"])
    made = llm(" 2 * 3 = 6.\n", "\n")
    paused, ended = made.generate([PROMPT, PROMPT + " 7.\n"], step)
    assert (paused.outputs[0].stop_reason, ended.outputs[0].stop_reason) == ("\n", None)
    assert made.pieces == [("", " 2 * 3 = 6.\n", 5), (" 7.\n", "\n", 0)]


def test_a_step_and_a_whole_text_end_with_the_tasks_strings(llm):
    made = llm("a", "b", "c")
    for stop in (["\n\n"], []):
        made.generate([PROMPT], SimpleNamespace(temperature=0.7, top_p=1.0, max_tokens=2048, stop=stop))
    made.steps([PROMPT])
    assert [params.stop for params in made._llm.asked] == [["\n\n", "\n"], ["\n\n"], ["\n\n", "\n"]]
    assert [params.max_tokens for params in made._llm.asked] == [48, 48, 48]
    assert [params.temperature for params in made._llm.asked] == [0.7, 0.7, 0.8]
