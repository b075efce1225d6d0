"""A sequence's logits are bitwise the same however it was batched and cut.

So with row-invariant operations, and with native ones always.
"""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from forward import poisoned_pool
from ponder.checkpoints.config import DynamicScaling, LongRopeScaling, RopeConfig
from ponder.errors import UnsupportedError
from ponder.kernels.attention_plan import AttentionPlan
from ponder.models import ForwardBatch, Transformer, load_transformer
from ponder.positions import T5Bias
from tiny_models import tiny_config, tiny_transformer

PAGE_SIZE = 16
LONGROPE = LongRopeScaling((1.0, 1.2, 1.4, 2.0), (2.0, 3.0, 5.0, 9.0), original_context=32, factor=4.0)
CONFIGS = {
    "plain": tiny_config(),
    "window": tiny_config(sliding_windows=(7, None)),
    "nope": tiny_config(rope_layers=(True, False)),
    "partial": tiny_config(rope=RopeConfig(1000.0, 4)),
    "qk norm, biases": tiny_config(qk_norm=True, qkv_bias=True, o_bias=True, mlp_bias=True),
    "tied": tiny_config(tie_embeddings=True),
    "odd sizes": tiny_config(hidden_size=37, intermediate_size=51, num_heads=5, num_kv_heads=1, head_dim=20),
    "dynamic": tiny_config(rope=RopeConfig(1000.0, 8, DynamicScaling(2.0, 32))),
    "longrope": tiny_config(rope=RopeConfig(1000.0, 8, LONGROPE)),
    "alibi": tiny_config(num_heads=5, num_kv_heads=1),
    "t5": tiny_config(sliding_windows=(7, None)),
}
POSITIONS = {
    "alibi": "alibi",
    "t5": T5Bias(torch.randn(8, 4, generator=torch.Generator().manual_seed(0)), max_distance=20),
}
tokens = st.lists(st.integers(0, 63), min_size=1, max_size=70)


class Cache:
    """Sequences that grow in any portions on scattered pages; what was never written is NaN."""

    def __init__(self, model: Transformer, sequences: list[list[int]], seed: int = 0) -> None:
        counts = [-(-len(sequence) // PAGE_SIZE) for sequence in sequences]
        self.model, self.sequences = model, sequences
        self.cache = poisoned_pool(model, sum(counts)).cache
        self.tables = torch.randperm(sum(counts), generator=torch.Generator().manual_seed(seed)).split(counts)
        self.lengths = [0] * len(sequences)

    def grow(
        self,
        portions: dict[int, int],
        positions: torch.Tensor | None = None,
        tree: torch.Tensor | None = None,
    ) -> dict[int, torch.Tensor]:
        """Compute the next tokens of some sequences, {sequence: how many}; return the logits after each."""
        firsts = {i: self.lengths[i] for i in portions}
        for i, new in portions.items():
            self.lengths[i] += new
        places = [torch.arange(firsts[i], self.lengths[i]) for i in portions]
        slots = [
            self.tables[i][place // PAGE_SIZE] * PAGE_SIZE + place % PAGE_SIZE
            for i, place in zip(portions, places, strict=True)
        ]
        batch = ForwardBatch(
            token_ids=torch.tensor(
                [t for i in portions for t in self.sequences[i][firsts[i] : self.lengths[i]]]
            ),
            positions=torch.cat(places) if positions is None else positions,
            slot_mapping=torch.cat(slots),
            plan=AttentionPlan(
                list(portions.values()),
                [self.lengths[i] for i in portions],
                [self.tables[i][: -(-self.lengths[i] // PAGE_SIZE)] for i in portions],
                {} if tree is None else {0: tree},
            ),
            reaches=[len(self.sequences[i]) for i in portions],
            logit_rows=torch.arange(sum(portions.values())),
        )
        logits = self.model.forward(batch, self.cache)
        return dict(zip(portions, logits.split(list(portions.values())), strict=True))


def at_once(model: Transformer, sequence: list[int]) -> torch.Tensor:
    """Logits [tokens, V] of a sequence alone, in one pass."""
    return Cache(model, [sequence]).grow({0: len(sequence)})[0]


def in_chunks(model: Transformer, sequence: list[int], size: int) -> torch.Tensor:
    """The same, `size` tokens at a time."""
    cache = Cache(model, [sequence], seed=size)
    sizes = (min(size, len(sequence) - start) for start in range(0, len(sequence), size))
    return torch.cat([cache.grow({0: new})[0] for new in sizes])


KERNELS = ("reference", "native")


@pytest.fixture(scope="module", params=itertools.product(CONFIGS, KERNELS), ids="-".join)
def model(request):
    config, kernels = request.param
    return tiny_transformer(
        CONFIGS[config], kernels=kernels, row_invariant=True, positions=POSITIONS.get(config)
    )


@pytest.mark.slow
@settings(max_examples=10)
@given(data=st.data(), sequences=st.lists(tokens, min_size=1, max_size=4), seed=st.integers(0, 99))
def test_chunks_and_company_change_no_bit(model, data, sequences, seed):
    """Sequences that grow in random portions, each time in random company, equal each alone in one pass."""
    alone = [at_once(model, sequence) for sequence in sequences]
    cache = Cache(model, sequences, seed)
    while True:
        left = {i: len(s) - now for i, (s, now) in enumerate(zip(sequences, cache.lengths, strict=True))}
        growing = [i for i in left if left[i]]
        if not growing:
            break
        company = data.draw(st.lists(st.sampled_from(growing), min_size=1, unique=True))
        portions = {i: min(left[i], data.draw(st.sampled_from([1, 7, 16, 40]))) for i in company}
        for i, logits in cache.grow(portions).items():
            assert torch.equal(logits, alone[i][cache.lengths[i] - portions[i] : cache.lengths[i]])


@pytest.mark.slow
@settings(max_examples=10)
@given(prompt=tokens, a=tokens, b=tokens)
def test_a_tree_is_its_paths(model, prompt, a, b):
    """Two texts as branches of a tree after a cached prompt equal each text alone."""
    reach = len(prompt) + len(a) + len(b)
    cache = Cache(model, [[*prompt, *a, *b]])
    cache.grow({0: len(prompt)})
    sees = torch.block_diag(*(torch.ones(len(text), len(text)).tril() for text in (a, b))).bool()
    positions = torch.cat([len(prompt) + torch.arange(len(text)) for text in (a, b)])
    tree = cache.grow({0: len(a) + len(b)}, positions, sees)[0]
    for text, logits in zip((a, b), tree.split([len(a), len(b)]), strict=True):
        # Padded to the same reach, which may choose the frequencies.
        alone = at_once(model, [*prompt, *text, *[0] * (reach - len(prompt) - len(text))])
        assert torch.equal(logits, alone[len(prompt) : len(prompt) + len(text)])


def test_close_to_the_plain_operations(model):
    plain = tiny_transformer(model.config, kernels="reference", positions=model.positions)
    ids = [i % 64 for i in range(60)]
    torch.testing.assert_close(at_once(model, ids), at_once(plain, ids), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kernels", KERNELS)
def test_the_default_model(checkpoint, kernels):
    """Alone and whole; in chunks of 1, 7, 16; with a cached prefix; and among 40 others of many lengths."""
    model = load_transformer(checkpoint, torch.device("cpu"), kernels=kernels, row_invariant=True)
    generator = torch.Generator().manual_seed(0)
    lengths = [120, *(1 + i * i % 31 for i in range(40))]
    sequences = [torch.randint(49152, (n,), generator=generator).tolist() for n in lengths]
    alone = at_once(model, sequences[0])
    for size in (7, 16):
        assert torch.equal(in_chunks(model, sequences[0], size), alone)
    assert torch.equal(in_chunks(model, sequences[0][:20], 1), alone[:20])
    cache = Cache(model, sequences)
    cache.grow({0: 70})
    together = cache.grow({i: 50 if i == 0 else n for i, n in enumerate(lengths)})
    assert torch.equal(together[0], alone[70:])
    for i in (1, 7, 40):
        assert torch.equal(together[i], at_once(model, sequences[i]))


@pytest.mark.parametrize("kernels", KERNELS)
def test_a_long_prompt_of_the_default_model(checkpoint, kernels):
    """Chunks of 512, as the engine cuts them, and tokens one by one after more than 512 cached ones."""
    model = load_transformer(checkpoint, torch.device("cpu"), kernels=kernels, row_invariant=True)
    ids = torch.randint(49152, (600,), generator=torch.Generator().manual_seed(1)).tolist()
    alone = at_once(model, ids)
    cache = Cache(model, [ids])
    portions = [512, 78, *[1] * 10]
    assert torch.equal(torch.cat([cache.grow({0: new})[0] for new in portions]), alone)


def test_other_devices_are_refused(checkpoint):
    with pytest.raises(UnsupportedError, match="row_invariant"):
        load_transformer(checkpoint, torch.device("cuda"), row_invariant=True)
