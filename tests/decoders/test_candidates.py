"""The best of all continuations are those that sorting all of them would give, ties included."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ponder.decoders.candidates import DeviceMemory, HostMemory, best, block_reduce, members
from ponder.decoders.gumbel import gumbels, path_keys, perturbed_best, with_maximum
from ponder.decoders.ranker import Ranker, host_ranker, ranker_for
from ponder.decoders.search_rows import rank
from ponder.kernels import select_kernels
from ponder.sampling.sampler import TorchSampler


def all_ranked(values, offsets):
    """Every (score, beam, token) over minus infinity, in order."""
    scores = values.double().numpy() + offsets[:, None]
    found = [
        (float(score), beam, token) for (beam, token), score in np.ndenumerate(scores) if score > -np.inf
    ]
    return sorted(found, key=lambda candidate: (-candidate[0], *candidate[1:]))


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 700), st.integers(1, 60), st.booleans())
def test_the_best_are_those_of_a_full_sort(seed, rows, vocabulary, count, coarse):
    """Any size of vocabulary, with many ties (`coarse`) and impossible tokens."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(rows, vocabulary, generator=generator)
    offsets = torch.randn(rows, generator=generator).double().numpy()
    if coarse:
        values, offsets = values.round(), np.round(offsets)
    values[torch.rand(rows, vocabulary, generator=generator) < 0.3] = -torch.inf
    found = best(values, offsets, count)
    assert (
        list(zip(found.scores.tolist(), found.beams.tolist(), found.tokens.tolist(), strict=True))
        == all_ranked(values, offsets)[:count]
    )


@pytest.mark.parametrize("value", [0.0, -torch.inf])
def test_rows_without_differences(value):
    """All equal: the lowest (beam, token) first; all impossible: none."""
    found = best(torch.full((3, 500), value), np.zeros(3), 4)
    assert found.beams.tolist() == [0] * (4 if value == 0 else 0)
    assert found.tokens.tolist() == ([0, 1, 2, 3] if value == 0 else [])


@pytest.mark.parametrize("vocabulary", [1, 5, 63, 64, 65, 129, 1000])
def test_blocks_part_the_vocabulary(vocabulary):
    """Each token is in one block, where it is counted once."""
    values = torch.rand(2, vocabulary)
    sums = block_reduce(values, np.add)
    assert sums.sum(1) == pytest.approx(values.sum(1).tolist(), rel=1e-5)
    blocks = np.arange(sums.shape[1])
    tokens, found = members(values, np.zeros_like(blocks), blocks)
    assert sorted(tokens[found > -np.inf].tolist()) == list(range(vocabulary))
    assert np.where(found > -np.inf, found, 0).sum(1) == pytest.approx(sums[0], rel=1e-5)


def test_rank_counts_from_one_and_ties_by_id():
    """The place among all, equal ones by rising id."""
    row = np.array([1.0, 3.0, 3.0, -np.inf, 2.0], dtype=np.float32)
    assert [rank(row, token) for token in range(5)] == [4, 1, 2, 5, 3]


def test_noise_is_standard_gumbel_and_each_paths_own():
    """Kolmogorov-Smirnov; equal paths get equal numbers, whatever is beside them, and others do not."""
    keys = path_keys(7, [(), (1,), (2,), (1, 2), (2, 1)])
    noise = gumbels(keys, np.zeros(5, dtype=np.int64), 4000, 0)
    assert stats.kstest(noise.ravel(), "gumbel_r").pvalue > 0.01
    assert np.abs(np.corrcoef(noise) - np.eye(5)).max() < 0.06
    alone = gumbels(path_keys(7, [[1, 2]]), np.array([1000]), 5, 0)
    assert alone.tolist() == [noise[3, 1000:1005].tolist()]
    for other in (
        gumbels(path_keys(8, [(1, 2)]), np.array([0]), 5, 0),
        gumbels(keys[3:4], np.array([0]), 5, 1),
    ):
        assert not np.isin(other, noise).any()


def test_the_largest_is_set_and_the_others_follow():
    """The largest gets the maximum exactly; conditioned numbers are distributed as those drawn with it."""
    rng = np.random.default_rng(0)
    location = np.array([*np.log([0.5, 0.3, 0.2]), -np.inf])
    drawn = location + rng.gumbel(size=(40000, 4))
    near = np.abs(drawn.max(1) - 1.0) < 0.05
    shifted = with_maximum(location + rng.gumbel(size=(40000, 4)), np.full(40000, 1.0))
    assert (shifted.max(1) == 1.0).all()
    assert (shifted[:, 3] == -np.inf).all()
    assert stats.ks_2samp(np.sort(drawn[near])[:, 1:3].sum(1), np.sort(shifted)[:, 1:3].sum(1)).pvalue > 0.01


def test_perturbed_best_is_every_tokens_own_noise_and_no_more():
    """Drawing by blocks finds the same texts, whatever the count: few are the beginning of many."""
    probs = torch.softmax(torch.randn(3, 300, generator=torch.Generator().manual_seed(0)) * 2, -1)
    keys = path_keys(3, [(5,), (6,), (7,)])
    everything = perturbed_best(probs, np.zeros(3), None, keys, 900)
    assert len(everything) == 900
    for count in (1, 10, 100):
        few = perturbed_best(probs, np.zeros(3), None, keys, count)
        assert few.scores.tolist() == everything.scores[:count].tolist()
        assert few.tokens.tolist() == everything.tokens[:count].tolist()


@pytest.mark.slow
def test_perturbed_best_draws_in_proportion():
    """The first token of a row of many blocks, for many keys; what has no probability never comes."""
    shares = np.array([0.4, 0.0, 0.3, 0.2, 0.1])
    probs = torch.from_numpy(shares).float().repeat(40)[None] / 40
    keys = path_keys(0, [(i,) for i in range(1500)])
    first = [perturbed_best(probs, np.zeros(1), None, key[None], 1).tokens[0] % 5 for key in keys]
    counts = np.bincount(first, minlength=5)
    assert counts[1] == 0
    assert stats.chisquare(counts[shares > 0], 1500 * shares[shares > 0]).pvalue > 0.01


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 300), st.integers(1, 30))
def test_rankers_of_host_and_device_agree(seed, rows, vocabulary, count):
    """What torch finds where the rows lie is what numpy finds; with noise too, where no two are close."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(rows, vocabulary, generator=generator)
    values[torch.rand(rows, vocabulary, generator=generator) < 0.2] = -torch.inf
    values[:, 0] = 1.0
    offsets = torch.randn(rows, generator=generator).double().numpy()
    host, device = (Ranker(memory, TorchSampler()) for memory in (HostMemory(), DeviceMemory()))
    ours, theirs = (ranker.best(values, offsets, count) for ranker in (host, device))
    for one, other in zip(
        (ours.beams, ours.tokens, ours.scores), (theirs.beams, theirs.tokens, theirs.scores), strict=True
    ):
        assert one.tolist() == other.tolist()
    picked = values.numpy()[ours.beams, ours.tokens].tolist()
    for ranker in (host, device):
        assert ranker.gather(values, ours.beams, ours.tokens).tolist() == picked
    probs, keys = values.softmax(-1), path_keys(seed, [(row,) for row in range(rows)])
    noisy, again = (ranker.perturbed_best(probs, offsets, None, keys, count) for ranker in (host, device))
    assert noisy.scores == pytest.approx(again.scores, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("name", ["native", "reference"])
def test_a_ranker_summarises_rows_by_the_models_own_sampler(name):
    """Entropy, the logarithm of the sum, and the likeliest tokens are those of a softmax in float64."""
    values = torch.randn(3, 200, generator=torch.Generator().manual_seed(0))
    values[0, 5:9] = -torch.inf
    ranker = ranker_for(select_kernels(torch.device("cpu"), name=name), values.device)
    sums, exact = values.double().logsumexp(-1).tolist(), values.double().log_softmax(-1)
    summaries = zip(sums, exact, ranker.summarise(values, 2), host_ranker().summarise(values, 2), strict=True)
    for total, row, found, by_default in summaries:
        assert found.lse == pytest.approx(total, abs=1e-5)
        assert found.entropy == pytest.approx(-(row.exp() * row.nan_to_num(neginf=0)).sum().item(), rel=1e-4)
        assert [token for token, _ in found.top] == row.topk(2).indices.tolist()
        assert found.kept == by_default.kept == int((row > -torch.inf).sum())
