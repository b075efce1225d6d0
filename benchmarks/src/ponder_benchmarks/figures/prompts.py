"""Prompts as token ids, the same for every system."""

from __future__ import annotations

import random


def prompt_ids(vocab_size: int, count: int, seed: int, index: int) -> list[int]:
    """Draw prompt number `index` of so many tokens, any of the vocabulary; two prompts share no beginning."""
    return random.Random(f"{seed}/{index}/{count}").choices(range(vocab_size), k=count)
