"""What requests cost in floating-point operations, against a counter of another implementation's."""

from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import LlamaConfig, LlamaForCausalLM

from asking import engine_ask
from ponder.asks import Usage
from ponder.backends.local.cost import cost_of
from ponder.checkpoints import ModelConfig
from ponder.engine import FinishedEvent
from ponder.sampling import SamplingParams
from stepping import run
from tiny_models import tiny_engine

PROMPT = tuple(range(1, 12))


def counted(config: ModelConfig, contexts: range) -> int:
    """The operations that transformers does for one token after each of some contexts, one at a time."""
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=config.vocab_size, hidden_size=config.hidden_size, head_dim=config.head_dim,
            intermediate_size=config.intermediate_size, num_hidden_layers=config.num_layers,
            num_attention_heads=config.num_heads, num_key_value_heads=config.num_kv_heads,
            attn_implementation="eager",
        )
    )  # fmt: skip
    past = None
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        for _ in contexts:
            past = model(torch.tensor([[1]]), past_key_values=past, use_cache=True).past_key_values
    return int(counter.get_total_flops())


def used(n: int = 1, tokens: int = 6) -> tuple[ModelConfig, Usage]:
    """What n texts of so many tokens used, with their model's shape."""
    engine = tiny_engine(seed=4)
    params = SamplingParams(n=n, max_tokens=tokens, ignore_eos=True)
    *_, last = run(engine, engine_ask(PROMPT, params))
    assert isinstance(last, FinishedEvent)
    return engine.model.config, last.usage


def test_a_text_costs_what_a_counter_counts() -> None:
    """But for the rows of logits that were not wanted: transformers computes one for every token."""
    config, usage = used()
    computed = len(PROMPT) + 5  # the last token's own row is never needed
    assert usage.computed_tokens == computed
    cost = cost_of(config)
    unwanted = cost.row * (computed - usage.logit_rows)
    assert usage.logit_rows == 6
    assert cost.flops(usage) + unwanted == pytest.approx(counted(config, range(computed)), rel=1e-3)


def test_what_is_shared_is_computed_once() -> None:
    """Of four texts the prompt costs once; the convention of papers counts it four times."""
    config, one = used()
    _, four = used(4)
    cost = cost_of(config)
    prompt = cost.token * len(PROMPT) + cost.attended * config.num_layers * sum(range(len(PROMPT) + 1))
    rest = cost.flops(one) - prompt
    assert cost.flops(four) - prompt == pytest.approx(4 * rest, abs=4 * cost.row)
    assert cost.published_flops(four) == 4 * cost.published_flops(one)


def test_a_window_bounds_what_is_seen() -> None:
    """A token sees at most the window, itself among it, in the layers that have one."""
    config = replace(tiny_engine(seed=4).model.config, sliding_windows=(None, 4, None))
    assert config.attended(range(10)) == 2 * sum(range(11)) + (1 + 2 + 3 + 7 * 4)
    assert config.attended([9]) == 10 + 4 + 10
