"""Load the default model and ask it something, four times with one prompt."""

import ponder

lm = ponder.load()
answer = lm("Why is the sky blue?", temperature=0.7, top_p=0.9, seed=1, max_tokens=40, n=4)
for output in answer.outputs:
    print(f"[{output.index}] {output.finish_reason}, logprob {output.logprob:.1f}: {output.text}")
print(answer.usage)
