"""A short name for what a checkpoint holds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from ponder.backends.local import load_local
from ponder.checkpoints import open_checkpoint
from ponder.checkpoints.fingerprint import fingerprint
from tiny_directory import write_tiny_directory


def test_equal_files_equal_names(tmp_path: Path) -> None:
    """Wherever they lie; another training has another name, and so has another number type."""
    for name, how in {"one": {}, "two": {}, "other": {"seed": 1}, "half": {"dtype": torch.bfloat16}}.items():
        write_tiny_directory(tmp_path / name, **how)
    one, two, other, half = (
        fingerprint(open_checkpoint(str(tmp_path / name))) for name in ("one", "two", "other", "half")
    )
    assert one == two
    assert len({one, other, half}) == 3


@pytest.mark.parametrize("tensor", ["model.norm.weight", "model.layers.1.mlp.down_proj.weight"])
def test_every_tensor_counts(tmp_path: Path, tensor: str) -> None:
    """A tensor that training changed changes the name."""
    write_tiny_directory(tmp_path)
    before = fingerprint(open_checkpoint(str(tmp_path)))
    tensors = load_file(tmp_path / "model.safetensors")
    save_file({**tensors, tensor: tensors[tensor] * 1.01}, tmp_path / "model.safetensors")
    assert fingerprint(open_checkpoint(str(tmp_path))) != before


def test_what_makes_another_text_counts(tmp_path: Path) -> None:
    """The configuration, the vocabulary and the chat template."""
    write_tiny_directory(tmp_path)
    checkpoint = open_checkpoint(str(tmp_path))
    tokenizer = json.loads(checkpoint.vocabulary.text)
    tokenizer["model"]["vocab"] = {f"{token}x": i for token, i in tokenizer["model"]["vocab"].items()}
    others = (
        replace(checkpoint, chat_template="{{ messages }}"),
        replace(checkpoint, config=replace(checkpoint.config, rms_norm_eps=1e-6)),
        replace(checkpoint, vocabulary=replace(checkpoint.vocabulary, text=json.dumps(tokenizer))),
    )
    assert len({fingerprint(one) for one in (checkpoint, *others)}) == 4


@pytest.mark.slow
def test_a_loaded_model_has_it(tmp_path: Path) -> None:
    """With how it was rounded at load; with other positions than the file's it has none."""
    write_tiny_directory(tmp_path)
    known, bits = fingerprint(open_checkpoint(str(tmp_path))), {}
    for how, expected in (
        ({}, known),
        ({"quantize": "q8_0"}, f"{known}-q8_0"),
        ({"positions": "none"}, None),
    ):
        model = load_local(str(tmp_path), device="cpu", **how)
        assert model.card().fingerprint == expected
        bits[expected] = model.card().bits
        model.close()
    assert bits[f"{known}-q8_0"] < bits[known]
