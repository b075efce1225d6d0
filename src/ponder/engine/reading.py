"""What a request to read comes to."""

from __future__ import annotations

from dataclasses import replace

import torch

from ponder.asks.choice_trie import ROOT, ChoiceTrie
from ponder.asks.read import Reading, TextScore
from ponder.engine.job import Job
from ponder.engine.watch import Reader
from ponder.sampling.sampler import gathered_logprobs


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
    below: dict[int, list[int]] = {}
    for node, parent in enumerate(trie.parents):
        below.setdefault(parent, []).append(node)
    roots, inner = below.pop(ROOT, []), sorted(below)
    logprobs = [0.0] * len(trie.parents)
    tokens = [[trie.token_ids[node] for node in roots]]
    found = [gathered_logprobs(first, tokens)[0]]
    if inner:
        found += gathered_logprobs(rows[inner], [[trie.token_ids[n] for n in below[p]] for p in inner])
    for nodes, values in zip([roots, *(below[parent] for parent in inner)], found, strict=True):
        for node, value in zip(nodes, values, strict=True):
            logprobs[node] = value
    return logprobs
