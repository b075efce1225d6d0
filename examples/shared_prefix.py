"""What the token tree saves: samples share their prompt, and a conversation's next turn its history."""

import ponder
from ponder import Message

lm = ponder.load()
history = [Message("user", "Name three rivers in Europe.")]
first = lm(history, n=4, seed=1, max_tokens=40)
print(first.text)
usage = first.usage
print(f"4 samples: {usage.prompt_tokens} prompt tokens computed once, {usage.cached_tokens} shared")

history += [Message("assistant", first.text), Message("user", "Which of them is the longest?")]
second = lm(history, seed=1, max_tokens=40)
new = second.usage.prompt_tokens - second.usage.hit_tokens
print(second.text)
print(f"second turn: {second.usage.prompt_tokens} prompt tokens, {new} of them new")
