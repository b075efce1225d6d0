"""A checkpoint that is quantised as it is read: its tensors, its logits, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType as Type
from gguf import quants

import ponder
from forward import all_logits
from ponder.backends.local import load_local
from ponder.checkpoints import open_checkpoint, tensor_shapes
from ponder.checkpoints.quantized import quantized
from ponder.checkpoints.stored import dequantize
from ponder.errors import CheckpointError, ParameterError
from tiny_directory import write_tiny_directory
from tiny_models import ALPHABET

KINDS = {"q8_0": "Q8_0", "q4_1": "Q4_1"}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", KINDS)
def test_matrices_are_quantised_and_vectors_are_not(tmp_path: Path, name: str, dtype: torch.dtype) -> None:
    written = write_tiny_directory(tmp_path / "m", dtype)
    checkpoint = open_checkpoint(str(tmp_path / "m"))
    made = quantized(checkpoint, name)
    assert (made.name, made.config, made.special) == (checkpoint.name, checkpoint.config, checkpoint.special)
    for tensor, shape in tensor_shapes(made.config).items():
        stored, plain = made.tensors.stored(tensor), written[tensor].float().numpy()
        assert (stored.shape, stored.rows) == (shape, None)
        if len(shape) == 2:
            assert stored.kind == KINDS[name]
            assert np.array_equal(stored.data, quants.quantize(plain, Type[KINDS[name]]).reshape(-1))
        else:
            assert stored.kind == ("F32" if dtype == torch.float32 else "BF16")
            assert np.array_equal(dequantize(stored), plain)
        assert np.array_equal(made.tensors.tensor(tensor).numpy(), dequantize(stored))


def test_rows_of_an_interleaved_model_are_put_in_order(tmp_path: Path, write_gguf: Any) -> None:
    write_gguf(tmp_path / "m.gguf", kind=Type.F16)
    checkpoint = open_checkpoint(str(tmp_path / "m.gguf"))
    plain = checkpoint.tensors.stored("layers.0.q.weight")
    stored = quantized(checkpoint, "q8_0").tensors.stored("layers.0.q.weight")
    assert plain.rows is not None
    assert stored.rows is None
    assert np.abs(dequantize(stored) - dequantize(plain)).max() < 0.02  # not so with rows in another order


@pytest.mark.parametrize(("name", "most_kl"), [("q8_0", 0.02), ("q4_1", 1.0)])
def test_logits_are_close_to_the_unquantised(tmp_path: Path, name: str, most_kl: float) -> None:
    """Random weights exaggerate: 0.006 and 0.46 nats; normal noise of that size gives 0.005 and 0.55."""
    write_tiny_directory(tmp_path / "m")
    prompt = (torch.arange(100) * 7 % len(ALPHABET)).tolist()
    logprobs = {}
    for quantize in (None, name):
        model = load_local(str(tmp_path / "m"), device="cpu", cache_bytes=2**22, quantize=quantize)
        logprobs[quantize] = all_logits(model.engine.model, [prompt])[0].log_softmax(-1)
        model.close()
    exact, rounded = logprobs[None], logprobs[name]
    divergence = (exact.exp() * (exact - rounded)).sum(-1).mean()
    assert 0 < divergence < most_kl


def test_a_quantised_model_generates(tmp_path: Path) -> None:
    write_tiny_directory(tmp_path / "m")
    lm = ponder.load(tmp_path / "m", device="cpu", cache_bytes=2**22, quantize="q8_0")
    assert lm("once upon a time", max_tokens=5, seed=0).usage.generated_tokens > 0
    lm.close()


@pytest.mark.parametrize("name", ["Q8_0", "int8", "", 8, ["q8_0"]])
def test_unknown_names(tmp_path: Path, name: Any) -> None:
    write_tiny_directory(tmp_path / "m")
    with pytest.raises(ParameterError, match=r"quantize = .* is not allowed: q8_0 or q4_1"):
        ponder.load(tmp_path / "m", quantize=name)


def test_what_is_quantised_already_is_refused(checkpoint: Any) -> None:
    with pytest.raises(
        CheckpointError, match=r"^smollm2-135m cannot be quantised to q8_0: embed.weight is Q\d_\d already$"
    ):
        quantized(checkpoint, "q8_0")


def test_rows_that_are_not_whole_blocks_are_refused(tmp_path: Path) -> None:
    write_tiny_directory(tmp_path / "m", intermediate_size=48)
    said = (
        r"^m cannot be quantised to q4_1: layers.0.down.weight has rows of 48 values, not of a multiple of 32"
    )
    with pytest.raises(CheckpointError, match=said):
        quantized(open_checkpoint(str(tmp_path / "m")), "q4_1")


def test_weights_that_are_no_numbers_are_named(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    write_tiny_directory(tmp_path / "m")
    tensors = load_file(tmp_path / "m" / "model.safetensors")
    tensors["model.layers.1.mlp.up_proj.weight"][3, 4] = torch.nan
    save_file(tensors, tmp_path / "m" / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"^layers.1.up.weight cannot be quantised: Q8_0 needs finite"):
        ponder.load(tmp_path / "m", quantize="q8_0")


@pytest.mark.parametrize("command", ["run", "chat", "choose", "solve", "serve"])
@pytest.mark.parametrize(("name", "said"), [("q5", "q8_0 or q4_1"), ("q8_0", "already")])
def test_commands_take_the_option(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, checkpoint: Any, command: str, name: str, said: str
) -> None:
    """Exit 2 and one line, from the option's value or from the default model, which is quantised."""
    from ponder.cli.main import main

    prompt = [] if command in ("chat", "serve") else ["hi"]
    port = ["--port", "0"] if command == "serve" else []
    monkeypatch.setattr("sys.argv", ["ponder", command, "--quantize", name, *port, *prompt])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr()
    assert (ended.value.code, printed.out) == (2, "")
    assert said in printed.err.splitlines()[-1]
