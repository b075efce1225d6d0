"""A row is sampled to the bit as it is alone, however many rows there are."""

import pytest
import torch

from ponder.sampling.params import SamplingParams
from ponder.sampling.row_sum import row_sum
from ponder.sampling.sampler import Row

VOCABULARY = 49152


@pytest.mark.parametrize("length", [1, 63, 64, 1000, VOCABULARY, 100_003])
def test_sums_are_sums(length):
    x = torch.rand(3, length, generator=torch.Generator().manual_seed(length))
    torch.testing.assert_close(row_sum(x), x.double().sum(-1).float())


def test_a_rows_sum_is_the_same_in_any_company_and_for_any_number_of_threads():
    """Also shows that torch's own sum is not, without which this would prove nothing."""
    x = torch.rand(12, VOCABULARY, generator=torch.Generator().manual_seed(0))
    threads = torch.get_num_threads()
    found, own = [], []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            found += [row_sum(x), torch.cat([row_sum(row[None]) for row in x])]
            own += [x.sum(-1), torch.cat([row[None].sum(-1) for row in x])]
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(found[0], other) for other in found)
    assert not all(torch.equal(own[0], other) for other in own)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"top_p": 0.9},
        {"top_k": 50, "temperature": 0.7},
        {"min_p": 0.02, "top_p": 0.99},
        {"repetition_penalty": 1.3},
    ],
)
def test_a_sample_and_its_trace_do_not_depend_on_other_rows(sample, params):
    """Twelve rows at once and each alone: tokens, log-probabilities, entropies, masses, all to the bit."""
    logits = torch.randn(12, VOCABULARY, generator=torch.Generator().manual_seed(1)) * 3
    rows = [Row(i, (1, 2, 3), (4, 5)) for i in range(12)]
    params = SamplingParams(**params, seed=3, top_logprobs=4)
    together = sample(logits, rows, params)
    alone = [sample(logits[i : i + 1], rows[i : i + 1], params)[0] for i in range(12)]
    assert together == alone
