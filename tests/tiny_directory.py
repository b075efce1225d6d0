"""A small random model as a Hugging Face directory, for tests that start from files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from ponder.checkpoints import tensor_shapes
from ponder.checkpoints.hf_directory import file_name
from tiny_models import ALPHABET, CONTROL, RandomTensors, tiny_config


def write_tiny_directory(
    path: Path, dtype: torch.dtype = torch.float32, seed: int = 0, **changes: Any
) -> dict[str, torch.Tensor]:
    """Write `tiny_config(**changes)` with random weights; return its tensors by ponder's names."""
    path.mkdir(parents=True, exist_ok=True)
    config = tiny_config(**changes)
    described = {
        "model_type": "llama",
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "num_hidden_layers": config.num_layers,
        "num_attention_heads": config.num_heads,
        "num_key_value_heads": config.num_kv_heads,
        "head_dim": config.head_dim,
        "max_position_embeddings": config.context_length,
        "rms_norm_eps": config.rms_norm_eps,
        "rope_theta": config.rope.base,
        "tie_word_embeddings": config.tie_embeddings,
        "eos_token_id": config.vocab_size - 1,
    }
    (path / "config.json").write_text(json.dumps(described))
    source = RandomTensors(config, seed)
    tensors = {name: source.tensor(name).to(dtype) for name in tensor_shapes(config)}
    save_file({file_name(name): tensor for name, tensor in tensors.items()}, path / "model.safetensors")
    _tokenizer().save(str(path / "tokenizer.json"))
    return tensors


def _tokenizer() -> Tokenizer:
    spelled = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    letters = [spelled.pre_tokenize_str(letter)[0][0] for letter in ALPHABET]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate([*letters, *CONTROL])}, []))
    tokenizer.pre_tokenizer = spelled
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in CONTROL])
    return tokenizer
