"""Greedy against the majority of eight samples, with what each cost."""

import ponder

lm = ponder.load()
for n in (1, 8):
    answer = lm.solve("What is 6 * 7?", n=n, max_tokens=48)
    print(f"n = {n}: {answer.text} ({answer.ledger})")
