"""Where systems part over one distribution, and which of tie, order and boundary is named as the cause."""

import math

import pytest
import torch

from ponder.sampling import SEMANTICS
from ponder.sampling.explain import compare
from ponder.sampling.row import Row


def logits(*probs: float) -> torch.Tensor:
    return torch.tensor([math.log(p) for p in probs])


def of(values, names, *probs):
    return {kept.semantics: kept for kept in compare(logits(*probs), Row(0, (), ()), values, names)}


def test_a_tie():
    """Equal tokens at the k-th place: transformers keeps them all."""
    kept = of({"top_k": 2}, ("ponder", "hf"), 0.4, 0.2, 0.2, 0.2)
    assert kept["ponder"].token_ids == (0, 1)
    assert kept["hf"].token_ids == (0, 1, 2, 3)
    difference = kept["hf"].difference
    assert (difference.token_id, difference.kept, difference.cause) == (2, True, "tie")
    assert kept["ponder"].difference is None


def test_a_boundary():
    """ExLlama drops the token that crosses p."""
    kept = of({"top_p": 0.75}, ("ponder", "exllama"), 0.5, 0.3, 0.15, 0.05)
    assert kept["ponder"].token_ids == (0, 1)
    difference = kept["exllama"].difference
    assert (difference.token_id, difference.kept, difference.cause) == (1, False, "boundary")


def test_an_order():
    """llama.cpp's temperature comes last: flat tails are cut before they are raised."""
    kept = of({"temperature": 3.0, "min_p": 0.3}, ("ponder", "llamacpp"), 0.6, 0.25, 0.1, 0.05)
    assert kept["ponder"].token_ids == (0, 1, 2, 3)
    assert kept["llamacpp"].token_ids == (0, 1)
    difference = kept["llamacpp"].difference
    assert (difference.token_id, difference.kept, difference.cause) == (2, False, "order")
    assert sum(kept["llamacpp"].probs) == pytest.approx(1)


def test_what_a_system_does_not_have_is_said():
    """By the sentence that would refuse it."""
    kept = of({"top_n_sigma": 1.0}, tuple(SEMANTICS), 0.5, 0.3, 0.2)
    assert {name for name, one in kept.items() if one.refused is None} == {"ponder", "llamacpp"}
    assert "no such step" in kept["vllm"].refused


def test_where_all_agree_nothing_differs():
    """As on most distributions."""
    kept = of({"top_p": 0.9, "temperature": 1.0}, ("ponder", "hf", "vllm", "llamacpp"), 0.5, 0.25, 0.2, 0.05)
    assert {one.token_ids for one in kept.values()} == {(0, 1, 2)}
    assert all(one.difference is None for one in kept.values())
    assert kept["hf"].entropy == pytest.approx(
        -sum(p * math.log(p) for p in (0.5 / 0.95, 0.25 / 0.95, 0.2 / 0.95))
    )
