"""What a forward pass of the engine's model costs."""

from __future__ import annotations

from ponder.asks.cost import Cost
from ponder.checkpoints import ModelConfig


def cost_of(config: ModelConfig) -> Cost:
    """Return the cost of the parts of a transformer's forward pass.

    The weights of a layer: queries and output [C, H d] each, keys and values [C, G d] each, and the three
    matrices of the MLP, [C, F] each.
    """
    width, heads, kv_heads = config.hidden_size, config.num_heads, config.num_kv_heads
    attention = 2 * width * config.head_dim * (heads + kv_heads)
    layer = attention + 3 * width * config.intermediate_size
    return Cost(
        token=2 * config.num_layers * layer,
        attended=4 * heads * config.head_dim,
        row=2 * width * config.vocab_size,
        windows=config.sliding_windows,
    )
