"""POST /ponder/v1/solve."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ponder.lm import LM
from ponder.scaling import Answer, Budget
from serving import Tiny, error, events, serving
from tiny_models import tiny_local_model

SOLVE = "/ponder/v1/solve"


@pytest.fixture(scope="module")
def tiny() -> Iterator[Tiny]:
    with serving(tiny_local_model(context_length=2048)) as tiny:
        yield tiny


def solved(tiny: Tiny, **body: Any) -> list[dict[str, Any]]:
    response = tiny.client.post(SOLVE, json=body)
    assert response.status_code == 200, response.text
    return events(response.text)


def texts_of(told: list[dict[str, Any]]) -> list[str]:
    """The texts at the end, put together from what each event adds."""
    texts: list[str] = []
    for event in told:
        if event["type"] == "progress":
            before = [*texts, *[""] * len(event["texts"])]
            texts = [before[i][: one["same"]] + one["text"] for i, one in enumerate(event["texts"])]
    return texts


def without_time(ledger: dict[str, Any]) -> dict[str, Any]:
    """What another run in the same cache costs: not its seconds, nor what it found in the cache."""
    varying = (
        "seconds",
        "hit_tokens",
        "cached_tokens",
        "computed_tokens",
        "attended_tokens",
        "logit_rows",
        "flops",
    )
    return {name: value for name, value in ledger.items() if name not in varying}


STRATEGIES: dict[str, dict[str, Any]] = {
    "best-of-n": {"reward": "mean-likelihood", "settings": {"selection": "plain"}},
    "self-consistency": {"settings": {"rule": "none"}},
    "step-beam": {"reward": "arithmetic", "settings": {"keep": 2, "expand": 2, "step": "a", "max_steps": 3}},
    "revision": {"settings": {"rounds": 2}},
    "budget-forcing": {"settings": {"waits": 1}},
    "auto": {},
}


@pytest.mark.slow
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_it_is_what_solving_in_python_gives(tiny: Tiny, strategy: str) -> None:
    """The same candidates, scores and votes, and the same ledger; the server's limit changes nothing."""
    how, sampling = STRATEGIES[strategy], {"max_tokens": 40, "seed": 5}
    told = solved(
        tiny, problem="1+1", answer="2", strategy=strategy, budget={"n": 4}, sampling=sampling, **how
    )
    begin, answer = told[0], told[-1]
    assert (begin["type"], begin["strategy"]["name"], answer["type"]) == ("begin", strategy, "answer")
    expected: Answer = LM(tiny.model).solve(
        "1+1", reference="2", strategy=strategy, budget=Budget(4), reward=how.get("reward"),
        settings=how.get("settings"), **sampling,
    )  # fmt: skip
    told_of = {name: answer[name] for name in ("text", "answer", "chosen", "candidates", "votes", "stopped")}
    assert told_of == json.loads(json.dumps({name: expected.as_json()[name] for name in told_of}))
    assert without_time(answer["ledger"]) == without_time(expected.ledger.as_json())
    assert texts_of(told) == [one["text"] for one in answer["candidates"]]
    # The ledger on the way ends equal to the answer's.
    ledgers = [event["ledger"] for event in told if event["type"] in ("progress", "tree")]
    spent = [ledger["generated_tokens"] for ledger in ledgers]
    assert spent == sorted(spent)
    assert ledgers[-1] == answer["ledger"]
    best = [event["best"] for event in told if event["type"] == "progress"][-1]
    assert best["text"] == answer["text"]
    assert (best["scores"] is None) == (how.get("reward") is None)
    nodes = {node["node"]: node for event in told if event["type"] == "tree" for node in event["nodes"]}
    assert all(node["parent"] in {-1, *nodes} for node in nodes.values())


def test_what_is_known_of_the_right_answer(tiny: Tiny) -> None:
    """With an answer: what one alone and the best choice would reach; without: nobody knows."""
    asked = {"problem": "1+1", "budget": {"n": 3}, "sampling": {"max_tokens": 6}}
    known, unknown = solved(tiny, **asked, answer="2")[-1], solved(tiny, **asked)[-1]
    assert known["alone"] == sum(known["candidates_right"]) / 3
    assert known["oracle"] == any(known["candidates_right"])
    assert (unknown["alone"], unknown["oracle"], unknown["right"]) == (None, None, None)
    text = known["candidates"][1]["text"]
    hit = solved(tiny, **asked, answer=text, reward="exact")[-1]
    assert (hit["chosen"], hit["candidates"][1]["score"]) == (1, 1.0)


@pytest.mark.slow
def test_progress_comes_on_the_way(tiny: Tiny) -> None:
    """Texts are told as they grow, each part once, and what was spent so far."""
    told = solved(tiny, problem="1+1", budget={"n": 4}, sampling={"max_tokens": 400, "ignore_eos": True})
    progress = [event for event in told if event["type"] == "progress"]
    assert len(progress) > 2
    assert texts_of(told) == [one["text"] for one in told[-1]["candidates"]]
    sent = sum(len(one["text"]) for event in progress for one in event["texts"])
    assert sent == sum(len(one["text"]) for one in told[-1]["candidates"])


def test_a_constraint_and_raw_text(tiny: Tiny) -> None:
    """Every candidate keeps to the constraint; the problem may be raw text."""
    body = {"problem": "say", "chat": False, "constraint": {"choice": ["yes", "no"]}, "budget": {"n": 3}}
    answer = solved(tiny, **body)[-1]
    assert {one["text"] for one in answer["candidates"]} <= {"yes", "no"}
    assert answer["ledger"]["prompt_tokens"] == len("say")


@pytest.mark.slow
def test_closing_cancels(tiny: Tiny) -> None:
    """A client that goes away frees the engine."""
    body = {"problem": "1+1", "budget": {"n": 2}, "sampling": {"max_tokens": 1500, "ignore_eos": True}}
    with httpx.Client() as client, client.stream("POST", tiny.server.url + SOLVE, json=body) as response:
        lines = response.iter_lines()
        assert next(lines) == "event: begin"
        assert tiny.running() == 1
    end = time.monotonic() + 5
    while tiny.running():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.slow
def test_limits_of_the_server(tiny_server: Any) -> None:
    """A run costs no more than the server says, and a request may not ask for more."""
    tiny = tiny_server(max_solve_tokens=20, max_n=4, max_tokens=50)
    told = solved(tiny, problem="1+1", budget={"n": 4}, sampling={"ignore_eos": True})
    assert told[-1]["ledger"]["generated_tokens"] == 20
    assert told[-1]["stopped"] == "tokens"
    assert told[-1]["sampling"]["max_tokens"] == 50
    for body, param in (
        ({"budget": {"n": 5}}, "budget.n"),
        ({"budget": {"max_generated_tokens": 21}}, "budget.max_generated_tokens"),
        ({"sampling": {"max_tokens": 51}}, "sampling.max_tokens"),
    ):
        assert error(tiny.client.post(SOLVE, json={"problem": "1", **body}), 400)["param"] == param


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"problem": ""}, "problem"),
        ({"problem": 5}, "problem"),
        ({"problem": "a" * 10**6}, "problem"),
        ({"problem": "a" * 2100}, "problem"),
        ({"sampling": {"max_tokens": 5000}}, "sampling.max_tokens"),
        ({"answer": " "}, "answer"),
        ({"strategy": "luck"}, "strategy"),
        ({"strategy": "step-beam"}, "reward"),
        ({"reward": "head:/etc/passwd"}, "reward"),
        ({"reward": "code"}, "reward"),
        ({"reward": "public-code"}, "reward"),
        ({"reward": "head"}, "reward"),
        ({"reward": "math"}, None),  # the sentence says that there is no answer
        ({"strategy": "auto", "settings": {"policy": "/etc/passwd"}}, "settings.policy"),
        ({"settings": {"power": [1]}}, "settings.power"),
        ({"settings": {"keep": 2}}, "settings.keep"),
        ({"settings": {"selection": "best"}}, "settings.selection"),
        ({"strategy": "self-consistency", "settings": {"rule": 5}}, "settings.rule"),
        ({"strategy": "step-beam", "reward": "arithmetic", "settings": {"step": 5}}, "settings.step"),
        (
            {"strategy": "step-beam", "reward": "arithmetic", "settings": {"keep": 99, "expand": 99}},
            "settings.keep",
        ),
        ({"strategy": "short-m", "settings": {"slice": 2**40}}, "settings.slice"),
        ({"budget": {"n": 0}}, "budget.n"),
        ({"budget": {"n": 129}}, "budget.n"),
        ({"budget": {"seconds": -1}}, "budget.seconds"),
        ({"budget": {"money": 1}}, "budget.money"),
        ({"sampling": {"n": 2}}, "sampling.n"),
        ({"sampling": {"temperature": "hot"}}, "sampling.temperature"),
        ({"constraint": {"regex": "("}}, "constraint.regex"),
        ({"constraint": {"nobody": 1}}, "constraint.nobody"),
        ({"chat": False, "system": "a"}, "system"),
        ({"chat_template_kwargs": {"mood": "good"}}, "chat_template_kwargs.mood"),
        ({"journal": "/tmp/x"}, "journal"),
    ],
)
def test_what_is_refused(tiny: Tiny, body: dict[str, Any], param: str | None) -> None:
    """By name, in one sentence, before a stream begins; no file or program that a request names is used."""
    refused = error(tiny.client.post(SOLVE, json={"problem": "1+1", "budget": {"n": 2}, **body}), 400)
    assert refused["param"] == param, refused
