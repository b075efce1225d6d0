"""Random numbers: the published Philox vectors, and what a sampler needs of them."""

import numpy as np
import pytest
from scipy import stats

from ponder.sampling import rng
from ponder.sampling.rng import CHOICE, philox4x32, uniforms

FULL = 0xFFFFFFFF


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((FULL,) * 4, (FULL,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_known_answers(counter, key, expected):
    """Philox4x32-10 gives the vectors of Random123's `kat_vectors`, alone and inside a batch."""
    words = philox4x32(np.array(counter, dtype=np.uint64), np.array(key, dtype=np.uint64))
    assert tuple(words.tolist()) == expected
    batch = np.array([(1, 2, 3, 4), counter, (5, 6, 7, 8)], dtype=np.uint64)
    assert tuple(philox4x32(batch, np.array(key, dtype=np.uint64))[1].tolist()) == expected


def test_the_number_is_the_first_53_bits_of_its_own_block():
    """Seed is the key, (position, sample) the counter; 27 and 26 bits make a double."""
    seed, sample, position = 0x0123456789ABCDEF, 7, 11
    words = philox4x32(
        np.array([position, sample, 0, 0], dtype=np.uint64),
        np.array([seed & FULL, seed >> 32], dtype=np.uint64),
    )
    bits = (int(words[0]) >> 5 << 26) | (int(words[1]) >> 6)
    assert uniforms(seed, [sample], [position])[0] == bits / 2**53


def test_never_one(monkeypatch):
    """The largest number is 1 - 2^-53, the smallest 0."""
    monkeypatch.setattr(rng, "philox4x32", lambda counter, key: np.full_like(counter, FULL))
    assert uniforms(0, [0], [0])[0] == 1 - 2.0**-53
    monkeypatch.setattr(rng, "philox4x32", lambda counter, key: np.zeros_like(counter))
    assert uniforms(0, [0], [0])[0] == 0


@pytest.mark.parametrize("seed", [0, 1, 2**32, 2**64 - 1])
def test_uniform_over_positions_and_samples(seed):
    """Kolmogorov-Smirnov along positions, along samples, and over both."""
    count = 100_000
    for samples, positions in (
        ([0] * count, list(range(count))),
        (list(range(count)), [0] * count),
        ([i % 317 for i in range(count)], [i // 317 for i in range(count)]),
    ):
        numbers = uniforms(seed, samples, positions)
        assert numbers.min() >= 0
        assert numbers.max() < 1
        assert stats.kstest(numbers, "uniform").pvalue > 1e-3


@pytest.mark.slow
def test_uniform_over_seeds():
    """The first number of 20,000 neighbouring seeds is uniform too."""
    numbers = np.array([uniforms(seed, [0], [0])[0] for seed in range(20_000)])
    assert stats.kstest(numbers, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("axis", ["seed", "seed high half", "sample", "position", "swapped"])
def test_neighbours_are_independent(axis):
    """A number and its neighbour along each axis fill a 16 x 16 grid evenly."""
    count, steps = 2000, 50
    samples, positions = [i // steps for i in range(count)], [i % steps for i in range(count)]
    pairs = []
    for seed in range(25):
        here = uniforms(seed, samples, positions)
        there = {
            "seed": lambda s=seed: uniforms(s + 1000, samples, positions),
            "seed high half": lambda s=seed: uniforms(s + 2**32, samples, positions),
            "sample": lambda s=seed: uniforms(s, [i + 1000 for i in samples], positions),
            "position": lambda s=seed: uniforms(s, samples, [i + 1000 for i in positions]),
            "swapped": lambda s=seed: uniforms(s, [i + 1000 for i in positions], samples),
        }[axis]()
        pairs.append(np.stack((here, there)))
    here, there = np.concatenate(pairs, axis=1)
    counts, _, _ = np.histogram2d(here, there, bins=16, range=((0, 1), (0, 1)))
    assert stats.chisquare(counts.ravel()).pvalue > 1e-3


def test_streams_are_64_bit_numbers():
    """The counter is [position, low half, purpose, high half], so that small streams stay what they were."""
    for stream in (0, 5, 2**32 - 1, 2**32, 2**32 + 5, 2**64 - 1):
        counter = np.array([[7, stream & 0xFFFFFFFF, CHOICE, stream >> 32]], dtype=np.uint64)
        words = philox4x32(counter, np.array([9, 0], dtype=np.uint64))[0].tolist()
        assert uniforms(9, [stream], [7])[0] == ((words[0] >> 5) * 2**26 + (words[1] >> 6)) / 2**53
    assert len(set(uniforms(9, [stream << 32 for stream in range(1000)], [0] * 1000).tolist())) == 1000


@pytest.mark.slow
def test_all_places_differ_and_batches_do_not_matter():
    """No two of 65,536 places share a number, and each is what it is alone."""
    places = [(sample, position) for sample in range(64) for position in range(64)]
    drawn = [uniforms(seed, *map(list, zip(*places, strict=True))) for seed in (*range(15), 2**32)]
    assert len(set(np.concatenate(drawn).tolist())) == 16 * len(places)
    for i in (0, 1, 777, 4095):
        sample, position = places[i]
        assert uniforms(3, [sample], [position])[0] == drawn[3][i]
