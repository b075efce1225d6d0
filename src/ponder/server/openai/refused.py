"""Parameters that are known and not implemented: accepted at the values that mean nothing, else refused.

Each maps to its neutral values, or for an object to its members' tables; null is neutral for all, and for
names that are not known. Sources: the API reference of OpenAI, the protocol of vLLM
(vllm/entrypoints/openai), OpenRouter's `reasoning`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from ponder.server.front.errors import ApiError

Neutral = Mapping[str, "tuple[Any, ...] | Neutral"]

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

_GENERATION: Neutral = {
    "detokenize": (True,),
    "ec_transfer_params": (),
    "extra_args": ({},),
    "guided_decoding_backend": ("auto",),
    "kv_transfer_params": (),
    "logits_processors": ([],),
    "moderation": (),
    "prompt_cache_options": (),
    "prompt_cache_retention": (),
    "repetition_detection": (),
    "request_id": (),
    "return_mm_kwargs": (True, False),
    "return_prompt_text": (False,),
    "return_token_offsets": (False,),
    "return_weight_versions": (False,),
    "routed_experts_prompt_start": (0,),
    "session_id": (),
    "spaces_between_special_tokens": (True,),
    "stream_interval": (1,),
    "truncation_side": ("left",),
    "vllm_xargs": ({},),
    "watermarking": (False,),
}

COMPLETION: Neutral = {**_GENERATION, "prompt_embeds": ()}

EMBEDDING: Neutral = {
    "dimensions": (),
    "embed_dtype": ("float32",),
    "endianness": ("native", "little"),
    "messages": (),
    "mm_processor_kwargs": ({},),
    "request_id": (),
    "truncation_side": ("left",),
    "use_activation": (True,),
}

SCORE: Neutral = {
    name: EMBEDDING[name]
    for name in ("mm_processor_kwargs", "request_id", "truncation_side", "use_activation")
}

_RENDERING: Neutral = {
    "chat_template": (),
    "media_io_kwargs": ({},),
    "mm_processor_kwargs": ({},),
}

TEMPLATE: Neutral = _RENDERING

CHAT: Neutral = {
    **_GENERATION,
    **_RENDERING,
    "add_special_tokens": (False,),
    "audio": (),
    "documents": ([],),
    "echo": (False,),
    "enable_thinking": (False,),
    "function_call": ("none", "auto"),
    "functions": ([],),
    "include_reasoning": (True, False),
    "modalities": (["text"],),
    "prediction": (),
    "reasoning": {"enabled": (False,), "effort": EFFORTS, "exclude": (True, False)},
    "reasoning_effort": EFFORTS,
    "thinking": {"type": ("disabled",)},
    "verbosity": ("low", "medium", "high"),
    "web_search_options": (),
}

RESPONSES: Neutral = {
    **_GENERATION,
    **_RENDERING,
    "background": (False,),
    "context_management": (),
    "conversation": (),
    "prompt": (),
    "reasoning": {"effort": EFFORTS, "summary": ("auto", "concise", "detailed")},
    "truncation": ("disabled",),
}

STRUCTURED: Neutral = {
    "disable_additional_properties": (False,),
    "disable_fallback": (True, False),
    "structural_tag": (),
    "whitespace_pattern": (),
}

STREAM_OPTIONS: Neutral = {"include_obfuscation": (False,)}

MESSAGE: Neutral = {
    "annotations": ([],),
    "audio": (),
    "function_call": (),
    "refusal": (),
}


def check_members(extra: Mapping[str, Any], known: Iterable[str], neutral: Neutral, where: str = "") -> None:
    """Refuse what is not implemented, and what is not known, by name.

    Parameters
    ----------
    extra : the members of an object that are not `known`.
    where : put before the name, such as "stream_options.".
    """
    for name, value in extra.items():
        if value is not None and name not in neutral:
            shown = where + shortened(name)
            near = get_close_matches(name[:80], [*known, *neutral], n=1)
            hint = f": did you mean {near[0]}?" if near else ""
            raise ApiError(400, f"unknown parameter {shown}{hint}", param=shown, code="unknown_parameter")
    check_neutral(extra, neutral, where)


def check_neutral(extra: Mapping[str, Any], neutral: Neutral, where: str = "") -> None:
    """Refuse what is known and not implemented, by name, unless it means nothing."""
    for name, value in extra.items():
        allowed = neutral.get(name)
        if value is None or allowed is None:
            continue
        if isinstance(allowed, Mapping):
            if isinstance(value, dict):
                check_members(value, (), allowed, f"{where}{name}.")
                continue
            allowed = ({},)
        if not _is_among(value, allowed):
            shown = where + name
            may_be = " or ".join(["left out", *map(json.dumps, allowed)])
            message = f"{shown} is not supported here; it may be {may_be}"
            raise ApiError(400, message, param=shown, code="unsupported_parameter")


def unknown_of(extra: Mapping[str, Any], neutral: Collection[str]) -> list[str]:
    """Return the names of members that are not known and not null."""
    return [name for name, value in extra.items() if value is not None and name not in neutral]


def shortened(name: str) -> str:
    """Return a name that a client made up, at most 80 characters of it."""
    return name if len(name) <= 80 else name[:77] + "..."


def _is_among(value: Any, allowed: Iterable[Any]) -> bool:
    """Compare as JSON does: 0 is not false, 1.0 is not 1."""
    return any(value == one and json.dumps(value) == json.dumps(one) for one in allowed)
