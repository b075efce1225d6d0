"""Hugging Face directories against transformers, and an adversary."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from ponder.checkpoints import open_checkpoint, tensor_shapes
from ponder.checkpoints.config import (
    DynamicScaling,
    LinearScaling,
    Llama3Scaling,
    LongRopeScaling,
    ProportionalScaling,
    RopeConfig,
    YarnScaling,
)
from ponder.checkpoints.hf_directory import file_name, open_hf_directory
from ponder.errors import CheckpointError

CONFIG: dict[str, Any] = {
    "model_type": "llama",
    "vocab_size": 16,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": True,
    "eos_token_id": 2,
    "bos_token_id": 1,
}


def shapes_of(**changes: Any) -> dict[str, tuple[int, ...]]:
    config = CONFIG | changes
    head_dim = config["hidden_size"] // config["num_attention_heads"]
    q, kv = config["num_attention_heads"] * head_dim, config["num_key_value_heads"] * head_dim
    hidden, ffn = config["hidden_size"], config["intermediate_size"]
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (16, hidden),
        "model.norm.weight": (hidden,),
    }
    for i in range(config["num_hidden_layers"]):
        layer = f"model.layers.{i}"
        shapes |= {
            f"{layer}.self_attn.q_proj.weight": (q, hidden),
            f"{layer}.self_attn.k_proj.weight": (kv, hidden),
            f"{layer}.self_attn.v_proj.weight": (kv, hidden),
            f"{layer}.self_attn.o_proj.weight": (hidden, q),
            f"{layer}.mlp.gate_proj.weight": (ffn, hidden),
            f"{layer}.mlp.up_proj.weight": (ffn, hidden),
            f"{layer}.mlp.down_proj.weight": (hidden, ffn),
            f"{layer}.input_layernorm.weight": (hidden,),
            f"{layer}.post_attention_layernorm.weight": (hidden,),
        }
    return shapes


def write_directory(path: Path, tensors: dict[str, Any] | None = None, **changes: Any) -> Path:
    """Write a tiny llama; `changes` replace config keys, None in `changes` removes one."""
    path.mkdir(exist_ok=True)
    config = {key: value for key, value in (CONFIG | changes).items() if value != "absent"}
    (path / "config.json").write_text(json.dumps(config))
    (path / "tokenizer.json").write_text("{}")
    default = {name: np.full(shape, 0.5, np.float32) for name, shape in shapes_of().items()}
    save_file(default if tensors is None else tensors, path / "model.safetensors")
    return path


def rope_of(tmp_path: Path, **changes: Any) -> RopeConfig:
    return open_hf_directory(write_directory(tmp_path / "m", **changes)).config.rope


MODELS = [
    ("Llama", {"num_key_value_heads": 2, "attention_bias": True, "mlp_bias": True}),
    ("Llama", {"num_key_value_heads": 4, "tie_word_embeddings": True, "head_dim": 16}),
    ("Mistral", {"num_key_value_heads": 2, "sliding_window": 16}),
    (
        "Qwen2",
        {"num_key_value_heads": 2, "use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1},
    ),
    ("Qwen3", {"num_key_value_heads": 2, "head_dim": 16, "tie_word_embeddings": True}),
    ("SmolLM3", {"num_key_value_heads": 2, "no_rope_layer_interval": 2}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("family", "options"), MODELS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_models_that_transformers_saves(
    tmp_path: Path, family: str, options: dict[str, Any], dtype: str
) -> None:
    import transformers

    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(
        vocab_size=24,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=4,
        num_attention_heads=4,
        max_position_embeddings=64,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=[2, 3],
        **options,
    )
    model = getattr(transformers, f"{family}ForCausalLM")(config).to(getattr(torch, dtype))
    model.save_pretrained(tmp_path / "m", max_shard_size="20KB")  # many shards and an index
    (tmp_path / "m" / "tokenizer.json").write_text("{}")
    checkpoint = open_checkpoint(str(tmp_path / "m"))
    ours = checkpoint.config
    assert checkpoint.name == "m"
    assert checkpoint.special.bos_id == 1
    assert checkpoint.special.eos_ids == (2, 3)
    assert ours.rope == RopeConfig(config.rope_parameters["rope_theta"], ours.head_dim)
    assert ours.tie_embeddings == config.tie_word_embeddings
    assert ours.rms_norm_eps == config.rms_norm_eps
    layers = model.model.layers
    windows = [getattr(layer.self_attn, "sliding_window", None) for layer in layers]
    assert ours.sliding_windows == tuple([16] * 4 if family == "Mistral" else windows)
    assert ours.rope_layers == tuple(bool(getattr(layer.self_attn, "use_rope", True)) for layer in layers)
    state = model.state_dict()
    shapes = tensor_shapes(ours)
    assert {file_name(name) for name in shapes} == set(state) - (
        {"lm_head.weight"} if ours.tie_embeddings else set()
    )
    for name in shapes:
        tensor = checkpoint.tensors.tensor(name)
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, state[file_name(name)].float())


ROPES: list[tuple[dict[str, Any], Any]] = [
    ({"rope_type": "default"}, None),
    ({"rope_type": "linear", "factor": 2}, LinearScaling(2.0)),
    ({"type": "linear", "factor": 2.0}, LinearScaling(2.0)),
    ({"rope_type": "dynamic", "factor": 4.0}, DynamicScaling(4.0, 128)),
    (
        {
            "rope_type": "llama3",
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 32,
        },
        Llama3Scaling(8.0, 1.0, 4.0, 32),
    ),
    (
        {
            "rope_type": "yarn",
            "factor": 4.0,
            "original_max_position_embeddings": 32,
            "attention_factor": None,
        },
        YarnScaling(4.0, 32),
    ),
    (
        {
            "rope_type": "yarn",
            "original_max_position_embeddings": 16,
            "beta_fast": 16,
            "mscale": 0.7,
            "mscale_all_dim": 0.9,
            "truncate": False,
        },
        YarnScaling(8.0, 16, beta_fast=16.0, mscale=0.7, mscale_all_dim=0.9, truncate=False),
    ),
    (
        {
            "rope_type": "longrope",
            "short_factor": [1, 1, 1, 1],
            "long_factor": [1, 2, 3, 4.5],
            "original_max_position_embeddings": 64,
        },
        LongRopeScaling((1.0, 1.0, 1.0, 1.0), (1.0, 2.0, 3.0, 4.5), 64, 2.0),
    ),
    ({"rope_type": "proportional"}, ProportionalScaling()),
]


@pytest.mark.parametrize(("parameters", "expected"), ROPES)
def test_rope_types_under_the_new_and_the_old_key(
    tmp_path: Path, parameters: dict[str, Any], expected: Any
) -> None:
    new = rope_of(tmp_path, rope_parameters={**parameters, "rope_theta": 5e5})
    old = rope_of(tmp_path, rope_scaling=parameters, rope_theta=500000)
    assert new == old == RopeConfig(5e5, 8, expected)


def test_part_of_the_head_rotates_in_proportional_alone(tmp_path: Path) -> None:
    assert rope_of(tmp_path, partial_rotary_factor=1).rotary_dim == 8
    proportional = {"rope_type": "proportional", "partial_rotary_factor": 0.6, "rope_theta": 1e4}
    assert rope_of(tmp_path, rope_parameters=proportional).rotary_dim == 4
    with pytest.raises(CheckpointError, match=r"rotary dimension = 0 .* even number from 2 to head_dim = 8"):
        rope_of(tmp_path, rope_parameters=proportional | {"partial_rotary_factor": 0.2})


@pytest.mark.parametrize("kind", ["llama", "mistral", "qwen2", "qwen3", "smollm3"])
@pytest.mark.parametrize("parameters", [p for p, _ in ROPES if p.get("rope_type") != "proportional"])
def test_part_of_the_head_is_refused_elsewhere(tmp_path: Path, parameters: dict[str, Any], kind: str) -> None:
    model = {"model_type": kind, "head_dim": 8, "num_key_value_heads": 2}
    message = "partial_rotary_factor = 0.5 is not allowed: 1, or less where rope_type is proportional"
    with pytest.raises(CheckpointError, match=message):
        rope_of(tmp_path, **model, rope_scaling=parameters, partial_rotary_factor=0.5)
    with pytest.raises(CheckpointError, match=message):
        rope_of(tmp_path, **model, rope_parameters=parameters | {"partial_rotary_factor": 0.5})


LONG: dict[str, Any] = {"short_factor": [1] * 4, "long_factor": [2] * 4}
CONTEXTS: list[tuple[dict[str, Any], dict[str, Any], int]] = [
    ({"rope_type": "yarn", "factor": 4.0}, {}, 512),
    ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128}, {}, 512),
    ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 256}, {}, 1024),
    ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}, {}, 128),
    ({"type": "linear", "factor": 2.5}, {}, 320),
    ({"type": "linear", "factor": 8.0, "original_max_position_embeddings": 16}, {}, 128),
    ({"rope_type": "longrope", "factor": 4.0, **LONG}, {}, 512),
    ({"rope_type": "longrope", "factor": 4.0, **LONG}, {"original_max_position_embeddings": 64}, 128),
    ({"rope_type": "longrope", **LONG}, {}, 128),
    ({"rope_type": "dynamic", "factor": 2.0}, {}, 256),
    ({"rope_type": "default"}, {}, 128),
    ({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}, {}, 128),
]


@pytest.mark.parametrize(("parameters", "outer", "context"), CONTEXTS)
def test_scaling_lengthens_the_context(
    tmp_path: Path, parameters: dict[str, Any], outer: dict[str, Any], context: int
) -> None:
    """Where the maximum is not over the original context, it is the original times the factor."""
    for key in ("rope_scaling", "rope_parameters"):
        path = write_directory(tmp_path / "m", **{key: parameters}, **outer)
        assert open_hf_directory(path).config.context_length == context


def test_window_defaults(tmp_path: Path) -> None:
    mistral = open_hf_directory(write_directory(tmp_path / "a", model_type="mistral")).config
    assert mistral.sliding_windows == (4096,)
    mistral = open_hf_directory(
        write_directory(tmp_path / "b", model_type="mistral", sliding_window=None)
    ).config
    assert mistral.sliding_windows == (None,)


def test_layer_lists_of_smollm3(tmp_path: Path) -> None:
    smollm3 = {
        "model_type": "smollm3",
        "no_rope_layers": [0],
        "use_sliding_window": True,
        "sliding_window": 9,
    }
    config = open_hf_directory(write_directory(tmp_path / "m", **smollm3)).config
    assert config.rope_layers == (False,)
    assert config.sliding_windows == (9,)
    write_directory(tmp_path / "m", **smollm3, layer_types=["full_attention"])
    assert open_hf_directory(tmp_path / "m").config.sliding_windows == (None,)


def test_chat_template_sources(tmp_path: Path) -> None:
    path = write_directory(tmp_path / "m")
    assert open_hf_directory(path).chat_template is None
    assert open_hf_directory(path).tool_template is None
    configured = path / "tokenizer_config.json"
    configured.write_text(json.dumps({"chat_template": "one"}))
    assert open_hf_directory(path).chat_template == "one"
    named = [{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "two"}]
    configured.write_text(json.dumps({"chat_template": named}))
    assert open_hf_directory(path).chat_template == "two"
    assert open_hf_directory(path).tool_template == "tools"
    configured.write_text(json.dumps({"chat_template": [*named[:1], {"name": "rag", "template": "x"}]}))
    with pytest.raises(CheckpointError, match="template named default"):
        open_hf_directory(path)
    (path / "chat_template.jinja").write_text("three")
    assert open_hf_directory(path).chat_template == "three"
    (path / "additional_chat_templates").mkdir()
    (path / "additional_chat_templates" / "tool_use.jinja").write_text("four")
    assert open_hf_directory(path).chat_template == "three"
    assert open_hf_directory(path).tool_template == "four"


def test_end_tokens_and_sampling_defaults(tmp_path: Path) -> None:
    path = write_directory(tmp_path / "m")
    sampling = {"temperature": 0.6, "top_p": 0.95, "top_k": 20, "min_p": None, "repetition_penalty": 1.05}
    (path / "generation_config.json").write_text(
        json.dumps({"eos_token_id": [7, 5], "do_sample": True, "max_length": 20, **sampling})
    )
    added = {
        "9": {"content": "<|im_end|>", "special": True},
        "4": {"content": "<end>"},
        "3": {"content": "a"},
    }
    (path / "tokenizer_config.json").write_text(
        json.dumps({"eos_token": "<end>", "added_tokens_decoder": added})
    )
    checkpoint = open_hf_directory(path)
    assert checkpoint.special.eos_ids == (7, 5, 2)
    assert checkpoint.vocabulary.ends == ("<end>",)
    assert [(token.id, token.content) for token in checkpoint.vocabulary.added] == [
        (3, "a"),
        (4, "<end>"),
        (9, "<|im_end|>"),
    ]
    del sampling["min_p"]
    assert checkpoint.generation_defaults == sampling
    (path / "generation_config.json").write_text(json.dumps(sampling))
    assert open_hf_directory(path).generation_defaults == {}


BAD_CONFIG: list[tuple[dict[str, Any], str]] = [
    ({"model_type": "gemma"}, "llama, mistral, qwen2, qwen3, smollm3"),
    ({"model_type": "absent"}, "model_type = (missing)"),
    ({"num_attention_heads": 0}, "num_attention_heads = 0"),
    ({"num_attention_heads": 64}, "rotary dimension = 0"),
    ({"num_attention_heads": True}, "num_attention_heads = True"),
    ({"num_key_value_heads": 3}, "a divisor of the 4 heads"),
    ({"num_hidden_layers": 10**12}, "num_hidden_layers = 1000000000000"),
    ({"num_hidden_layers": 10**400}, "num_hidden_layers"),
    ({"num_hidden_layers": 2}, "model.layers.1.self_attn.q_proj.weight of shape"),
    ({"hidden_size": "32"}, "hidden_size = 32 is not allowed: an integer"),
    ({"hidden_size": "absent"}, "hidden_size = (missing)"),
    ({"rms_norm_eps": float("nan")}, "rms_norm_eps = nan"),
    ({"hidden_act": "gelu"}, "hidden_act = gelu"),
    ({"quantization_config": {"bits": 4}}, "quantization_config"),
    ({"rope_theta": 0}, "rope_theta = 0"),
    ({"rope_scaling": {"rope_type": "mrope"}}, "default, linear, dynamic, llama3"),
    ({"rope_scaling": {"rope_type": "linear"}}, "factor = (missing)"),
    ({"rope_scaling": {"rope_type": "linear", "factor": -1}}, "factor = -1"),
    ({"rope_scaling": [1]}, "one object"),
    ({"rope_parameters": {"full_attention": {"rope_theta": 1e4}}}, "one object"),
    ({"rope_scaling": {"rope_type": "longrope", "short_factor": [1], "long_factor": [1]}}, "a list of 4"),
    (
        {"rope_scaling": {"rope_type": "llama3", "factor": 2, "low_freq_factor": 4, "high_freq_factor": 4}},
        "more than low_freq_factor = 4",
    ),
    ({"eos_token_id": "x"}, "eos_token_id = x is not allowed: token ids from 0 to 15"),
    ({"eos_token_id": [2, "x"]}, "eos_token_id = x"),
    (
        {"model_type": "qwen2", "use_sliding_window": True, "layer_types": ["odd"]},
        "bias of shape|layer_types = odd",
    ),
]


@pytest.mark.parametrize(("changes", "said"), BAD_CONFIG)
def test_bad_config(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    assert_refused(write_directory(tmp_path / "m", **changes), said)


def assert_refused(path: Path, said: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        open_hf_directory(path)
    message = str(caught.value)
    assert any(part in message for part in said.split("|")), message
    assert "\n" not in message


@pytest.mark.parametrize("raw", ["", "[]", "{", '{"a": 1' + "0" * 5000 + "}", "[" * 100_000, "\ud800"])
def test_config_that_is_not_a_json_object(tmp_path: Path, raw: str) -> None:
    path = write_directory(tmp_path / "m")
    (path / "config.json").write_bytes(raw.encode("utf-8", "surrogatepass"))
    assert_refused(path, "config.json")


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_files_that_are_pipes_are_not_waited_for(tmp_path: Path, name: str) -> None:
    path = write_directory(tmp_path / "m")
    (path / name).unlink()
    os.mkfifo(path / name)
    assert_refused(path, f"no {name}")


ODD_TOKENIZERS: list[tuple[dict[str, Any], str]] = [
    ({"chat_template": [{"name": ["x"], "template": 1}]}, "chat_template"),
    ({"chat_template": 3}, "chat_template = 3 is not allowed: a string"),
    ({"chat_template": []}, "chat_template"),
    ({"added_tokens_decoder": {"x": {"content": "a"}}}, "added_tokens_decoder = x"),
    ({"added_tokens_decoder": {"1": 2}}, "added_tokens_decoder = 1"),
]


@pytest.mark.parametrize(("values", "said"), ODD_TOKENIZERS)
def test_bad_tokenizer_config(tmp_path: Path, values: dict[str, Any], said: str) -> None:
    path = write_directory(tmp_path / "m")
    (path / "tokenizer_config.json").write_text(json.dumps(values))
    assert_refused(path, said)


def test_missing_files(tmp_path: Path) -> None:
    path = write_directory(tmp_path / "m")
    (path / "tokenizer.json").unlink()
    assert_refused(path, "there is no tokenizer.json")
    (path / "model.safetensors").unlink()
    assert_refused(path, "there is no model.safetensors")
    (path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    assert_refused(path, "pytorch_model.bin is a pickle, which can run code and is not read")
    (path / "config.json").unlink()
    assert_refused(path, "there is no config.json")


def safetensors(header: dict[str, Any] | bytes, data: bytes = b"", length: int | None = None) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


ONE = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
LIES = {
    "empty": b"",
    "length past the end": safetensors(b"{}", length=2**60),
    "not JSON": safetensors(b"{nonsense"),
    "not an object": safetensors(b"[1, 2]"),
    "deep JSON": safetensors(b"[" * 100_000),
    "offsets past the end": safetensors({"a": ONE}, bytes(4)),
    "offsets backwards": safetensors({"a": ONE | {"data_offsets": [8, 0]}}, bytes(8)),
    "offsets huge": safetensors({"a": ONE | {"data_offsets": [0, 2**63]}}, bytes(8)),
    "shape and offsets differ": safetensors({"a": ONE | {"shape": [3]}}, bytes(8)),
    "shape overflows": safetensors({"a": ONE | {"shape": [2**62, 2**62]}}, bytes(8)),
    "unknown dtype": safetensors({"a": ONE | {"dtype": "F33"}}, bytes(8)),
    "other dtype": safetensors({"a": ONE | {"dtype": "I32"}}, bytes(8)),
    "not the model": safetensors({"a": ONE}, bytes(8)),
}


@pytest.mark.parametrize("case", LIES)
def test_lying_safetensors(tmp_path: Path, case: str) -> None:
    path = write_directory(tmp_path / "m")
    (path / "model.safetensors").write_bytes(LIES[case])
    assert_refused(path, "model.safetensors|m: tensor")


def test_tensors_that_do_not_fit(tmp_path: Path) -> None:
    good = {name: np.ones(shape, np.float32) for name, shape in shapes_of().items()}
    norm = "model.norm.weight"
    path = write_directory(tmp_path / "m", good | {norm: np.ones(31, np.float32)})
    assert_refused(path, "model.norm.weight has shape [31], expected [32]")
    write_directory(path, {name: tensor for name, tensor in good.items() if name != norm})
    assert_refused(path, "model.norm.weight of shape [32] is missing")
    write_directory(path, good | {"model.extra": np.ones(1, np.float32)})
    assert_refused(path, "model.extra is not part of")
    write_directory(path, good | {norm: np.ones(32, np.float64)})
    assert_refused(path, "dtype of model.norm.weight = F64 is not allowed: F32, F16, BF16")
    write_directory(path, good | {"lm_head.weight": np.ones(1, np.float32)})
    open_hf_directory(path)  # tied embeddings: a copy of the head is not read


@pytest.mark.slow
def test_a_tied_matrix_under_either_name(tmp_path: Path) -> None:
    """As transformers reads them: one matrix by any of its names; two that differ are not tied."""
    import transformers

    rng = np.random.default_rng(0)
    tensors = {name: rng.standard_normal(shape, np.float32) for name, shape in shapes_of().items()}
    embed = tensors.pop("model.embed_tokens.weight")
    other = rng.standard_normal(embed.shape, np.float32)
    for named in (
        {"lm_head.weight": embed},
        {"model.embed_tokens.weight": embed},
        {"model.embed_tokens.weight": embed, "lm_head.weight": embed},
        {"model.embed_tokens.weight": embed, "lm_head.weight": other},
    ):
        path = write_directory(tmp_path / "m", tensors | named)
        checkpoint = open_hf_directory(path)
        theirs = transformers.LlamaForCausalLM.from_pretrained(path).state_dict()
        np.testing.assert_array_equal(checkpoint.tensors.tensor("embed.weight").numpy(), embed)
        np.testing.assert_array_equal(theirs["model.embed_tokens.weight"].numpy(), embed)
        tied = torch.equal(theirs["lm_head.weight"], theirs["model.embed_tokens.weight"])
        assert checkpoint.config.tie_embeddings == tied
        if not tied:
            np.testing.assert_array_equal(checkpoint.tensors.tensor("lm_head.weight").numpy(), other)


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
PAGE = b"<!DOCTYPE html>\n<html class=''><head><title>model</title></head></html>"


@pytest.mark.parametrize(
    "name",
    ["model.safetensors", "tokenizer.json", "config.json", "tokenizer_config.json", "generation_config.json"],
)
@pytest.mark.parametrize(("content", "said"), [(POINTER, "is a Git LFS pointer"), (PAGE, "is a web page")])
def test_files_that_stand_in_for_others(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = write_directory(tmp_path / "m")
    (path / name).write_bytes(content)
    assert_refused(path, f"{name} {said}")


def test_a_template_may_write_a_web_page(tmp_path: Path) -> None:
    path = write_directory(tmp_path / "m")
    (path / "chat_template.jinja").write_bytes(PAGE)
    assert open_hf_directory(path).chat_template == PAGE.decode()
    (path / "chat_template.jinja").write_bytes(POINTER)
    assert_refused(path, "chat_template.jinja is a Git LFS pointer")


@pytest.mark.parametrize(
    "shard", ["../m/model.safetensors", "/etc/x.safetensors", "a/b.safetensors", "x.bin", 3, ""]
)
def test_index_names_files_of_the_directory_only(tmp_path: Path, shard: Any) -> None:
    path = write_directory(tmp_path / "m")
    index = {"weight_map": dict.fromkeys(shapes_of(), shard)}
    (path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert_refused(path, "in the same directory")


def test_index_that_lies(tmp_path: Path) -> None:
    path = write_directory(tmp_path / "m")
    index = path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"nowhere": "model.safetensors"}}))
    assert_refused(path, "puts nowhere in model.safetensors, which lacks it")
    index.write_text(json.dumps({"weight_map": {"nowhere": "absent.safetensors"}}))
    assert_refused(path, "absent.safetensors is missing")
    index.write_text(json.dumps({"weight_map": {"nowhere": "a\0.safetensors"}}))
    assert_refused(path, "is missing")
    index.write_text(json.dumps({"weight_map": []}))
    assert_refused(path, "weight_map")
