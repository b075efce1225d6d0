"""What row-invariant arithmetic costs: tokens a second of the model alone, against the plain reference.

    python benchmarks/scripts/row_invariant.py [REPEATS]

Each repeat runs both, in turn, on n sequences of 128 cached tokens that go on by 8 tokens, and on a prompt of
512 tokens; the default model in float32, without sampling. Also says how many of the 16 rows of a batch have
the logits, bit for bit, that they have alone.
"""

import os
import statistics
import sys
import time

os.environ.setdefault("GOMP_SPINCOUNT", "10000")

import torch

from machine import write_result
from ponder.checkpoints import open_checkpoint
from ponder.hub import registry
from ponder.kernels.attention_plan import AttentionPlan
from ponder.models import ForwardBatch, Transformer, load_transformer

ROWS = (1, 4, 16, 32)
CACHED_TOKENS, NEW_TOKENS, PROMPT_TOKENS, COMPARED_ROWS = 128, 8, 512, 16
PAGE_SIZE = 16
PAGES_A_SEQUENCE = PROMPT_TOKENS // PAGE_SIZE


class Sequences:
    """Sequences that grow together, each on its own pages."""

    def __init__(self, model: Transformer, count: int) -> None:
        self.model = model
        self.cache = model.new_cache(count * PAGES_A_SEQUENCE)
        self.pages = torch.arange(count * PAGES_A_SEQUENCE).view(count, -1)
        self.length = 0

    def extend(self, token_ids: torch.Tensor) -> torch.Tensor:
        """Append [sequences, new] tokens; return the logits after the last, [sequences, V]."""
        count, new = token_ids.shape
        positions = torch.arange(self.length, self.length + new)
        self.length += new
        used = -(-self.length // PAGE_SIZE)
        slots = self.pages[:, positions // PAGE_SIZE] * PAGE_SIZE + positions % PAGE_SIZE
        batch = ForwardBatch(
            token_ids=token_ids.flatten(),
            positions=positions.repeat(count),
            slot_mapping=slots.flatten(),
            plan=AttentionPlan([new] * count, [self.length] * count, list(self.pages[:, :used].contiguous())),
            reaches=[PROMPT_TOKENS] * count,
            logit_rows=torch.arange(1, count + 1) * new - 1,
        )
        return self.model.forward(batch, self.cache)


def decode_rate(model: Transformer, tokens: torch.Tensor) -> float:
    """Tokens a second of [sequences, CACHED_TOKENS + NEW_TOKENS] tokens, the last given one by one."""
    sequences = Sequences(model, tokens.shape[0])
    sequences.extend(tokens[:, :CACHED_TOKENS])
    start = time.perf_counter()
    for column in tokens[:, CACHED_TOKENS:].split(1, dim=1):
        sequences.extend(column)
    return tokens.shape[0] * NEW_TOKENS / (time.perf_counter() - start)


def prefill_rate(model: Transformer, tokens: torch.Tensor) -> float:
    """Tokens a second of one prompt, [1, PROMPT_TOKENS]."""
    sequences = Sequences(model, 1)
    start = time.perf_counter()
    sequences.extend(tokens)
    return PROMPT_TOKENS / (time.perf_counter() - start)


def rows_as_if_alone(model: Transformer, tokens: torch.Tensor) -> int:
    """How many sequences of [sequences, tokens] have the same logits together as each alone."""
    together = Sequences(model, tokens.shape[0]).extend(tokens)
    alone = (Sequences(model, 1).extend(row[None])[0] for row in tokens)
    return sum(torch.equal(a, b) for a, b in zip(together, alone))


def main(repeats: int) -> None:
    """Measure and write the results."""
    checkpoint = open_checkpoint(registry.DEFAULT_MODEL)
    models = {
        name: load_transformer(checkpoint, torch.device("cpu"), kernels="reference", row_invariant=invariant)
        for name, invariant in (("plain", False), ("row_invariant", True))
    }
    generator = torch.Generator().manual_seed(0)

    def random_tokens(count: int, length: int) -> torch.Tensor:
        return torch.randint(checkpoint.config.vocab_size, (count, length), generator=generator)

    cases = [(f"decode, {n} rows", decode_rate, random_tokens(n, CACHED_TOKENS + NEW_TOKENS)) for n in ROWS]
    cases.append((f"prefill, {PROMPT_TOKENS} tokens", prefill_rate, random_tokens(1, PROMPT_TOKENS)))
    rates: dict[str, dict[str, list[float]]] = {case: {name: [] for name in models} for case, _, _ in cases}
    for _ in range(repeats + 1):  # the first is a warm-up
        for case, rate, tokens in cases:
            for name, model in models.items():
                rates[case][name].append(rate(model, tokens))
    compared = random_tokens(COMPARED_ROWS, CACHED_TOKENS)
    write_result(
        "row_invariant",
        ("ponder", "torch"),
        {
            "what": f"{registry.DEFAULT_MODEL}, float32, forward passes alone, {CACHED_TOKENS} cached tokens",
            "repeats": repeats,
            "threads": torch.get_num_threads(),
            "tokens_per_second": {
                case: {name: statistics.median(runs[1:]) for name, runs in by_name.items()}
                for case, by_name in rates.items()
            },
            "ratio": {
                case: statistics.median(
                    b / a for a, b in zip(by_name["plain"][1:], by_name["row_invariant"][1:])
                )
                for case, by_name in rates.items()
            },
            "rows_as_if_alone": {
                name: f"{rows_as_if_alone(model, compared)} of {COMPARED_ROWS}"
                for name, model in models.items()
            },
        },
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
