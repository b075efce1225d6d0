"""How likely given texts are after a prompt."""

from __future__ import annotations

import torch

from ponder.asks.choice_trie import ChoiceTrie
from ponder.engine.runner import BatchRow, Runner
from ponder.sampling.softmax import logprobs_of
from ponder.tree import Branch


def score_trie(
    runner: Runner, branch: Branch, prompt: tuple[int, ...], trie: ChoiceTrie, reach: int, chunk: int
) -> list[list[float]]:
    """Compute what `branch` lacks of the prompt, `chunk` tokens at a time, and the trie after it in one pass.

    Returns, per path of the trie, the raw log-probability of each token. The prompt stays in the tree.

    Raises
    ------
    CapacityError : there are too few pages; the branch can be dropped.
    """
    first = prefill(runner, branch, prompt, reach, chunk)
    logits = runner.forward_trie(branch, trie, reach)
    roots = [node for node, parent in enumerate(trie.parents) if parent < 0]
    others = [node for node, parent in enumerate(trie.parents) if parent >= 0]
    logprobs = dict(zip(roots, _logprobs(first, [0] * len(roots), trie, roots), strict=True))
    parents = [trie.parents[node] for node in others]
    logprobs |= dict(zip(others, _logprobs(logits, parents, trie, others), strict=True))
    return [[logprobs[node] for node in path] for path in trie.paths]


def prefill(runner: Runner, branch: Branch, prompt: tuple[int, ...], reach: int, chunk: int) -> torch.Tensor:
    """Return the logits after the prompt, [1, V]."""
    logits = torch.empty(0)
    while branch.length < len(prompt):
        tokens = prompt[branch.length : branch.length + chunk]
        slots = branch.extend(tokens)
        logits = runner.forward([BatchRow(branch, tokens, slots, reach, 1)])
        branch.publish()
    return logits


def _logprobs(logits: torch.Tensor, rows: list[int], trie: ChoiceTrie, nodes: list[int]) -> list[float]:
    """The log-probability of each node's token under a row of logits."""
    tokens = [trie.token_ids[node] for node in nodes]
    return logprobs_of(logits, rows, tokens)
