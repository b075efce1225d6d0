"""One request answered by a decoder, with what must hold of every search checked on the way."""

from __future__ import annotations

from asking import engine_ask
from ponder.asks import TreeEvent
from ponder.engine import FinishedEvent
from ponder.sampling import SamplingParams
from stepping import assert_at_rest, run


def answer(engine, prompt, decoder, constraint=None, **params):
    """Run one request; its outputs, after checking that each is a path of the tree and all pages are idle."""
    request = engine_ask(tuple(prompt), SamplingParams(**params), constraint, decoder)
    *steps, last = run(engine, request)
    assert isinstance(last, FinishedEvent)
    assert_at_rest(engine)
    assert_paths(steps, last, getattr(decoder, "num_beam_groups", 1))
    return last.outputs


def assert_paths(steps, last, groups=1):
    """The events make up a tree whose finished leaves spell the outputs, token by token, text included.

    Each output has one leaf, or in groups that know nothing of each other as many as there are groups.
    """
    nodes = {}
    for step in steps:
        assert isinstance(step, TreeEvent)
        for node in step.nodes:
            assert node.node == len(nodes), "nodes are numbered as they come"
            assert node.parent < node.node
            assert node.parent < 0 or nodes[node.parent].finish_reason is None
            nodes[node.node] = node

    def spelled(node):
        above = spelled(nodes[node.parent]) if node.parent >= 0 else ((), (), "")
        own = (node.trace.token_id,) if node.trace else ()
        traces = (node.trace,) if node.trace else ()
        return above[0] + own, above[1] + traces, above[2] + node.text

    leaves = [
        (*spelled(node), node.finish_reason, node.score) for node in nodes.values() if node.finish_reason
    ]
    for output in last.outputs:
        ended = [
            leaf
            for leaf in leaves
            if leaf[:4] == (output.token_ids, output.traces, output.text, output.finish_reason)
        ]
        assert 1 <= len(ended) <= groups
    assert last.usage.generated_tokens == sum(node.trace is not None for node in nodes.values())
