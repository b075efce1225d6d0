"""Local Hugging Face directories: `config.json`, safetensors, `tokenizer.json`, chat template.

The meaning of every field is that of transformers 5 (`configuration_*.py`, `modeling_rope_utils.py`).
Only safetensors are read: the other formats are pickles, and a pickle runs code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError, safe_open

from ponder.checkpoints.checkpoint import AddedText, Checkpoint, SpecialTokens, TokenizerJson
from ponder.checkpoints.config import (
    DynamicScaling,
    LinearScaling,
    Llama3Scaling,
    LongRopeScaling,
    ModelConfig,
    ProportionalScaling,
    RopeConfig,
    RopeScaling,
    YarnScaling,
    stretched_context,
)
from ponder.checkpoints.fields import Fields, refuse, sampling_defaults, shown
from ponder.checkpoints.layout import check_tensors
from ponder.checkpoints.stored import StoredTensor
from ponder.errors import CheckpointError
from ponder.hub.kinds import stands_in

if TYPE_CHECKING:
    import torch

DTYPES = ("F32", "F16", "BF16")
ROPE_TYPES = ("default", "linear", "dynamic", "llama3", "yarn", "longrope", "proportional")

_KINDS = {"torch.float32": "F32", "torch.float16": "F16", "torch.bfloat16": "BF16"}
_SAMPLING = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")
_REWARD_HEADS = ("v_head.", "score.")  # the beginnings of names in reward models
_MAX_TOKENIZER_BYTES = 2**28
_MAX_JSON_BYTES = 2**25
_TOKENS = 2**31
_NAMES = {
    "embed": "embed_tokens",
    "norm": "norm",
    "q": "self_attn.q_proj",
    "k": "self_attn.k_proj",
    "v": "self_attn.v_proj",
    "o": "self_attn.o_proj",
    "q_norm": "self_attn.q_norm",
    "k_norm": "self_attn.k_norm",
    "attn_norm": "input_layernorm",
    "mlp_norm": "post_attention_layernorm",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
}


@dataclass(frozen=True, slots=True)
class _Defaults:
    """What transformers assumes where `config.json` is silent; `num_kv_heads` None means all heads."""

    num_kv_heads: int | None = None
    head_dim: int | None = None
    rope_base: float = 10000.0
    tie_embeddings: bool = False


_DEFAULTS = {
    "llama": _Defaults(),
    "mistral": _Defaults(num_kv_heads=8),
    "qwen2": _Defaults(num_kv_heads=32),
    "qwen3": _Defaults(num_kv_heads=32, head_dim=128),
    "smollm3": _Defaults(num_kv_heads=4, rope_base=2_000_000.0, tie_embeddings=True),
}


def open_hf_directory(path: Path, name: str | None = None) -> Checkpoint:
    """Open a Hugging Face directory as a `Checkpoint`; reads the small files and tensor headers only.

    Parameters
    ----------
    path
        A directory with `config.json`, `tokenizer.json` and `model.safetensors` or its shards.
    name
        The checkpoint's name; the directory's where it is None.

    Raises
    ------
    CheckpointError
        A file is missing or damaged, or describes a model that is not supported.
    """
    fields = _json_fields(path, "config.json")
    config = model_config(fields)
    config, files = _without_reward_head(config, tensor_files(path))
    if config.tie_embeddings:
        config, files = _tied(config, files)
    check_tensors(path.name, config, {n: file.shape for n, file in files.items()}, file_name)
    tokenizer = _optional_json(path, "tokenizer_config.json")
    generation = _optional_json(path, "generation_config.json")
    return Checkpoint(
        name=name or path.resolve().name,
        path=path,
        config=config,
        vocabulary=tokenizer_json(path, tokenizer),
        special=special_tokens(fields, generation, config.vocab_size),
        chat_template=chat_template(path, tokenizer),
        tool_template=tool_template(path, tokenizer),
        generation_defaults=generation_defaults(generation),
        tensors=SafetensorsTensors(files),
    )


@dataclass(frozen=True, slots=True)
class TensorFile:
    """Where one tensor lies, and under which name."""

    path: Path
    shape: tuple[int, ...]
    name: str


@dataclass(frozen=True, slots=True)
class SafetensorsTensors:
    """The `TensorSource` of a Hugging Face directory; any number of threads may read at once."""

    files: Mapping[str, TensorFile]

    def tensor(self, name: str) -> torch.Tensor:
        """Return a tensor as float32; q and k rows are half-split in the file already."""
        import torch

        return self._mapped(name).to(torch.float32)

    def stored(self, name: str) -> StoredTensor:
        """Return a tensor as a view of the mapped file."""
        import torch

        tensor = self._mapped(name)
        data = tensor.reshape(-1).view(torch.uint8).numpy()
        data.flags.writeable = False  # the mapping is private: writing would copy its pages
        return StoredTensor(_KINDS[str(tensor.dtype)], tuple(tensor.shape), data)

    def _mapped(self, name: str) -> torch.Tensor:
        """Return a tensor of the file's dtype whose storage is a mapping of the file."""
        file = self.files[file_name(name)]
        with _open_safetensors(file.path, "pt") as handle:
            tensor: torch.Tensor = handle.get_tensor(file.name)
        return tensor

    def release(self, name: str) -> None:
        """Nothing to do: a tensor's mapping ends with the last view of it."""


def file_name(name: str) -> str:
    """Return a tensor's name in the file: `layers.0.q.weight` -> `model.layers.0.self_attn.q_proj.weight`."""
    if name == "lm_head.weight":
        return name
    *layer, kind, suffix = name.split(".")
    return ".".join(["model", *layer, _NAMES[kind], suffix])


def tensor_files(path: Path) -> dict[str, TensorFile]:
    """Return every tensor's file and shape, from `model.safetensors` or the shards its index names."""
    shards: dict[str, set[str] | None] = {"model.safetensors": None}
    if (path / "model.safetensors.index.json").is_file():
        shards = {}
        index = _json_fields(path, "model.safetensors.index.json")
        weight_map = index.values.get("weight_map")
        if not isinstance(weight_map, dict) or not weight_map:
            raise refuse(index.where, "weight_map", weight_map, "an object of tensor names and files")
        for tensor, shard in weight_map.items():
            if not isinstance(shard, str) or Path(shard).name != shard or not shard.endswith(".safetensors"):
                raise refuse(
                    index.where, tensor, shard, "the name of a .safetensors file in the same directory"
                )
            names = shards.setdefault(shard, set())
            assert names is not None
            names.add(tensor)
    elif not (path / "model.safetensors").is_file():
        pickles = sorted(file.name for kind in ("*.bin", "*.pt", "*.pth") for file in path.glob(kind))
        if pickles:
            raise CheckpointError(
                f"{path.name}: {pickles[0]} is a pickle, which can run code and is not read; "
                "convert the model to safetensors"
            )
        raise CheckpointError(
            f"{path.name}: there is no model.safetensors and no model.safetensors.index.json"
        )
    files: dict[str, TensorFile] = {}
    for shard, names in shards.items():
        with _open_safetensors(path / shard, "np") as handle:
            present = set(handle.keys())
            missing = sorted((names or set()) - present)
            if missing:
                raise CheckpointError(
                    f"{path.name}: the index puts {shown(missing[0])} in {shard}, which lacks it"
                )
            for tensor in sorted(present if names is None else names):
                if tensor.endswith("rotary_emb.inv_freq"):
                    continue
                view = handle.get_slice(tensor)
                if view.get_dtype() not in DTYPES:
                    raise refuse(shard, f"dtype of {tensor}", view.get_dtype(), ", ".join(DTYPES))
                files[tensor] = TensorFile(path / shard, tuple(view.get_shape()), tensor)
    return files


def _without_reward_head(
    config: ModelConfig, files: dict[str, TensorFile]
) -> tuple[ModelConfig, dict[str, TensorFile]]:
    """Leave out the head of a reward model, which `rewards/value_head.py` reads.

    Where it stands in place of the output layer, the embeddings take that place: only the states count.
    """
    rest = {name: file for name, file in files.items() if not name.startswith(_REWARD_HEADS)}
    headless = len(rest) < len(files) and "lm_head.weight" not in rest
    return replace(config, tie_embeddings=True) if headless else config, rest


def _tied(config: ModelConfig, files: dict[str, TensorFile]) -> tuple[ModelConfig, dict[str, TensorFile]]:
    """Find the one matrix of a tied model under either name.

    If there are two that differ, the model is not tied, whatever its config says (as in transformers 5).
    """
    name = file_name("embed.weight")
    embed, head = files.get(name), files.get("lm_head.weight")
    if head is None:
        return config, files
    if embed is not None and embed.shape == head.shape:
        stored = SafetensorsTensors(files)
        own, other = stored.stored("embed.weight"), stored.stored("lm_head.weight")
        if own.kind != other.kind or not np.array_equal(own.data, other.data):
            return replace(config, tie_embeddings=False), files
    rest = {tensor: file for tensor, file in files.items() if tensor != "lm_head.weight"}
    return config, {name: embed or head} | rest


def _open_safetensors(path: Path, framework: str) -> safe_open:
    if not path.is_file():
        raise CheckpointError(f"{path.name} is missing")
    _refuse_stand_in(path)
    try:
        return safe_open(path, framework=framework)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path.name} cannot be read as safetensors: {error}") from None


def _refuse_stand_in(file: Path) -> None:
    """Say what a file is that stands in another's place; a template may itself write a web page."""
    described = stands_in(file, web_pages=file.suffix != ".jinja")
    if described is not None:
        raise CheckpointError(f"{file.parent.name}: {file.name} is {described}")


def model_config(fields: Fields) -> ModelConfig:
    """Return the configuration that `config.json` describes."""
    where = fields.where
    kind = fields.text("model_type")
    if kind not in _DEFAULTS:
        raise refuse(where, "model_type", kind, ", ".join(_DEFAULTS))
    if fields.values.get("quantization_config") is not None:
        raise refuse(
            where, "quantization_config", fields.values["quantization_config"], "weights in F32, F16 or BF16"
        )
    if fields.text("hidden_act", default="silu") != "silu":
        raise refuse(where, "hidden_act", fields.values["hidden_act"], "silu")
    defaults = _DEFAULTS[kind]
    layers = fields.integer("num_hidden_layers", 1, 1000)
    hidden = fields.integer("hidden_size", 1, 2**20)
    heads = fields.integer("num_attention_heads", 1, 2**12)
    kv_default = None if "num_key_value_heads" in fields.values else defaults.num_kv_heads
    kv_heads = fields.integer("num_key_value_heads", 1, heads, default=kv_default or heads)
    if heads % kv_heads:
        raise refuse(where, "num_key_value_heads", kv_heads, f"a divisor of the {heads} heads")
    head_dim = fields.optional_integer("head_dim", 2, 2**12) or defaults.head_dim or hidden // heads
    attention_bias = kind in ("llama", "qwen3", "smollm3") and fields.boolean("attention_bias", False)
    rope_layers = _rope_layers(fields, kind, layers)
    rope = rope_config(fields, head_dim, defaults.rope_base)
    return ModelConfig(
        architecture=kind,
        vocab_size=fields.integer("vocab_size", 1, 2**24),
        hidden_size=hidden,
        intermediate_size=fields.integer("intermediate_size", 1, 2**24),
        num_layers=layers,
        num_heads=heads,
        num_kv_heads=kv_heads,
        head_dim=head_dim,
        rms_norm_eps=fields.number("rms_norm_eps", 0.0, 1.0, default=1e-6),
        context_length=_context_length(fields, rope),
        rope=rope,
        rope_layers=rope_layers,
        sliding_windows=_sliding_windows(fields, kind, rope_layers),
        qkv_bias=kind == "qwen2" or attention_bias,
        o_bias=attention_bias,
        mlp_bias=kind in ("llama", "smollm3") and fields.boolean("mlp_bias", False),
        qk_norm=kind == "qwen3",
        tie_embeddings=fields.boolean("tie_word_embeddings", defaults.tie_embeddings),
    )


def _context_length(fields: Fields, rope: RopeConfig) -> int:
    """The longest sequence: what `max_position_embeddings` says, or what scaling makes of it.

    Llama 3's scaling is left out: its files say the stretched maximum, or a smaller one on purpose.
    """
    trained = fields.integer("max_position_embeddings", 1, _TOKENS)
    match rope.scaling:
        case DynamicScaling(factor=factor):
            return int(trained * factor)
        case LinearScaling(factor=factor):
            return stretched_context(trained, _original_context(fields) or trained, factor)
        case (
            YarnScaling(factor=factor, original_context=original)
            | LongRopeScaling(factor=factor, original_context=original)
        ):
            return stretched_context(trained, original, factor)
    return trained


def _original_context(fields: Fields) -> int | None:
    rope = fields.values.get("rope_scaling") or fields.values.get("rope_parameters")
    inner = Fields(fields.where, rope if isinstance(rope, dict) else {})
    key = "original_max_position_embeddings"
    return fields.optional_integer(key, 1, _TOKENS) or inner.optional_integer(key, 1, _TOKENS)


def rope_config(fields: Fields, head_dim: int, base: float) -> RopeConfig:
    """Return the rotary positions of `rope_parameters`, or of the older `rope_theta` and `rope_scaling`."""
    rope = fields.values.get("rope_scaling") or fields.values.get("rope_parameters") or {}
    if not isinstance(rope, dict) or any(isinstance(value, dict) for value in rope.values()):
        raise refuse(fields.where, "rope_parameters", rope, "one object for all layers")
    outer = {key: fields.values.get(key) for key in ("rope_theta", "partial_rotary_factor")}
    context = fields.integer("max_position_embeddings", 1, _TOKENS)
    original = fields.optional_integer("original_max_position_embeddings", 1, _TOKENS)
    if original is not None:
        rope = {**rope, "original_max_position_embeddings": original}
    parameters = Fields(f"{fields.where} rope", outer | {k: v for k, v in rope.items() if v is not None})
    kind = parameters.text("rope_type", default=parameters.text("type", default="default"))
    if kind not in ROPE_TYPES:
        raise refuse(parameters.where, "rope_type", kind, ", ".join(ROPE_TYPES))
    part = parameters.number("partial_rotary_factor", 0.0, 1.0, default=1.0)
    if part != 1 and kind != "proportional":
        # transformers 5.23 ignores it with `default` and fails with the others: there is no meaning to read.
        raise refuse(
            parameters.where, "partial_rotary_factor", part, "1, or less where rope_type is proportional"
        )
    rotary_dim = 2 * int(part * head_dim // 2) if kind == "proportional" else head_dim
    if rotary_dim < 2 or rotary_dim % 2:
        raise refuse(
            fields.where, "rotary dimension", rotary_dim, f"an even number from 2 to head_dim = {head_dim}"
        )
    return RopeConfig(
        base=parameters.number("rope_theta", 2.0, 1e15, default=base),
        rotary_dim=rotary_dim,
        scaling=_rope_scaling(parameters, kind, rotary_dim, context),
    )


def _rope_scaling(rope: Fields, kind: str, rotary_dim: int, context: int) -> RopeScaling | None:
    if kind == "default":
        return None
    if kind == "proportional":
        return ProportionalScaling(rope.number("factor", 1e-6, 1e6, default=1.0))
    original = rope.integer("original_max_position_embeddings", 2, _TOKENS, default=context)
    stretch = context / original if kind in ("yarn", "longrope") else None
    factor = rope.number("factor", 1e-6, 1e6, default=stretch)
    if kind == "linear":
        return LinearScaling(factor)
    if kind == "dynamic":
        if rotary_dim < 4:
            raise refuse(rope.where, "rotary dimension", rotary_dim, "4 or more for dynamic scaling")
        # transformers takes the base's growth from the context length, whatever the original was.
        return DynamicScaling(factor, context)
    if kind == "llama3":
        low = rope.number("low_freq_factor", 1e-6, 1e6)
        high = rope.number("high_freq_factor", 1e-6, 1e6)
        if low >= high:
            raise refuse(rope.where, "high_freq_factor", high, f"more than low_freq_factor = {low:g}")
        return Llama3Scaling(factor, low, high, original)
    attention = rope.optional_number("attention_factor", 1e-3, 1e3)
    if kind == "longrope":
        short = rope.numbers("short_factor", rotary_dim // 2)
        long = rope.numbers("long_factor", rotary_dim // 2)
        return LongRopeScaling(short, long, original, factor, attention)
    return YarnScaling(
        factor=factor,
        original_context=original,
        attention_factor=attention,
        beta_fast=rope.number("beta_fast", 0.0, 1e6, default=32.0) or 32.0,
        beta_slow=rope.number("beta_slow", 0.0, 1e6, default=1.0) or 1.0,
        mscale=rope.optional_number("mscale", 0.0, 1e3) or None,
        mscale_all_dim=rope.optional_number("mscale_all_dim", 0.0, 1e3) or None,
        truncate=rope.boolean("truncate", True),
    )


def _rope_layers(fields: Fields, kind: str, layers: int) -> tuple[bool, ...]:
    if kind != "smollm3":
        return (True,) * layers
    if fields.values.get("no_rope_layers") is not None:
        return tuple(bool(value) for value in fields.sequence("no_rope_layers", int, layers))
    interval = fields.integer("no_rope_layer_interval", 1, 2**31, default=4)
    return tuple((i + 1) % interval != 0 for i in range(layers))


def _sliding_windows(fields: Fields, kind: str, rope_layers: tuple[bool, ...]) -> tuple[int | None, ...]:
    layers = len(rope_layers)
    # Absent is not null here: mistral and qwen were published with a window of 4096 as the default.
    absent = 4096 if kind in ("mistral", "qwen2", "qwen3") and "sliding_window" not in fields.values else None
    window = fields.optional_integer("sliding_window", 1, _TOKENS) or absent
    if kind == "llama" or (kind != "mistral" and not fields.boolean("use_sliding_window", False)):
        window = None
    if kind == "mistral" or window is None:
        return (window,) * layers
    if fields.values.get("layer_types") is not None:
        types = fields.sequence("layer_types", str, layers)
        odd = sorted(str(t) for t in set(types) - {"full_attention", "sliding_attention"})
        if odd:
            raise refuse(fields.where, "layer_types", odd[0], "full_attention, sliding_attention")
        return tuple(window if t == "sliding_attention" else None for t in types)
    if kind == "smollm3":
        return tuple(None if rope else window for rope in rope_layers)
    first = fields.integer("max_window_layers", 0, 2**31, default=28)
    return tuple(window if i >= first else None for i in range(layers))


def special_tokens(config: Fields, generation: Fields, vocab_size: int) -> SpecialTokens:
    """Return BOS and the ends that configs give by id: the generation config's first, then the model's."""
    ends = [*_ids(generation, "eos_token_id", vocab_size), *_ids(config, "eos_token_id", vocab_size)]
    bos = [*_ids(config, "bos_token_id", vocab_size), *_ids(generation, "bos_token_id", vocab_size), None]
    return SpecialTokens(bos[0], tuple(dict.fromkeys(ends)))


def _ids(fields: Fields, key: str, vocab_size: int) -> list[int]:
    """Return the ids of a field that the model has; -1 and others outside stand for none."""
    value = fields.values.get(key)
    ids: list[int] = []
    for i in value if isinstance(value, list) else [] if value is None else [value]:
        if type(i) is not int:
            raise refuse(fields.where, key, i, f"token ids from 0 to {vocab_size - 1}")
        if 0 <= i < vocab_size:
            ids.append(i)
    return ids


def tokenizer_json(path: Path, tokenizer: Fields) -> TokenizerJson:
    """Return `tokenizer.json` with what `tokenizer_config.json` and `special_tokens_map.json` say of it.

    As in transformers, the map is what counts where the config lists no `added_tokens_decoder`. Where it
    does, the map fills in what the config leaves out.
    """
    described, mapped = _names(tokenizer), _names(_optional_json(path, "special_tokens_map.json"))
    added = _added_tokens(tokenizer)
    names = mapped | described if added else described | mapped
    ends = dict.fromkeys(found["eos_token"] for found in (names, described, mapped) if found.get("eos_token"))
    known = any((path / name).is_file() for name in ("tokenizer_config.json", "special_tokens_map.json"))
    return TokenizerJson(
        _read_text(path, "tokenizer.json", _MAX_TOKENIZER_BYTES),
        {name: text for name, text in names.items() if text} if known else None,
        tuple(end for end in ends if end),
        added,
    )


def _names(fields: Fields) -> dict[str, str | None]:
    """Return the tokens that a file names: `eos_token` and the like, as text or an object; null is None."""
    extra = fields.values.get("extra_special_tokens")
    values = {**fields.values, **(extra if isinstance(extra, dict) else {})}
    names: dict[str, str | None] = {}
    for name, value in values.items():
        if not name.endswith("_token") or isinstance(value, bool):  # add_bos_token and the like are switches
            continue
        text = value.get("content") if isinstance(value, dict) else value
        if text is not None and not isinstance(text, str):
            raise refuse(fields.where, name, value, "a token's text, an object with its content, or null")
        names[name] = text
    return names


def _added_tokens(tokenizer: Fields) -> tuple[AddedText, ...]:
    added = tokenizer.values.get("added_tokens_decoder")
    found = []
    for key, token in added.items() if isinstance(added, dict) else ():
        if not (
            key.isascii()
            and key.isdigit()
            and len(key) < 10
            and isinstance(token, dict)
            and isinstance(token.get("content"), str)
        ):
            raise refuse(tokenizer.where, "added_tokens_decoder", key, "an object of token ids and tokens")
        special = token.get("special") is True
        flags = {flag: token.get(flag) is True for flag in ("single_word", "lstrip", "rstrip")}
        normalized = token.get("normalized", not special) is True
        found.append(AddedText(int(key), token["content"], special, **flags, normalized=normalized))
    return tuple(sorted(found, key=lambda token: token.id))


def chat_template(path: Path, tokenizer: Fields) -> str | None:
    """Return the template of `chat_template.jinja`, else that of `tokenizer_config.json`, else None."""
    if (path / "chat_template.jinja").is_file():
        return _read_text(path, "chat_template.jinja")
    value = tokenizer.values.get("chat_template")
    if not isinstance(value, list):
        return tokenizer.optional_text("chat_template")
    templates = {str(t.get("name")): t.get("template") for t in value if isinstance(t, dict)}
    chosen = templates.get("default") or (next(iter(templates.values())) if len(templates) == 1 else None)
    if not isinstance(chosen, str):
        raise refuse(
            tokenizer.where, "chat_template", value, "a string, or a list with a template named default"
        )
    return chosen


def tool_template(path: Path, tokenizer: Fields) -> str | None:
    """Return the template for conversations with tools, where there is another for them."""
    file = Path("additional_chat_templates", "tool_use.jinja")
    if (path / file).is_file():
        return _read_text(path, str(file))
    value = tokenizer.values.get("chat_template")
    named = [t for t in value if isinstance(t, dict)] if isinstance(value, list) else []
    found = next((t.get("template") for t in named if t.get("name") == "tool_use"), None)
    if not isinstance(found, str | None):
        raise refuse(tokenizer.where, "chat_template", found, "a string in the template named tool_use")
    return found


def generation_defaults(generation: Fields) -> dict[str, float | int]:
    """Return the sampling parameters that `generation_config.json` recommends, by ponder's names."""
    if not generation.boolean("do_sample", False):
        return {}
    return sampling_defaults(generation, {key: key for key in _SAMPLING})


def _read_text(path: Path, name: str, limit: int = _MAX_JSON_BYTES) -> str:
    file = path / name
    if not file.is_file():
        raise CheckpointError(f"{path.name}: there is no {name}")
    _refuse_stand_in(file)
    try:
        if file.stat().st_size > limit:
            raise CheckpointError(
                f"{path.name}: {name} has {file.stat().st_size} bytes, at most {limit} are read"
            )
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path.name}: {name} cannot be read ({error})") from None


def _json_fields(path: Path, name: str) -> Fields:
    where = f"{path.name}/{name}"
    try:
        values = json.loads(_read_text(path, name))
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{where} is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise CheckpointError(f"{where} is not a JSON object")
    return Fields(where, values)


def _optional_json(path: Path, name: str) -> Fields:
    return _json_fields(path, name) if (path / name).is_file() else Fields(f"{path.name}/{name}", {})
