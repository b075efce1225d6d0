"""Small random models without files, for tests that need a model but not a good one."""

from __future__ import annotations

import functools
import math
import string
from typing import Any

import numpy as np
import torch
from tokenizers import pre_tokenizers

from ponder.backends.local import LocalModel
from ponder.checkpoints import (
    Checkpoint,
    GgufVocabulary,
    ModelConfig,
    RopeConfig,
    SpecialTokens,
    tensor_shapes,
)
from ponder.checkpoints.stored import StoredTensor
from ponder.engine import Engine, EngineLimits
from ponder.models import Transformer, load_transformer
from ponder.models.entropy_head import PARAMETERS, EntropyHead
from ponder.positions import Specification
from ponder.text import ChatTemplate, Tokenizer, build_tokenizer

CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
ALPHABET = string.ascii_lowercase + string.digits + " \n.,:;!?'\"()[]{}+-*/=<>|_"
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tiny_tokenizer(alphabet: str | None = ALPHABET, words: tuple[str, ...] = ()) -> Tokenizer:
    """One token per byte of `alphabet` (None: all 256 bytes), then two-letter `words`, then CONTROL.

    Text outside the alphabet has no tokens. `<|im_end|>` and `<|endoftext|>` end a text.
    """
    spelled = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    letters = [spelled.pre_tokenize_str(letter)[0][0] for letter in alphabet or ""]
    tokens = (*(letters if alphabet else sorted(pre_tokenizers.ByteLevel.alphabet())), *words, *CONTROL)
    types = (*(1,) * (len(tokens) - len(CONTROL)), *(3,) * len(CONTROL))
    merges = tuple(f"{a} {b}" for a, b in words)
    vocabulary = GgufVocabulary("gpt2", "smollm", tokens, types, merges)
    return build_tokenizer(vocabulary, SpecialTokens(None, (len(tokens) - 1, len(tokens) - 3)))


def tiny_config(**changes: Any) -> ModelConfig:
    """A llama of 2 layers, 4 query and 2 key heads of 8 dimensions, context 256, vocabulary 64."""
    layers = changes.get("num_layers", 2)
    fields = {
        "architecture": "llama",
        "vocab_size": len(ALPHABET) + len(CONTROL),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_layers": layers,
        "num_heads": 4,
        "num_kv_heads": 2,
        "head_dim": 8,
        "rms_norm_eps": 1e-5,
        "context_length": 256,
        "rope": RopeConfig(base=10000.0, rotary_dim=8),
        "rope_layers": (True,) * layers,
        "sliding_windows": (None,) * layers,
    }
    return ModelConfig(**fields | changes)


class RandomTensors:
    """A `TensorSource` of seeded normal weights, scaled so that logits spread over a few nats."""

    def __init__(self, config: ModelConfig, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self._tensors = {}
        for name, shape in tensor_shapes(config).items():
            noise = torch.randn(shape, generator=generator)
            plain = name.endswith("norm.weight")
            scale = 1.0 if name == "embed.weight" else 2.0 / math.sqrt(shape[-1])
            self._tensors[name] = 1 + 0.1 * noise if plain else noise * scale

    def tensor(self, name: str) -> torch.Tensor:
        return self._tensors[name]

    def stored(self, name: str) -> StoredTensor:
        values = self._tensors[name].numpy()
        return StoredTensor("F32", values.shape, values.view(np.uint8).reshape(-1))

    def release(self, name: str) -> None:
        pass


def tiny_transformer(
    config: ModelConfig | None = None,
    seed: int = 0,
    *,
    kernels: str | None = None,
    row_invariant: bool = False,
    positions: Specification | None = None,
) -> Transformer:
    """A random transformer on the CPU."""
    config = config or tiny_config()
    checkpoint = Checkpoint(
        name="tiny",
        path=None,
        config=config,
        vocabulary=None,
        special=None,
        chat_template=None,
        generation_defaults={},
        tensors=RandomTensors(config, seed),
    )
    return load_transformer(
        checkpoint,
        torch.device("cpu"),
        kernels=kernels,
        row_invariant=row_invariant,
        positions=positions,
    )


def tiny_engine(
    tokenizer: Tokenizer | None = None,
    seed: int = 0,
    num_pages: int = 512,
    limits: EngineLimits | None = None,
    *,
    entropy_head: EntropyHead | None = None,
    kernels: str | None = None,
    row_invariant: bool = False,
    positions: Specification | None = None,
    **changes: Any,
) -> Engine:
    """An `Engine` over a random transformer with the tokenizer's vocabulary."""
    tokenizer = tokenizer or tiny_tokenizer()
    config = tiny_config(vocab_size=tokenizer.vocab_size, **changes)
    transformer = tiny_transformer(
        config, seed, kernels=kernels, row_invariant=row_invariant, positions=positions
    )
    return Engine(transformer, tokenizer, num_pages, limits, entropy_head=entropy_head)


def random_entropy_head(hidden_size: int, window: int = 4, spread: float = 1.0) -> EntropyHead:
    """A seeded head whose residual entropies of normed states are mostly between 0.05 and 5 nats."""
    generator = np.random.default_rng(7)
    count = len(PARAMETERS)
    weight = generator.normal(0, spread / math.sqrt(hidden_size), (count, hidden_size)).astype(np.float32)
    bias = np.full(count, -1.0, dtype=np.float32)
    return EntropyHead(weight, bias, log_size=6.0, window=window)


def tiny_local_model(tokenizer: Tokenizer | None = None, **options: Any) -> LocalModel:
    """A `LocalModel` over a `tiny_engine` of these options, with a chat template."""
    engine = tiny_engine(tokenizer, **options)
    template = tiny_template(engine.tokenizer.bos_token, engine.tokenizer.eos_token)
    return LocalModel("tiny", engine, template, {})


@functools.cache
def tiny_template(bos_token: str, eos_token: str) -> ChatTemplate:
    """One for all: its process, which a model's end ends, starts again when another's chat needs it."""
    return ChatTemplate(TEMPLATE, bos_token=bos_token, eos_token=eos_token)
