"""Beam search against sampling: likelier, and less diverse."""

import ponder

lm = ponder.load()
prompt = "The best thing about autumn is"
beams = lm(prompt, chat=False, num_beams=4, n=4, max_tokens=16)
samples = lm(prompt, chat=False, n=4, max_tokens=16, seed=0)
for name, answer in (("beam", beams), ("sample", samples)):
    for output in answer.outputs:
        print(f"{name:<7} {output.logprob:7.1f}  {output.text!r}")
assert beams.outputs[0].logprob > max(output.logprob for output in samples.outputs)
