"""A step by its operations: what each must read and multiply, what it reached, and the command end to end."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from ponder.asks import Grow, Path
from ponder.cli.bench import app
from ponder.engine import EngineLimits
from ponder.errors import UnsupportedError
from ponder.kernels import native
from ponder.sampling import SamplingParams
from ponder.text import TokenIds
from ponder_benchmarks.figures.profile import operations_of
from ponder_benchmarks.peers.step_work import Pass, Work, work_of
from ponder_benchmarks.peers.timed_steps import profile_prompt, profile_rows
from tiny_models import tiny_config, tiny_engine, tiny_transformer

natively = pytest.mark.skipif(native.missing is not None, reason="there are no native kernels")

KEPT = 2 * 16 * 4  # bytes of a tiny model's key and value of a token in a layer: 2 heads of 8 float32 each
ALL = {"embed", "project", "attend", "add_projection", "add_feed_forward", "exit", "logits"}


@pytest.mark.parametrize("window", [None, 1, 3, 6, 50])
@pytest.mark.parametrize("sizes", [(1, 1, 0, 0), (1, 5, 4, 0), (3, 1, 10, 2), (2, 4, 3, 5), (4, 2, 0, 1)])
def test_keys_and_pairs_are_those_that_queries_see(sizes, window):
    """Every query by itself; a key that sequences share is one key."""
    step = Pass(*sizes, logits=0)
    pairs, keys = 0, set()
    for row in range(step.rows):
        for position in range(step.shared + step.own, step.shared + step.own + step.new):
            seen = range(0 if window is None else max(0, position + 1 - window), position + 1)
            pairs += len(seen)
            keys |= {(row if key >= step.shared else None, key) for key in seen}
    assert step.pairs(window) == pairs
    assert step.keys(window) == len(keys)


@natively
def test_the_work_of_a_step_is_that_of_its_matrices_and_keys():
    """Three rows at position 12 after 10 shared tokens: 19 different keys and 39 pairs in each of 2 layers.

    Matrices of float32: q 32 x 32, k and v 16 x 32, o 32 x 32, gate, up and down 64 x 32, embedding and head
    64 x 32.
    """
    work = work_of(tiny_transformer(kernels="native"), Pass(rows=3, new=1, shared=10, own=2, logits=3))
    assert work == {
        "embed": Work(3 * 32 * 4),
        "project": Work(2 * 2048 * 4 + 3 * 2 * KEPT, 3 * 2 * 2048),
        "attend": Work(19 * 2 * KEPT, 39 * 2 * (2 * 4 * 8)),
        "add_projection": Work(2 * 1024 * 4, 3 * 2 * 1024),
        "add_feed_forward": Work(2 * 6144 * 4, 3 * 2 * 6144),
        "exit": Work(),
        "logits": Work(64 * 32 * 4, 3 * 64 * 32),
    }


@natively
def test_a_window_is_the_layers_own_and_a_head_without_rows_is_not_read():
    """Tokens 4 to 8 of a prompt: 9 keys and 35 pairs, of which a window of 3 leaves 7 and 15."""
    model = tiny_transformer(tiny_config(sliding_windows=(None, 3)), kernels="native")
    work = work_of(model, Pass(rows=1, new=5, shared=4, own=0, logits=0))
    assert work["attend"] == Work((9 + 7) * KEPT, (35 + 15) * (2 * 4 * 8))
    assert work["logits"] == Work()


@natively
def test_a_matrix_that_layers_share_is_read_once():
    model = tiny_transformer(kernels="native")
    weights = replace(model.weights, layers=model.weights.layers[:1] * 2)
    shared = SimpleNamespace(
        config=model.config, weights=weights, kernels=model.kernels, page_bytes=model.page_bytes
    )
    step = Pass(rows=1, new=1, shared=0, own=0, logits=1)
    one, two = work_of(shared, step)["add_feed_forward"], work_of(model, step)["add_feed_forward"]
    assert (2 * one.bytes, one.macs) == (two.bytes, two.macs)


@natively
def test_rows_are_the_mean_of_their_steps():
    """Two rows after 20 tokens see 22, 24 and 26 keys in three steps."""
    answer = profile_rows(tiny_engine(kernels="native"), range(20), 2, 3)
    operations = answer["operations"]
    assert answer["tokens"] == 6
    assert set(operations) == ALL
    assert operations["attend"]["bytes"] == 24 * 2 * KEPT
    assert operations["attend"]["macs"] == 2 * 22 * 2 * (2 * 4 * 8)
    assert 0 < sum(one["seconds"] for one in operations.values()) < answer["seconds"]


@natively
def test_a_prompt_is_the_sum_of_its_steps_and_not_cached():
    """40 tokens in steps of 16: the weights three times, the head once, 16 + 32 + 40 keys, all 820 pairs."""
    engine = tiny_engine(kernels="native", limits=EngineLimits(token_budget=16))
    for salt in "ab":
        answer = profile_prompt(engine, range(40), salt)
        operations = answer["operations"]
        assert answer["tokens"] == 40
        assert operations["add_projection"]["bytes"] == 3 * 2 * 1024 * 4
        assert operations["attend"]["bytes"] == 88 * 2 * KEPT
        assert operations["attend"]["macs"] == 820 * 2 * (2 * 4 * 8)
        assert operations["logits"]["macs"] == 64 * 32


@natively
def test_every_operation_that_is_timed_is_counted():
    engine = tiny_engine(kernels="native")
    engine.submit(Grow(Path(TokenIds((1,))), SamplingParams(max_tokens=1)))
    engine.step()
    assert set(engine.model.take_times()) == ALL


def test_a_share_is_of_the_limit_that_takes_longer():
    """10 GB/s and 100 GMAC/s; 2 GB take 0.2 s, 40 billion multiply-accumulates 0.4 s, if of integers."""

    def operation(seconds, gigabytes, billions, integers):
        return {"seconds": seconds, "bytes": gigabytes * 1e9, "macs": billions * 1e9, "integers": integers}

    operations = {
        "project": operation(0.5, 2, 40, True),
        "logits": operation(0.4, 2, 10, True),
        "attend": operation(0.8, 2, 40, False),
        "exit": operation(0.1, 0, 0, False),
    }
    answer, probe = {"seconds": 2.0, "operations": operations}, {"read_gb_s": 10.0, "int8_gmac_s": 100.0}
    found = {one.name: one for one in operations_of("case", [answer], [probe])}
    shown = {name: (one.share and pytest.approx(one.share[0]), one.limit) for name, one in found.items()}
    assert shown == {
        "project": (0.8, "arithmetic"),
        "logits": (0.5, "memory"),
        "attend": (0.25, "bytes only"),
        "exit": (None, ""),
        "rest": (None, ""),
        "step": (0.4, ""),
    }
    assert found["rest"].ms == pytest.approx([200])
    assert (found["step"].bytes, found["step"].macs) == (6e9, 90e9)
    assert found["project"].rate(found["project"].macs) == pytest.approx(80)


def test_profile(figure, checkpoint, tmp_path):
    """A step's operations and its rest are the step; weights are read once in a step."""
    files = ("--out", tmp_path / "r.json", "--plot", tmp_path / "r.png")
    printed = figure("profile", "--rows", "1,3", "--prompt", 20, "--prompt-tokens", 24, *files)
    assert printed == json.loads((tmp_path / "r.json").read_text())
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")
    assert [case["case"] for case in printed["cases"]] == ["1 row", "3 rows", "prompt of 20"]
    assert [quantity["name"] for quantity in printed["quantities"]] == ["read bandwidth", "integer peak"]
    operations = {one["name"]: one for one in printed["operations"] if one["case"] == "3 rows"}
    assert set(operations) == ALL | {"rest", "step"}
    whole = operations.pop("step")
    assert whole["ms"]["median"] == pytest.approx(sum(one["ms"]["median"] for one in operations.values()))
    ponder, attend = printed["systems"]["ponder"], operations["attend"]
    kept, weights = ponder["kv_bytes_per_token"], ponder["weight_bytes"]
    assert attend["bytes"] == kept * (24 + 3 * 4.5)
    assert whole["bytes"] == weights + 3 * kept + attend["bytes"] + operations["embed"]["bytes"]
    assert whole["macs"] - attend["macs"] == 3 * ponder["linear_macs"]
    assert attend["limit"] == "bytes only"
    assert operations["logits"]["limit"] in ("memory", "arithmetic")


def test_the_table_has_each_operation_and_says_whose_peak_it_is(capsys, checkpoint):
    sizes = ["--rows", "2", "--prompt", "8", "--prompt-tokens", "8"]
    app(["profile", *sizes, "--repeats", "1", "--warmup", "0"], standalone_mode=False)
    printed = capsys.readouterr().out
    assert printed.startswith("profile: smollm2-135m, ")
    assert all(f"\n  {name} " in printed for name in ALL | {"rest"})
    assert "\nbytes only: it multiplies in floating point, whose peak is not measured\n" in printed
    assert max(map(len, printed.splitlines())) <= 100


def test_other_kernels_are_refused_in_one_sentence(figure, checkpoint, monkeypatch):
    monkeypatch.setenv(native.VARIABLE, "reference")
    with pytest.raises(UnsupportedError, match="ponder bench profile needs native kernels, which "):
        figure("profile", "--rows", 1, "--prompt", 8, "--prompt-tokens", 8)
