"""Models with other positions than their checkpoint's: against a plain model, and from a file to a text."""

import pytest
import torch

import ponder
from asking import engine_ask
from forward import all_logits
from plain_model import PlainModel, alibi, t5
from ponder.checkpoints.config import (
    DynamicScaling,
    LinearScaling,
    ProportionalScaling,
    RopeConfig,
    YarnScaling,
)
from ponder.errors import ParameterError, UnsupportedError
from ponder.kernels import native
from ponder.models import load_transformer
from ponder.positions import Rope, T5Bias
from ponder.sampling import SamplingParams
from ponder.text import build_tokenizer
from stepping import run
from tiny_directory import write_tiny_directory
from tiny_models import tiny_config, tiny_engine, tiny_transformer

TABLE = 2 * torch.randn(8, 6, generator=torch.Generator().manual_seed(0))
PLAIN = {
    "rotary": (None, {}),
    "none": ("none", {"rotary": False}),
    "alibi": ("alibi", {"rotary": False, "bias": alibi(6)}),
    "t5": (T5Bias(TABLE, 20), {"rotary": False, "bias": t5(TABLE.double().numpy(), 20)}),
}
KERNELS = {
    "reference": {"kernels": "reference"},
    "row_invariant": {"kernels": "reference", "row_invariant": True},
}
if native.missing is None:
    KERNELS["native"] = {"kernels": "native"}
every_kernel = pytest.mark.parametrize("kernels", KERNELS.values(), ids=KERNELS)


@every_kernel
@pytest.mark.parametrize(("positions", "plain"), PLAIN.values(), ids=PLAIN)
@pytest.mark.parametrize("chunks", [(), (1, 3, 20)])
def test_against_a_plain_model(kernels, positions, plain, chunks):
    """Every logit is that of the formulas in float64; a window, and a layer that has no positions anyway."""
    config = tiny_config(
        num_layers=3,
        num_heads=6,
        sliding_windows=(None, 9, None),
        rope_layers=(True, True, False),
    )
    ids = torch.randint(0, 64, (50,), generator=torch.Generator().manual_seed(1)).tolist()
    ours = all_logits(tiny_transformer(config, positions=positions, **kernels), [ids], chunks=chunks)[0]
    exact = torch.from_numpy(PlainModel(config, **plain).logits(ids))
    torch.testing.assert_close(ours.double(), exact, rtol=1e-3, atol=1e-3)


@every_kernel
def test_a_model_without_positions_or_mask_reads_a_set_in_its_first_layer(kernels):
    """The last token's logits after one layer do not change when the tokens before it are permuted."""
    config = tiny_config(num_layers=1)
    ids = torch.randint(0, 64, (30,), generator=torch.Generator().manual_seed(1)).tolist()
    permuted = [*reversed(ids[:-1]), ids[-1]]
    model = tiny_transformer(config, positions="none", **kernels)
    one, other = (all_logits(model, [tokens])[0][-1] for tokens in (ids, permuted))
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    rotary = tiny_transformer(config, **kernels)
    one, other = (all_logits(rotary, [tokens])[0][-1] for tokens in (ids, permuted))
    assert (one - other).abs().max() > 0.1


@every_kernel
def test_a_proportional_rule_that_turns_part_of_a_head(kernels):
    """The pairs beyond the rotated ones are there and do not turn: transformers counts them."""
    rope = RopeConfig(100.0, 4, ProportionalScaling())
    ids = list(range(40))
    ours = all_logits(tiny_transformer(tiny_config(rope=rope), **kernels), [ids])[0]
    theirs = all_logits(tiny_transformer(tiny_config(rope=rope), kernels="reference"), [ids])[0]
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_keys_that_are_rotated_when_they_are_read():
    """The same logits as those of keys that are rotated when written; and one cache for every reach."""
    rope, ids = RopeConfig(1000.0, 8, DynamicScaling(2.0, 32)), list(range(40))
    config = tiny_config(rope=rope, rope_layers=(True, False), sliding_windows=(9, None))
    read = tiny_transformer(config, positions=Rope(rope, 8, torch.device("cpu"), "read"), kernels="reference")
    written = tiny_transformer(config, kernels="reference")
    for reach in (40, 90):
        ours, theirs = (
            all_logits(model, [ids, ids[:7]], [reach, 33], chunks=(5, 9)) for model in (read, written)
        )
        for one, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    for kernels in ({"kernels": "reference", "row_invariant": True}, {"kernels": "native"}):
        with pytest.raises(UnsupportedError, match=r"rotate keys when they are read.* kernels='reference'"):
            tiny_transformer(config, positions=read.positions, **kernels)


@pytest.mark.slow
def test_caches_are_shared_across_reaches_where_keys_do_not_depend_on_them():
    """A second request of another reach finds the first one's prompt in the cache, or must not."""
    rope = RopeConfig(1000.0, 8, DynamicScaling(2.0, 32))
    read = Rope(rope, 8, torch.device("cpu"), "read")
    for positions, found in ((None, 0), (read, 39), ("none", 39), ("alibi", 39)):
        engine = tiny_engine(rope=rope, positions=positions, kernels="reference")
        for length in (5, 15):
            params = SamplingParams(temperature=0, max_tokens=length, ignore_eos=True)
            *_, last = run(engine, engine_ask(tuple(range(40)), params))
        assert last.usage.hit_tokens == found


@pytest.fixture
def directory(tmp_path):
    write_tiny_directory(tmp_path / "m")
    return tmp_path / "m"


ASKED = {
    "none": "none",
    "alibi": "alibi",
    "yarn": YarnScaling(4.0, 16),
    "base": RopeConfig(10.0, 8),
    "t5": T5Bias(torch.randn(32, 4, generator=torch.Generator().manual_seed(0))),
}


@pytest.mark.slow
def test_a_file_is_loaded_with_other_positions(directory):
    """Each gives other texts than the checkpoint's own positions, and the same ones when loaded again."""
    options = {"chat": False, "temperature": 0, "max_tokens": 40, "ignore_eos": True}

    def text(positions):
        lm = ponder.load(directory, positions=positions, cache_bytes=2**20)
        try:
            return lm("hello world, a tiny text", **options).text
        finally:
            lm.close()

    texts = {name: text(asked) for name, asked in ASKED.items()}
    texts["own"] = text(None)
    assert len(set(texts.values())) == len(texts), texts
    assert text("alibi") == texts["alibi"]
    assert text(RopeConfig(10000.0, 8)) == texts["own"]


def test_a_scaling_lengthens_the_context(directory):
    """A prompt beyond the checkpoint's context is taken where a scaling stretches to it, and only there."""
    prompt, options = "a" * 300, {"chat": False, "temperature": 0, "max_tokens": 5}
    for positions, fits in ((None, False), (LinearScaling(2.0), True)):
        lm = ponder.load(directory, positions=positions, cache_bytes=2**20)
        try:
            if fits:
                assert lm(prompt, **options).usage.prompt_tokens == 300
            else:
                with pytest.raises(ponder.PonderError, match="context is 256"):
                    lm(prompt, **options)
        finally:
            lm.close()


def test_positions_that_do_not_fit_are_refused_by_load(directory):
    with pytest.raises(ParameterError, match=r"positions = 't5' is not allowed: T5Bias\(table\)"):
        ponder.load(directory, positions="t5")
    with pytest.raises(ParameterError, match="the model's 4 heads, and not for 3"):
        ponder.load(directory, positions=T5Bias(torch.zeros(32, 3)))


PASSAGE = (
    "Water boils at 100 degrees Celsius at sea level, and at a lower temperature on a high mountain, because "
    "the pressure of the air falls with height. Cooks who live far above the sea therefore boil their eggs "
    "and potatoes for longer."
)


@pytest.mark.skipif(native.missing is not None, reason="the default model is slow on other kernels")
def test_the_default_model_with_other_positions(checkpoint):
    """YaRN hardly changes what it thinks of a short text, though every logit moves; without positions it
    knows little of it, and ALiBi, which it was not trained with, does not bring that back."""
    ids = build_tokenizer(checkpoint.vocabulary, checkpoint.special).encode(PASSAGE)

    def loss(positions):
        model = load_transformer(checkpoint, torch.device("cpu"), kernels="native", positions=positions)
        logits = all_logits(model, [ids])[0]
        return torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(ids[1:])).item(), logits

    (own, logits), (stretched, others) = loss(None), loss(YarnScaling(2.0, 8192))
    assert own < 4
    assert abs(stretched - own) < 0.3
    assert (logits - others).abs().max() > 0.01
    for positions in ("none", "alibi"):
        assert own + 1 < loss(positions)[0] < 20
