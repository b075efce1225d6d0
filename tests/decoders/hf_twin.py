"""The same weights in transformers, so that its `generate` can say what ours should."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from ponder.models import Transformer


def hf_twin(model: Transformer) -> LlamaForCausalLM:
    """A transformers Llama that shares the memory of our weights, which reference kernels hold."""
    config, weights = model.config, model.weights
    twin_config = LlamaConfig(
        vocab_size=config.vocab_size,
        hidden_size=config.hidden_size,
        intermediate_size=config.intermediate_size,
        num_hidden_layers=config.num_layers,
        num_attention_heads=config.num_heads,
        num_key_value_heads=config.num_kv_heads,
        head_dim=config.head_dim,
        rms_norm_eps=config.rms_norm_eps,
        max_position_embeddings=config.context_length,
        rope_parameters={"rope_type": "default", "rope_theta": config.rope.base},
        tie_word_embeddings=config.tie_embeddings,
        bos_token_id=None,
        eos_token_id=None,
    )
    state = {
        "model.embed_tokens.weight": weights.embed,
        "model.norm.weight": weights.norm.weight,
        "lm_head.weight": weights.lm_head,
    }
    for i, layer in enumerate(weights.layers):
        parts = {
            "input_layernorm": layer.attn_norm.weight,
            "self_attn.q_proj": layer.q.weight,
            "self_attn.k_proj": layer.k.weight,
            "self_attn.v_proj": layer.v.weight,
            "self_attn.o_proj": layer.o.weight,
            "post_attention_layernorm": layer.mlp_norm.weight,
            "mlp.gate_proj": layer.gate.weight,
            "mlp.up_proj": layer.up.weight,
            "mlp.down_proj": layer.down.weight,
        }
        state |= {f"model.layers.{i}.{name}.weight": weight for name, weight in parts.items()}
    with torch.device("meta"):
        twin = LlamaForCausalLM(twin_config)
    twin.load_state_dict(state, strict=True, assign=True)
    # Buffers are no part of a state dict: the rotary frequencies are computed again off the meta device.
    twin.model.rotary_emb = type(twin.model.rotary_emb)(twin_config)
    return twin.eval()


@torch.inference_mode()
def hf_beams(
    twin: LlamaForCausalLM, prompt: Sequence[int], eos_ids: Sequence[int], max_tokens: int, **options
) -> tuple[list[tuple[int, ...]], list[float]]:
    """transformers' answers, best first: token ids up to and including the end token, and scores."""
    result = twin.generate(
        torch.tensor([list(prompt)]),
        max_new_tokens=max_tokens,
        do_sample=False,
        eos_token_id=list(eos_ids),
        pad_token_id=eos_ids[0],
        return_dict_in_generate=True,
        output_scores=True,
        **options,
    )
    answers = []
    for row in result.sequences[:, len(prompt) :].tolist():
        ends = [i for i, token in enumerate(row) if token in eos_ids]
        answers.append(tuple(row[: ends[0] + 1] if ends else row))
    return answers, result.sequences_scores.tolist()
