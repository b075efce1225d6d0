"""What a request to read comes to."""

from __future__ import annotations

from dataclasses import replace

import torch

from ponder.asks.choice_trie import ROOT, ChoiceTrie
from ponder.asks.read import Reading, TextScore
from ponder.engine.job import Job
from ponder.engine.watch import Reader
from ponder.sampling.softmax import logprobs_of


def reading_of(job: Job, rows: torch.Tensor) -> Reading:
    """Return what a job read; [nodes, V] are the rows of the texts after its path, where there are such."""
    if job.trie is None:
        (reader,) = (watch for watch in job.watches if isinstance(watch, Reader))
        return replace(reader.reading(), usage=job.usage)
    assert job.before_texts is not None, "a path comes before its texts"
    logprobs = trie_logprobs(job.trie, job.before_texts, rows)
    texts = (
        TextScore(tuple(job.trie.token_ids[node] for node in path), tuple(logprobs[node] for node in path))
        for path in job.trie.paths
    )
    return Reading(tuple(texts), usage=job.usage)


def trie_logprobs(trie: ChoiceTrie, first: torch.Tensor, rows: torch.Tensor) -> list[float]:
    """Return the raw log-probability of each node's token.

    `first` [1, V] is the row after what is before the trie, `rows` [nodes, V] the one after each node.
    """
    roots = [node for node, parent in enumerate(trie.parents) if parent == ROOT]
    inner = [node for node, parent in enumerate(trie.parents) if parent != ROOT]
    logprobs = [0.0] * len(trie.parents)
    for nodes, logits, places in (
        (roots, first, [0] * len(roots)),
        (inner, rows, [trie.parents[node] for node in inner]),
    ):
        values = logprobs_of(logits, places, [trie.token_ids[node] for node in nodes])
        for node, value in zip(nodes, values, strict=True):
            logprobs[node] = value
    return logprobs
