"""What rotary embeddings promise: lengths stay, and only the distance of two tokens counts."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ponder.checkpoints.config import DynamicScaling, LongRopeScaling, RopeConfig, YarnScaling
from ponder.kernels.reference.attention import rotate
from ponder.positions import Rope

HEAD_DIM, ROTARY = 12, 8
SCALINGS = st.sampled_from(
    [
        None,
        YarnScaling(4.0, 64, attention_factor=1.0),
        DynamicScaling(2.0, 64),
        LongRopeScaling((1.0, 1.2, 1.4, 2.0), (2.0, 3.0, 5.0, 9.0), 64, 4.0, attention_factor=1.0),
    ]
)
SEEDS, POSITIONS, REACHES = st.integers(0, 2**32), st.integers(0, 4000), st.integers(1, 200)


def rotated(rope: Rope, x: torch.Tensor, position: int, reach: int) -> torch.Tensor:
    cos, sin = rope.rotation(torch.tensor([position]), [1], [reach])
    return rotate(x[None, None], cos, sin)[0, 0]


@pytest.mark.slow
@given(SCALINGS, SEEDS, POSITIONS, POSITIONS, POSITIONS, REACHES)
def test_only_the_distance_counts(scaling, seed, m, n, shift, reach):
    """The product of q at m and k at n is that of q at m + shift and k at n + shift."""
    q, k = torch.randn(2, HEAD_DIM, generator=torch.Generator().manual_seed(seed))
    rope = Rope(RopeConfig(100.0, ROTARY, scaling), HEAD_DIM, q.device)
    near = rotated(rope, q, m, reach) @ rotated(rope, k, n, reach)
    far = rotated(rope, q, m + shift, reach) @ rotated(rope, k, n + shift, reach)
    # float32 knows an angle of 8000 radians to about 5e-4
    assert (near - far).abs() <= 2e-3 * q.norm() * k.norm()


@pytest.mark.slow
@given(SCALINGS, SEEDS, POSITIONS, REACHES)
def test_every_pair_turns(scaling, seed, position, reach):
    """Pair (i, i + r/2) keeps its length and turns by position * theta_i; the dimensions from r on stay."""
    x = torch.randn(HEAD_DIM, generator=torch.Generator().manual_seed(seed))
    rope = Rope(RopeConfig(100.0, ROTARY, scaling), HEAD_DIM, x.device)
    y = rotated(rope, x, position, reach)
    before = torch.complex(x[: ROTARY // 2], x[ROTARY // 2 : ROTARY])
    after = torch.complex(y[: ROTARY // 2], y[ROTARY // 2 : ROTARY])
    torch.testing.assert_close(after.abs(), before.abs())
    one = rotated(rope, torch.tensor([1.0] * (ROTARY // 2) + [0.0] * (HEAD_DIM - ROTARY // 2)), 1, reach)
    theta = torch.atan2(one[ROTARY // 2 : ROTARY], one[: ROTARY // 2])
    torch.testing.assert_close(
        after, before * torch.polar(torch.ones(4), theta * position), rtol=0, atol=5e-3
    )
    assert torch.equal(y[ROTARY:], x[ROTARY:])


@pytest.mark.slow
@given(SCALINGS, st.lists(st.tuples(st.integers(1, 5), POSITIONS, REACHES), min_size=1, max_size=4))
def test_each_sequence_has_its_own_reach(scaling, sequences):
    """A mixed batch gets, bit for bit, what each of its sequences gets alone."""
    rope = Rope(RopeConfig(100.0, ROTARY, scaling), HEAD_DIM, torch.device("cpu"))
    pieces = [torch.arange(start, start + length) for length, start, _ in sequences]
    lengths, reaches = [length for length, _, _ in sequences], [reach for _, _, reach in sequences]
    together = rope.rotation(torch.cat(pieces), lengths, reaches)
    alone = [rope.rotation(p, [len(p)], [r]) for p, r in zip(pieces, reaches, strict=True)]
    for table, parts in zip(together, zip(*alone, strict=True), strict=True):
        assert torch.equal(table, torch.cat(parts))
