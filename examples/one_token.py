"""A token's life: what a step computes, how a row of logits becomes a token, what the text becomes.

docs/token.md goes through what this prints.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

import ponder
from ponder.asks import TokenEvent, fronts
from ponder.asks.needs import Asker
from ponder.decoders import Group, Growth, Ranked, Rows, Settled, Text
from ponder.decoders.sample import Sample
from ponder.sampling import SamplingParams, bitmask
from ponder.sampling.rng import CHOICE, philox4x32, uniforms
from ponder.sampling.row import Row
from ponder.sampling.sampler import distributions
from ponder.text import Tokenizer

PROMPT = "Once upon a time, in a small village by the sea, there lived a wise old"
DEPTH = 2  # how many tokens the texts have when we look
SHOWN = 4


@dataclass(frozen=True, slots=True)
class Looked:
    """Samples as `Sample` does, and prints one step: a decoder from outside the package."""

    tokenizer: Tokenizer

    name: ClassVar[str] = "sampling"
    unused: ClassVar[frozenset[str]] = frozenset()
    streams: ClassVar[bool] = True
    normalised: ClassVar[bool] = False

    def check(self, params: SamplingParams) -> None:
        Sample().check(params)

    def width(self, params: SamplingParams) -> int:
        return Sample().width(params)

    def asks(self, params: SamplingParams) -> Asker:
        return Sample().asks(params)

    def advance(self, group: Group, rows: Rows) -> list[Growth]:
        growths = Sample().advance(group, rows)
        print(f"\nstep {group.length + 1}: {len(group.live)} text(s), {len(growths)} growth(s)")
        for text in group.live:
            (token,) = text.branch.last(1)
            place = text.branch.length - 1
            slot = text.branch.pages[-1] * 16 + place % 16
            print(f"  block table {text.branch.pages}, computed last: {self.named(token)}", end="")
            print(f" at position {place}, slot {slot}")
        if group.length == DEPTH:
            for text, growth in zip(group.live, growths, strict=True):
                self.choice(group, rows, text, growth.traces[0].token_id)
        return growths

    def choice(self, group: Group, rows: Rows, text: Text, chosen: int) -> None:
        """Print how the row after a text became a token."""
        row, place = group.row(text, text.index), rows.place(text)
        print(f"\nsample {text.index}: {text.emitted()!r}, row {place} of the step")
        logits = rows.logits[place : place + 1]

        def watch(step: str, before: torch.Tensor, after: torch.Tensor) -> None:
            largest = after[0].topk(SHOWN)
            listed = zip(largest.indices.tolist(), largest.values.tolist(), strict=True)
            told = [f"{self.named(token)} {value:.3f}" for token, value in listed if value > -np.inf]
            changed = int((before != after).sum())
            print(f"  after {step:<18} {changed:>5} changed; " + ", ".join(told))

        watch("the model", logits, logits)
        assert row.allowed is not None, "there is a ban"
        left_out = ~bitmask.unpack(row.allowed, logits.shape[-1])
        likeliest = np.where(left_out, logits[0].numpy(), -np.inf).argmax()
        print(f"  the ban leaves out {left_out.sum()} tokens, the likeliest {self.named(int(likeliest))}")
        _, truncated, _ = distributions(logits, [row], group.params, watch)
        self.draw(truncated[0].double().numpy(), row, group.params, chosen)

    def draw(self, probs: np.ndarray, row: Row, params: SamplingParams, chosen: int) -> None:
        """Print the draw from the probabilities [V] that are left."""
        kept = np.flatnonzero(probs).tolist()
        print(f"  kept {len(kept)}: " + ", ".join(f"{self.named(i)} {probs[i]:.4f}" for i in kept))
        position = len(row.output)
        key = np.array([params.seed % 2**32, params.seed >> 32], dtype=np.uint64)
        words = [position, row.stream % 2**32, CHOICE, row.stream >> 32]
        drawn = philox4x32(np.array([words], dtype=np.uint64), key)[0]
        (u,) = uniforms(params.seed, [row.stream], [position])
        print(f"  philox key {key.tolist()}, counter {words} -> {drawn.tolist()}: u = {u:.6f}")
        sums = probs.cumsum()
        token = int(np.searchsorted(sums, u * sums[-1], side="right"))
        before = sums[token] - probs[token]
        print(f"  in the order of ids the sum is {before:.6f} before {self.named(token)}", end="")
        print(f" and {sums[token]:.6f} with it")
        assert token == chosen, "the kernel and the formula part"

    def settle(self, group: Group) -> Settled:
        if group.live and group.length == DEPTH + 1:
            for text in group.live:
                node = text.node
                print(f"\nsample {text.index}: node {node.number} holds {self.named(node.token)}, ", end="")
                print(f"adds {node.added!r}, holds back {node.held!r}; automaton's state {node.state}")
        return Sample().settle(group)

    def answers(self, group: Group) -> list[Ranked]:
        return Sample().answers(group)

    def named(self, token: int) -> str:
        """Return a token's text and id."""
        return f"{self.tokenizer.decode([int(token)])!r} ({token})"


lm = ponder.load()
request = lm.request(
    PROMPT,
    chat=False,
    decoder=Looked(lm.tokenizer),
    n=2,
    seed=7,
    temperature=0.8,
    top_p=0.7,
    repetition_penalty=1.1,
    max_tokens=6,
    ban="woman",
    stop="named A",
)
print(lm.tokenizer.encode(PROMPT))
seen = [0, 0]
for event in fronts.stream(lm.model, request):
    if isinstance(event, TokenEvent) and event.trace is not None:
        if seen[event.index] == DEPTH:
            print(f"event: sample {event.index}, text {event.text!r}, ", end="")
            print(f"raw {event.trace.logprob:.4f}, tempered {event.trace.tempered_logprob:.4f}, ", end="")
            print(f"truncated {event.trace.truncated_logprob:.4f}, rank {event.trace.rank}")
        seen[event.index] += 1
    elif isinstance(event, ponder.Completion):
        print("\n" + "\n".join(repr(output.text) for output in event.outputs))
