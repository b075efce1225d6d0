"""Every supported family, and every rotary scaling, gives transformers' logits.

The models are random and tiny; their weights are large enough that positions decide the logits, and each
case checks that leaving its scaling out would be seen.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import replace

import gguf
import pytest
import torch
import transformers
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from transformers.models.gpt_neox import modeling_gpt_neox
from transformers.models.llama import modeling_llama

from forward import all_logits
from ponder.checkpoints import open_checkpoint
from ponder.models import load_transformer

VOCAB, HEAD_DIM, CONTEXT, ORIGINAL = 61, 16, 64, 32
PAIRS = HEAD_DIM // 2
LENGTHS = (ORIGINAL - 9, CONTEXT + 37)
LONG = LENGTHS[-1]
CPU = torch.device("cpu")

FAMILIES = {
    "llama": ("llama", {}),
    "llama-tied": ("llama", {"tie_word_embeddings": True, "num_key_value_heads": 4}),
    "llama-biases": ("llama", {"attention_bias": True, "mlp_bias": True}),
    "mistral": ("mistral", {"sliding_window": None}),
    "mistral-window": ("mistral", {"sliding_window": 11}),
    "qwen2": ("qwen2", {}),
    "qwen2-window": ("qwen2", {"use_sliding_window": True, "sliding_window": 13, "max_window_layers": 1}),
    "qwen3": ("qwen3", {"hidden_size": 40}),
    "qwen3-window": ("qwen3", {"use_sliding_window": True, "sliding_window": 9, "max_window_layers": 1}),
    "smollm3": ("smollm3", {"num_hidden_layers": 4, "no_rope_layer_interval": 2}),
    "smollm3-window": (
        "smollm3",
        {"no_rope_layers": [0, 1], "use_sliding_window": True, "sliding_window": 7},
    ),
}
YARN = {"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": ORIGINAL, "beta_fast": 4.0}
LONGROPE = {
    "rope_type": "longrope",
    "short_factor": [1.0 + 0.1 * i for i in range(PAIRS)],
    "long_factor": [1.5 + i for i in range(PAIRS)],
    "original_max_position_embeddings": ORIGINAL,
    "factor": 2.0,
}
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": ORIGINAL,
}
SCALINGS = {
    "default": {"rope_type": "default", "rope_theta": 500.0},
    "linear": {"rope_type": "linear", "factor": 2.5},
    "dynamic": {"rope_type": "dynamic", "factor": 2.0},
    "llama3": LLAMA3,
    "yarn": YARN,
    "yarn-inferred": {k: v for k, v in YARN.items() if k != "beta_fast"} | {"rope_theta": 1e6},
    "yarn-betas": YARN | {"beta_fast": 3.0, "beta_slow": 0.4},
    "yarn-mscale": YARN | {"mscale": 0.7, "mscale_all_dim": 1.9},
    "yarn-mscale-alone": YARN | {"mscale": 0.7},
    "yarn-untruncated": YARN | {"truncate": False},
    "yarn-attention": YARN | {"attention_factor": 1.3},
    "longrope": LONGROPE,
    "longrope-attention": LONGROPE | {"attention_factor": 0.8},
    "longrope-ratio": {k: v for k, v in LONGROPE.items() if k != "factor"},
    "proportional": {"rope_type": "proportional", "partial_rotary_factor": 0.5},
    "proportional-factor": {"rope_type": "proportional", "partial_rotary_factor": 0.8, "factor": 3.0},
}


def random_model(kind: str, rope: dict, **changes) -> transformers.PreTrainedModel:
    """A model of transformers whose norms and biases are random too."""
    config = transformers.AutoConfig.for_model(
        kind,
        **{
            "vocab_size": VOCAB,
            "hidden_size": 64,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": HEAD_DIM,
            "max_position_embeddings": CONTEXT,
            "rope_parameters": {"rope_theta": 1000.0} | rope,
            "bos_token_id": 0,
            "eos_token_id": 1,
            "pad_token_id": None,
            "attn_implementation": "eager",
        }
        | changes,
    )
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    torch.manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.uniform_(0.5, 1.5)
            elif parameter.dim() == 2:
                parameter.normal_(0, 1.5 / math.sqrt(parameter.shape[1]))
            else:
                parameter.normal_(0, 0.5)
    return model


def random_ids(length: int) -> list[int]:
    return torch.randint(0, VOCAB, (length,), generator=torch.Generator().manual_seed(length)).tolist()


def write_directory(model, path) -> None:
    """Save config, safetensors and the smallest tokenizer.json there is."""
    model.save_pretrained(path)
    tokenizer = Tokenizer(BPE({letter: i for i, letter in enumerate("abc")}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(path / "tokenizer.json"))


def their_logits(model, ids: list[int]) -> torch.Tensor:
    with torch.inference_mode():
        return model(torch.tensor([ids])).logits[0]


def our_logits(path, ids: list[int], **changes) -> torch.Tensor:
    """Logits of the model at `path`, or of one whose configuration is changed."""
    checkpoint = open_checkpoint(str(path))
    checkpoint = replace(checkpoint, config=replace(checkpoint.config, **changes))
    return all_logits(load_transformer(checkpoint, CPU, kernels="reference"), [ids])[0]


@pytest.fixture(autouse=True)
def _quiet():
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()


def pairs(families: Iterable[str], scalings: Iterable[str], every: int) -> list[tuple[str, str]]:
    """The first family with every scaling, the others with the first and one in `every`, not all the same.

    A family decides what a layer sees and whether it rotates, a scaling how far; neither asks for the other.
    """
    return [
        (family, scaling)
        for i, family in enumerate(families)
        for j, scaling in enumerate(scalings)
        if i == 0 or j == 0 or (i + j) % every == 0
    ]


@pytest.mark.parametrize(("family", "scaling"), pairs(FAMILIES, SCALINGS, 5))
def test_directory(family, scaling, tmp_path):
    """Below the original context and above the context, each with the sequence's length as its reach."""
    kind, changes = FAMILIES[family]
    model = random_model(kind, SCALINGS[scaling], **changes)
    write_directory(model, tmp_path)
    transformer = load_transformer(open_checkpoint(str(tmp_path)), CPU, kernels="reference")
    ours = all_logits(transformer, [random_ids(length) for length in LENGTHS])
    for logits, length in zip(ours, LENGTHS, strict=True):
        assert (logits - their_logits(model, random_ids(length))).abs().max() <= 1e-4
    if scaling != "default":
        plain = replace(transformer.config.rope, scaling=None)
        unscaled = our_logits(tmp_path, random_ids(LONG), rope=plain)
        assert (unscaled - ours[-1]).abs().max() > 1e-2


@pytest.mark.parametrize("scaling", ["linear", "dynamic", "llama3", "yarn", "longrope"])
def test_partly_rotated_heads(scaling, tmp_path, monkeypatch):
    """Half of each head rotates, as in GPT-NeoX: transformers' Llama computes such frequencies but cannot
    apply them, so here it borrows the function that can; our reader refuses such a config of Llama, so here
    it is changed after reading.
    """
    rope = SCALINGS[scaling]
    write_directory(random_model("llama", rope), tmp_path)
    half = {key: rope[key][: PAIRS // 2] for key in ("short_factor", "long_factor") if key in rope}
    model = random_model("llama", rope | {"partial_rotary_factor": 0.5} | half)
    ours = open_checkpoint(str(tmp_path)).config.rope
    scaling_of_half = replace(ours.scaling, **{key: tuple(factors) for key, factors in half.items()})
    ours = replace(ours, rotary_dim=HEAD_DIM // 2, scaling=scaling_of_half)
    monkeypatch.setattr(modeling_llama, "apply_rotary_pos_emb", modeling_gpt_neox.apply_rotary_pos_emb)
    for length in LENGTHS:
        expected = their_logits(model, random_ids(length))
        assert (our_logits(tmp_path, random_ids(length), rope=ours) - expected).abs().max() <= 1e-4


@pytest.mark.parametrize("family", [f for f in FAMILIES if "window" in f or "smollm3" in f])
def test_windows_and_missing_positions_show(family, tmp_path):
    """The cases above could not pass if windows or layers without positions were ignored."""
    kind, changes = FAMILIES[family]
    model = random_model(kind, SCALINGS["default"], **changes)
    write_directory(model, tmp_path)
    expected, layers = their_logits(model, random_ids(LONG)), model.config.num_hidden_layers
    assert (our_logits(tmp_path, random_ids(LONG)) - expected).abs().max() <= 1e-4
    for wrong in [{"sliding_windows": (None,) * layers}] * ("window" in family) + [
        {"rope_layers": (True,) * layers}
    ] * ("smollm3" in family):
        assert (our_logits(tmp_path, random_ids(LONG), **wrong) - expected).abs().max() > 1e-2


@pytest.mark.parametrize("scaling", SCALINGS)
def test_config_of_transformers_4(scaling, tmp_path):
    """`rope_theta` and `rope_scaling` beside the other fields mean what `rope_parameters` means."""
    write_directory(random_model("llama", SCALINGS[scaling]), tmp_path)
    expected = open_checkpoint(str(tmp_path)).config
    config = json.loads((tmp_path / "config.json").read_text())
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    rope["type"] = rope.pop("rope_type")
    config["rope_scaling"] = None if scaling == "default" else rope
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert open_checkpoint(str(tmp_path)).config == expected


def llama_cpp_permuted(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """`LlamaModel.permute` of llama.cpp's convert_hf_to_gguf.py."""
    split = weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:])
    return split.swapaxes(1, 2).reshape(weight.shape)


def llama3_divisors(rope: dict) -> list[float]:
    """`rope_freqs.weight` as llama.cpp's convert_hf_to_gguf.py computes it from llama3's parameters."""
    original, low, high = (
        rope[key] for key in ("original_max_position_embeddings", "low_freq_factor", "high_freq_factor")
    )
    divisors = []
    for i in range(PAIRS):
        wavelength = 2 * math.pi * rope["rope_theta"] ** (2 * i / HEAD_DIM)
        if wavelength < original / high:
            divisors.append(1.0)
        elif wavelength > original / low:
            divisors.append(rope["factor"])
        else:
            smooth = (original / wavelength - low) / (high - low)
            divisors.append(1 / ((1 - smooth) / rope["factor"] + smooth))
    return divisors


GGUF_NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def write_gguf(model, path) -> None:
    """Write a model as llama.cpp's converter does: matrices in F16, vectors in F32."""
    config, rope = model.config, model.config.rope_parameters
    arch = config.model_type
    writer = gguf.GGUFWriter(path, arch)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim if hasattr(config, "head_dim") else HEAD_DIM)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list([f"token{i}" for i in range(VOCAB)])
    writer.add_token_types([1] * VOCAB)
    writer.add_token_merges(["a b"])
    if rope["rope_type"] == "yarn":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(rope["factor"])
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
        writer.add_rope_scaling_yarn_beta_fast(rope["beta_fast"])
    elif rope["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    elif rope["rope_type"] == "llama3":
        writer.add_tensor("rope_freqs.weight", torch.tensor(llama3_divisors(rope)).numpy())
    elif rope["rope_type"] == "longrope":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LONGROPE)
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
        for kind in ("short", "long"):
            factors = torch.tensor(rope[f"{kind}_factor"]).numpy()
            writer.add_tensor(f"rope_factors_{kind}.weight", factors)
        stretch = math.log(config.max_position_embeddings / ORIGINAL) / math.log(ORIGINAL)
        writer.add_rope_scaling_attn_factors(math.sqrt(1 + stretch))
    for name, parameter in model.named_parameters():
        module, suffix = name.rsplit(".", 1)
        layer = module.removeprefix("model.layers.").partition(".") if "layers." in module else None
        found = f"blk.{layer[0]}.{GGUF_NAMES[layer[2]]}" if layer else GGUF_NAMES[module]
        values = parameter.detach()
        heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
        if arch in ("llama", "smollm3") and module.endswith(tuple(heads)):
            values = llama_cpp_permuted(values, heads[module[-6:]])
        values = values.half() if values.dim() == 2 else values
        writer.add_tensor(f"{found}.{suffix}", values.contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


IN_GGUF = ("llama", "llama-tied", "llama-biases", "qwen2", "qwen3", "smollm3")


@pytest.mark.parametrize(
    ("family", "scaling"), pairs(IN_GGUF, ("default", "linear", "llama3", "yarn", "longrope"), 4)
)
def test_gguf(family, scaling, tmp_path):
    """A GGUF file of the model, its q and k rows permuted as the family's are, gives the same logits."""
    kind, changes = FAMILIES[family]
    if kind == "smollm3":
        changes = {"num_hidden_layers": 4}  # the format holds no layer list: every fourth has no positions
    model = random_model(kind, SCALINGS[scaling], **changes)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.copy_(parameter.half())
    path = tmp_path / "tiny.gguf"
    write_gguf(model, path)
    for length in LENGTHS:
        expected = their_logits(model, random_ids(length))
        assert (our_logits(path, random_ids(length)) - expected).abs().max() <= 1e-4
