"""Texts share their past: forks and going back, against plain lists; what a fork costs."""

from __future__ import annotations

import statistics
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asking import engine_ask
from ponder.decoders import Text
from ponder.decoders.text import Node, PastTokens
from ponder.engine import Engine
from ponder.sampling import SamplingParams
from tiny_models import tiny_config, tiny_tokenizer, tiny_transformer

OPERATIONS = ("grow", "fork", "back", "look", "since")


@pytest.mark.slow
@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from(OPERATIONS), st.integers(0, 50)), max_size=60))
def test_tokens_are_lists_that_share(operations: list[tuple[str, int]]) -> None:
    """Whatever is done to one of several texts, each has the tokens that a list of its own would have."""
    root = Node()
    views, nodes = [PastTokens(root)], [root]
    lists: list[list[int]] = [[]]
    for what, number in operations:
        i = number % len(views)
        if what == "grow":
            nodes[i] = Node(nodes[i], number)
            views[i].move(nodes[i])
            lists[i].append(number)
        elif what == "fork":
            views.append(PastTokens(nodes[i]))
            nodes.append(nodes[i])
            lists.append(list(lists[i]))
        elif what == "back":
            depth = number % (len(lists[i]) + 1)
            nodes[i] = nodes[i].ancestor(depth)
            views[i].move(nodes[i])
            del lists[i][depth:]
        elif what == "look":
            assert list(views[i]) == lists[i]
        else:
            start = number % (len(lists[i]) + 1)
            assert views[i].since(start) == lists[i][start:]
    for view, wanted in zip(views, lists, strict=True):
        assert len(view) == len(wanted)
        assert list(view) == wanted
        assert view == wanted
        assert view[-3:] == wanted[-3:]


@pytest.fixture(scope="module")
def engine() -> Engine:
    config = tiny_config(context_length=16384)
    return Engine(tiny_transformer(config, 4, kernels="native"), tiny_tokenizer(), 2000)


def text_of(engine: Engine, tokens: int) -> Text:
    """A text of so many tokens whose keys and values are in the cache."""
    params = SamplingParams(max_tokens=12000, ignore_eos=True)
    job = engine.prepare(engine_ask((1,) * 16, params, tokens=[i % 50 for i in range(tokens)]))
    engine.submit(job)
    while not job.generated:
        engine.step()
    (text,) = job.group.live
    return text


@pytest.mark.timed
def test_a_fork_costs_the_same_at_any_length(engine: Engine) -> None:
    """At 4,000 tokens at most 1.5 times what it costs at 10; going back by a token likewise."""

    def fork(text: Text) -> float:
        start = time.perf_counter()
        for _ in range(50):
            twin = text.fork()
            twin.move(Node(twin.node, 7))
            twin.branch.extend((7,))
            twin.go_back(twin.depth - 1)
            twin.drop()
        return time.perf_counter() - start

    short = text_of(engine, 10)
    long = text_of(engine, 4000)
    assert long.depth > 4000 > 100 > short.depth
    pairs = [(fork(short), fork(long)) for _ in range(40)][5:]
    ratio = statistics.median(b for _, b in pairs) / statistics.median(a for a, _ in pairs)
    assert ratio <= 1.5, f"{ratio:.2f} times"
    for text in (short, long):
        text.drop()
