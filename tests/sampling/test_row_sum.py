"""A row is sampled to the bit as it is alone, however many rows there are."""

import pytest
import torch

from ponder.sampling.params import SamplingParams
from ponder.sampling.row import Row
from ponder.sampling.row_sum import row_sum
from ponder.sampling.sampler import trace_prompt
from ponder.sampling.softmax import entropies, log_softmax, logprobs_of, softmax

VOCABULARY = 49152


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("spread", [0.0, 1.0, 8.0])
def test_probabilities_are_those_of_float64(spread):
    """Of 49,152 tokens, to the rounding of a float32."""
    generator = torch.Generator().manual_seed(int(spread))
    logits = torch.randn(70, VOCABULARY, generator=generator) * spread
    logits[::7, ::3] = -torch.inf
    exact = logits.double().log_softmax(-1)
    torch.testing.assert_close(log_softmax(logits).double(), exact, atol=1e-6, rtol=6e-8)
    torch.testing.assert_close(softmax(logits).double(), exact.exp(), atol=0, rtol=1e-5)
    terms = torch.where(exact > -torch.inf, exact.exp() * exact, 0.0)
    torch.testing.assert_close(entropies(logits), -terms.sum(-1), atol=3e-7, rtol=0)
    rows, tokens = [0, 0, 69], [1, 4, 5]
    assert logprobs_of(logits, rows, tokens) == log_softmax(logits)[rows, tokens].tolist()
    assert logprobs_of(logits, [], []) == []


@pytest.mark.slow
def test_a_prompts_log_probabilities_are_those_of_generation(sample):
    """A token drawn, and the same token given: one log-probability, whichever sampler drew it."""
    logits = torch.randn(40, VOCABULARY, generator=torch.Generator().manual_seed(2)) * 2
    drawn = sample(logits, [Row(i, (), ()) for i in range(40)], SamplingParams(seed=1, top_logprobs=3))
    given = trace_prompt(logits, [trace.token_id for trace in drawn], 3)
    for one, other in zip(drawn, given, strict=True):
        assert (one.token_id, one.rank) == (other.token_id, other.rank)
        assert one.logprob == pytest.approx(other.logprob, abs=1e-6)
        assert [value for _, value in one.top] == pytest.approx([value for _, value in other.top], abs=1e-6)
