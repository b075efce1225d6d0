"""A story that never names its hero, however the name is cut into tokens."""

import ponder

lm = ponder.load()
prompt = "Tell a short story about a girl called Alice and her dog."
told = lm(prompt, temperature=0.7, seed=3, max_tokens=60, constraint=ponder.Ban(("Alice",), ignore_case=True))
print(told.text)
assert "alice" not in told.text.lower()
