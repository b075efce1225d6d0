"""Stream an answer with each token's entropy: where was the model unsure?"""

import ponder

lm = ponder.load()
for event in lm.stream("The capital of France is", chat=False, temperature=0, max_tokens=12, top_logprobs=3):
    if event.trace is None:  # the text ended without a token
        break
    alternatives = ", ".join(f"{lm.tokenizer.token_text(i)!r} {p:.2f}" for i, p in event.trace.top)
    print(f"{event.text!r:<12} entropy {event.trace.entropy:.2f} nats, likeliest: {alternatives}")
