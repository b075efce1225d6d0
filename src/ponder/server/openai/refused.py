"""Parameters that are known and not implemented: accepted at the value that means nothing, else refused.

Each maps to its neutral values; null is neutral for all. Source: the API reference of OpenAI and the
protocol of vLLM (vllm/entrypoints/openai).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from ponder.server.front.errors import ApiError

Neutral = Mapping[str, tuple[Any, ...]]

_GENERATION: Neutral = {
    "allowed_token_ids": (),
    "detokenize": (True,),
    "extra_args": ({},),
    "guided_choice": (),
    "guided_decoding_backend": (),
    "guided_grammar": (),
    "guided_json": (),
    "guided_regex": (),
    "kv_transfer_params": (),
    "logits_processors": ([],),
    "prompt_cache_retention": (),
    "repetition_detection": (),
    "request_id": (),
    "response_format": ({"type": "text"},),
    "return_tokens_as_token_ids": (False,),
    "skip_special_tokens": (True,),
    "spaces_between_special_tokens": (True,),
    "structured_outputs": (),
    "thinking_token_budget": (),
    "truncation_side": ("left",),
    "vllm_xargs": ({},),
}

COMPLETION: Neutral = {**_GENERATION, "prompt_embeds": (), "suffix": ("",)}

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
    "function_call": ("none", "auto"),
    "functions": ([],),
    "include_reasoning": (True,),
    "modalities": (["text"],),
    "prediction": (),
    "reasoning": (),
    "reasoning_effort": (),
    "verbosity": ("medium",),
    "web_search_options": (),
}

STREAM_OPTIONS: Neutral = {"continuous_usage_stats": (False,), "include_obfuscation": (False,)}

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
        shown = where + (name if len(name) <= 80 else name[:77] + "...")
        if name not in neutral:
            near = get_close_matches(name[:80], [*known, *neutral], n=1)
            hint = f": did you mean {near[0]}?" if near else ""
            raise ApiError(400, f"unknown parameter {shown}{hint}", param=shown, code="unknown_parameter")
        if value is not None and not any(type(value) is type(v) and value == v for v in neutral[name]):
            allowed = " or ".join(["left out", *map(json.dumps, neutral[name])])
            message = f"{shown} is not supported here; it may be {allowed}"
            raise ApiError(400, message, param=shown, code="unsupported_parameter")
