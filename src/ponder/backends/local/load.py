"""A name or a path -> a `LocalModel`."""

from __future__ import annotations

import os
import time

import torch

from ponder.backends.local.model import LocalModel
from ponder.checkpoints import Checkpoint, open_checkpoint
from ponder.checkpoints.quantized import quantized
from ponder.engine import Engine, EngineLimits, Seat
from ponder.errors import ParameterError
from ponder.hub.registry import DEFAULT_MODEL
from ponder.models import Transformer, load_transformer
from ponder.models.entropy_head import load_entropy_head
from ponder.positions import Specification
from ponder.text import ChatTemplate, Tokenizer, build_tokenizer

CACHE_SHARE = 0.25  # of the memory that is free when the model has been loaded
MAX_CACHE_BYTES = 4 * 2**30


def load_local(
    model: str = DEFAULT_MODEL,
    *,
    device: str | None = None,
    cache_bytes: int | None = None,
    limits: EngineLimits | None = None,
    row_invariant: bool = False,
    quantize: str | None = None,
    kernels: str | None = None,
    draft: str | None = None,
    entropy_head: str | None = None,
    positions: Specification | None = None,
) -> LocalModel:
    """Load a model by registry name, GGUF file, Hugging Face directory or pulled hub id.

    Parameters
    ----------
    device : a torch device; by default CUDA where there is one.
    cache_bytes : memory for keys and values; by default a share of what is free.
    limits : how much at once.
    row_invariant : compute each text bit for bit as if it were alone, at some cost in speed.
    quantize : "q8_0" or "q4_1": round the matrices of an F32, F16 or BF16 model to 8 or 4 bits at load.
    kernels : "native" or "reference"; by default native ones on the CPU where they are built.
    draft : a second, smaller model with the same vocabulary, for `Speculative(DraftModel())`.
    entropy_head : a file that `load_entropy_head` reads, for `real_temperature`.
    positions : other positions than the checkpoint's, for the model and not for its draft model: "none",
        "alibi", a RopeConfig, a scaling of the checkpoint's rotary positions, `T5Bias(table)`.

    Raises
    ------
    CheckpointError : a model is unknown, not downloaded, damaged, not supported, or quantised already; the
        entropy head is not one, or for another hidden size.
    ParameterError : `device` is not one torch knows or has; `quantize` is not one of these; `draft` has
        other tokens; `positions` are none of these or do not fit the model.
    UnsupportedError : kernels that cannot be had here, or that cannot give the positions.
    """
    start = time.perf_counter()
    where = _device(device)
    checkpoint = open_checkpoint(model)
    if quantize is not None:
        checkpoint = quantized(checkpoint, quantize)
    head = None if entropy_head is None else load_entropy_head(entropy_head, checkpoint.config.hidden_size)
    tokenizer = build_tokenizer(checkpoint.vocabulary, checkpoint.special)
    template = (
        ChatTemplate(
            checkpoint.chat_template,
            tool_use=checkpoint.tool_template,
            bos_token=tokenizer.bos_token,
            eos_token=tokenizer.eos_token,
        )
        if checkpoint.chat_template
        else None
    )
    transformer = load_transformer(
        checkpoint, where, kernels=kernels, row_invariant=row_invariant, positions=positions
    )
    page = transformer.page_bytes
    second: Transformer | None = None
    if draft is not None:
        known = _checkpoint_like(checkpoint, tokenizer, draft)
        second = load_transformer(known, where, kernels=kernels, row_invariant=row_invariant)
        page += second.page_bytes
    room = _cache_bytes(where) if cache_bytes is None else cache_bytes
    if room < page:
        raise ParameterError("cache_bytes", room, f"at least {page}, one page of this model's cache")
    seat = None if second is None else Seat(second, room // page)
    engine = Engine(transformer, tokenizer, room // page, limits, draft=seat, entropy_head=head)
    load_s = time.perf_counter() - start
    return LocalModel(checkpoint.name, engine, template, checkpoint.generation_defaults, load_s)


def _checkpoint_like(checkpoint: Checkpoint, tokenizer: Tokenizer, draft: str) -> Checkpoint:
    """Open a draft model, whose token ids must mean what the model's do."""
    other = open_checkpoint(draft)
    drafted = build_tokenizer(other.vocabulary, other.special)
    same = drafted.bytes_table == tokenizer.bytes_table
    if not same or other.config.vocab_size != checkpoint.config.vocab_size:
        raise ParameterError("draft", draft, f"a model with the vocabulary of {checkpoint.name}")
    return other


def _device(name: str | None) -> torch.device:
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        raise ParameterError("device", name, "a device that torch has here, such as cpu or cuda") from None
    return device


def _cache_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0] * 0.7)
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        free = MAX_CACHE_BYTES
    return min(MAX_CACHE_BYTES, int(free * CACHE_SHARE))
