"""A calibrated choice between whole answers, and how much probability they have in all."""

import ponder

lm = ponder.load()
result = lm.choose(
    "This movie is far from being great. The sentiment of the movie is",
    ["positive", "negative"],
    chat=False,
    baseline="The sentiment of the movie is",
)
for choice in result.choices:
    print(f"{choice.text}: {choice.probability:.3f} as it is, {choice.calibrated:.3f} calibrated")
print(f"the model gave both together {result.mass:.4f}; best: {result.best.text}")
