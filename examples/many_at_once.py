"""Concurrent requests share batches; each text is what it would have been alone."""

import asyncio

import ponder

PROMPTS = ["A haiku about rain:", "The three primary colours are", "Dear diary,"]


async def main() -> None:
    lm = ponder.load()
    options = {"chat": False, "seed": 5, "temperature": 0.8, "max_tokens": 16}
    together = await asyncio.gather(*(lm.generate(prompt, **options) for prompt in PROMPTS))
    for prompt, answer in zip(PROMPTS, together, strict=True):
        print(prompt, answer.text)
        assert answer.text == lm(prompt, **options).text


asyncio.run(main())
