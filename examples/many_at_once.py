"""Concurrent requests share batches; each text is what it would have been alone, here to the last bit."""

import asyncio

import ponder

PROMPTS = ["A haiku about rain:", "The three primary colours are", "Dear diary,"]


async def main() -> None:
    lm = ponder.load(row_invariant=True)
    options = {"chat": False, "seed": 5, "temperature": 0.8, "max_tokens": 16}
    together = await asyncio.gather(*(lm.agenerate(prompt, **options) for prompt in PROMPTS))
    for prompt, answer in zip(PROMPTS, together, strict=True):
        print(prompt, answer.text)
        assert answer.outputs == lm(prompt, **options).outputs


asyncio.run(main())
