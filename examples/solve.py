"""Greedy against eight samples weighted by whether their sums hold, with what each cost."""

import ponder

EXAMPLES = (
    "Q: How many apples are in 3 bags of 4 apples?\nA: 3 * 4 = 12\n"
    "Q: How many pens are in 5 packs of 10 pens?\nA: 5 * 10 = 50\n"
)
QUESTION = "Q: How many pencils are in 5 packs of 12 pencils?\nA:"

lm = ponder.load()
for n in (1, 8):
    answer = lm.solve(
        EXAMPLES + QUESTION,
        n=n,
        reward="arithmetic",
        select="weighted",
        chat=False,
        stop="\n",
        max_tokens=16,
    )
    print(f"n = {n}: {answer.text.strip()!r}, so {answer.answer} ({answer.ledger.as_json()})")
