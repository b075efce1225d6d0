"""A name or a path -> a `LocalModel`."""

from __future__ import annotations

import os
import time

import torch

from ponder.backends.local.model import LocalModel
from ponder.checkpoints import Checkpoint, open_checkpoint
from ponder.checkpoints.fingerprint import fingerprint
from ponder.checkpoints.quantized import quantized
from ponder.checkpoints.resized import with_rows
from ponder.engine import Engine, EngineLimits, Seat
from ponder.errors import ParameterError
from ponder.hub.registry import DEFAULT_MODEL
from ponder.models import Transformer, load_transformer
from ponder.models.entropy_head import load_entropy_head
from ponder.positions import Specification
from ponder.text import ChatTemplate, Tokenizer, build_tokenizer
from ponder.tree import PAGE_SIZE, pages_for

CACHE_SHARE = 0.25  # of the memory that is free when the model has been loaded
MOST_SHARE = 0.85  # of it, for a context that was asked for
MAX_CACHE_BYTES = 4 * 2**30
MAX_CONTEXT = 2**31


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
    context: int | None = None,
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
    context : the most tokens of a text, prompt and answer together; by default what the checkpoint says. The
        cache is made large enough for one such text where memory allows.

    Raises
    ------
    CheckpointError : a model is unknown, not downloaded, damaged, not supported, or quantised already; the
        entropy head is not one, or for another hidden size.
    ParameterError : `device` is not one torch knows or has; `quantize` is not one of these; `draft` has
        other tokens; `positions` are none of these or do not fit the model; the memory holds no text of
        `context` tokens.
    UnsupportedError : kernels that cannot be had here, or that cannot give the positions.
    """
    start = time.perf_counter()
    if context is not None and (type(context) is not int or not 1 <= context <= MAX_CONTEXT):
        raise ParameterError("context", context, f"a whole number of tokens from 1 to {MAX_CONTEXT}")
    where = _device(device)
    checkpoint = open_checkpoint(model)
    known = None if positions is not None else fingerprint(checkpoint)
    if quantize is not None:
        checkpoint = quantized(checkpoint, quantize)
        known = known and f"{known}-{quantize}"
    head = None if entropy_head is None else load_entropy_head(entropy_head, checkpoint.config.hidden_size)
    tokenizer = build_tokenizer(checkpoint.vocabulary, checkpoint.special, checkpoint.config.vocab_size)
    source, tools = checkpoint.chat_template, checkpoint.tool_template
    template = ChatTemplate(source, tool_use=tools, **tokenizer.names) if source else None
    transformer = load_transformer(
        checkpoint, where, kernels=kernels, row_invariant=row_invariant, positions=positions, context=context
    )
    page = transformer.page_bytes
    second: Transformer | None = None
    if draft is not None:
        other = _checkpoint_like(checkpoint, tokenizer, draft)
        second = load_transformer(other, where, kernels=kernels, row_invariant=row_invariant)
        page += second.page_bytes
    room = _cache_room(where, page, context) if cache_bytes is None else cache_bytes
    if room < page:
        raise ParameterError("cache_bytes", room, f"at least {page}, one page of this model's cache")
    if context is not None and pages_for(context) > room // page:
        allowed = (
            f"at most {room // page * PAGE_SIZE}, for which there are {room} bytes of cache: a token takes "
            f"{page // PAGE_SIZE}"
        )
        raise ParameterError("context", context, allowed)
    seat = None if second is None else Seat(second, room // page)
    engine = Engine(transformer, tokenizer, room // page, limits, draft=seat, entropy_head=head)
    load_s = time.perf_counter() - start
    return LocalModel(checkpoint.name, engine, template, checkpoint.generation_defaults, load_s, known)


def _checkpoint_like(checkpoint: Checkpoint, tokenizer: Tokenizer, draft: str) -> Checkpoint:
    """Open a draft model, whose token ids must mean what the model's do; padding is cut or added."""
    other = open_checkpoint(draft)
    drafted = build_tokenizer(other.vocabulary, other.special, other.config.vocab_size)
    if not drafted.numbers_like(tokenizer):
        allowed = f"a model with the tokens of {checkpoint.name}: {_difference(drafted, tokenizer)}"
        raise ParameterError("draft", draft, allowed)
    return with_rows(other, checkpoint.config.vocab_size)


def _difference(drafted: Tokenizer, tokenizer: Tokenizer) -> str:
    for token in range(min(drafted.vocab_size, tokenizer.vocab_size)):
        its, own = drafted.token_text(token), tokenizer.token_text(token)
        if its != own:
            return f"its token {token} is {its!r}, and not {own!r}"
    return f"it has {drafted.vocab_size} tokens, and not {tokenizer.vocab_size}"


def _device(name: str | None) -> torch.device:
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        raise ParameterError("device", name, "a device that torch has here, such as cpu or cuda") from None
    return device


def _cache_room(device: torch.device, page_bytes: int, context: int | None) -> int:
    """Return how many bytes the cache gets: a share of what is free, or more for a context asked for."""
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0]
        room = int(free * 0.7)
    else:
        try:
            free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        except (AttributeError, ValueError, OSError):
            free = MAX_CACHE_BYTES
        room = min(MAX_CACHE_BYTES, int(free * CACHE_SHARE))
    wanted = 0 if context is None else pages_for(context) * page_bytes
    return max(room, min(wanted, int(free * MOST_SHARE)))
