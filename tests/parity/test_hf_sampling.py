"""`semantics="hf"` against transformers' own processors: the same tokens kept, the same probabilities."""

import pytest
import torch
from transformers.generation import logits_process as hf

from ponder.sampling import SamplingParams
from ponder.sampling.row import Row
from ponder.sampling.sampler import distributions

ROWS, VOCABULARY = 4_000, 200
BATCH = 2_000


def random_logits(seed: int, rows: int = BATCH) -> torch.Tensor:
    """Rows of several shapes: flat and peaked, some on a grid so that logits are equal, a few forbidden."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, VOCABULARY, generator=generator) * torch.rand(rows, 1, generator=generator) * 8
    gridded = torch.rand(rows, generator=generator) < 0.3
    logits[gridded] = (logits[gridded] * 2).round() / 2
    forbidden = torch.rand(rows, VOCABULARY, generator=generator) < 0.02
    forbidden[:, 0] = False
    return logits.masked_fill(forbidden, -torch.inf)


def texts(seed: int, rows: int, length: int = 12) -> torch.Tensor:
    """Token ids of few kinds, so that they repeat."""
    return torch.randint(0, 6, (rows, length), generator=torch.Generator().manual_seed(seed))


def ours(logits, seen, **params):
    params = SamplingParams(semantics="hf", **params)
    rows = [Row(0, ids[:5], ids[5:]) for ids in seen.tolist()]
    _, truncated, possible = distributions(logits, rows, params)
    assert possible.all()
    return truncated


def theirs(logits, seen, processors):
    scores = logits
    for processor in processors:
        scores = processor(seen, scores)
    return torch.softmax(scores, -1)


SEQUENCES = {(3,): 2.0, (1, 4): -3.0, (0, 2, 5): 4.0}
CASES = {
    "temperature": ({"temperature": 0.7}, [hf.TemperatureLogitsWarper(0.7)]),
    "top_k": ({"top_k": 7}, [hf.TopKLogitsWarper(7)]),
    "top_p": ({"top_p": 0.9}, [hf.TopPLogitsWarper(0.9)]),
    "top_p small": ({"top_p": 0.05}, [hf.TopPLogitsWarper(0.05)]),
    "min_p": ({"min_p": 0.1}, [hf.MinPLogitsWarper(0.1)]),
    "typical": ({"typical_p": 0.6}, [hf.TypicalLogitsWarper(0.6)]),
    "epsilon": ({"epsilon_cutoff": 0.02}, [hf.EpsilonLogitsWarper(0.02)]),
    "epsilon large": ({"epsilon_cutoff": 0.9}, [hf.EpsilonLogitsWarper(0.9)]),
    "eta": ({"eta_cutoff": 0.01}, [hf.EtaLogitsWarper(0.01)]),
    "top_h": ({"top_h": 0.5}, [hf.TopHLogitsWarper(0.5)]),
    "repetition": ({"repetition_penalty": 1.3}, [hf.RepetitionPenaltyLogitsProcessor(1.3)]),
    "ngrams": ({"no_repeat_ngram_size": 3}, [hf.NoRepeatNGramLogitsProcessor(3)]),
    "sequences": ({"sequence_bias": SEQUENCES}, [hf.SequenceBiasLogitsProcessor(SEQUENCES)]),
    "all, in order": (
        {
            "sequence_bias": SEQUENCES,
            "repetition_penalty": 1.2,
            "no_repeat_ngram_size": 4,
            "temperature": 1.3,
            "top_h": 0.9,
            "top_k": 40,
            "top_p": 0.95,
            "min_p": 0.01,
            "typical_p": 0.95,
            "epsilon_cutoff": 0.001,
            "eta_cutoff": 0.002,
        },
        [
            hf.SequenceBiasLogitsProcessor(SEQUENCES),
            hf.RepetitionPenaltyLogitsProcessor(1.2),
            hf.NoRepeatNGramLogitsProcessor(4),
            hf.TemperatureLogitsWarper(1.3),
            hf.TopHLogitsWarper(0.9),
            hf.TopKLogitsWarper(40),
            hf.TopPLogitsWarper(0.95),
            hf.MinPLogitsWarper(0.01),
            hf.TypicalLogitsWarper(0.95),
            hf.EpsilonLogitsWarper(0.001),
            hf.EtaLogitsWarper(0.002),
        ],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_same_tokens_are_kept_with_the_same_probabilities(name):
    """In ten thousand rows each: no kept set differs, no probability by more than 1e-6."""
    params, processors = CASES[name]
    for start in range(0, ROWS, BATCH):
        logits, seen = random_logits(start), texts(start, BATCH)
        mine, wanted = ours(logits, seen, **params), theirs(logits, seen, processors)
        assert torch.equal(mine > 0, wanted > 0)
        assert (mine - wanted).abs().max() <= 1e-6


def test_the_order_is_that_of_transformers():
    """As `generate` builds it, warpers after processors."""
    from transformers import GenerationConfig, GenerationMixin, LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=10, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1
    )
    model = LlamaForCausalLM(config)
    settings = GenerationConfig(do_sample=True, pad_token_id=0, **CASES["all, in order"][0])
    settings.sequence_bias = SEQUENCES
    assert issubclass(LlamaForCausalLM, GenerationMixin)
    built = model._get_logits_processor(settings, input_ids_seq_length=3, device="cpu")
    assert [type(one) for one in built] == [type(one) for one in CASES["all, in order"][1]]
