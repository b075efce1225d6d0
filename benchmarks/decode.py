"""Sampled tokens a second, against transformers on the same weights in float32.

    python benchmarks/decode.py [REPEATS]

Both continue one 128-token prompt by 32 tokens, n samples at a time (temperature 0.8, top-p 0.9, no end
token), in turn within one process, REPEATS times over. Needs `pip install 'ponder[test]'`.
"""

import os
import statistics
import sys
import time

os.environ.setdefault("GOMP_SPINCOUNT", "10000")

import torch
from transformers import AutoModelForCausalLM

import ponder
from machine import write_result
from ponder.checkpoints import registry

SAMPLES = (1, 4, 16, 32)
PROMPT_TOKENS, NEW_TOKENS = 128, 32
SAMPLING = {"temperature": 0.8, "top_p": 0.9}


def main(repeats: int) -> None:
    """Measure and write the results."""
    lm = ponder.load(device="cpu")
    path = registry.resolve(registry.DEFAULT_MODEL)
    peer = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    ids = lm.model.tokenizer.encode("The history of the city begins with a river. " * 40)[:PROMPT_TOKENS]
    text = lm.model.tokenizer.decode(ids)
    assert len(lm.model.tokenizer.encode(text)) == PROMPT_TOKENS

    def ours(n: int) -> None:
        answer = lm(text, chat=False, n=n, max_tokens=NEW_TOKENS, ignore_eos=True, seed=0, **SAMPLING)
        assert answer.usage.generated_tokens == n * NEW_TOKENS

    def theirs(n: int) -> None:
        with torch.inference_mode():
            out = peer.generate(
                torch.tensor([ids]),
                do_sample=True,
                top_k=0,
                num_return_sequences=n,
                min_new_tokens=NEW_TOKENS,
                max_new_tokens=NEW_TOKENS,
                pad_token_id=2,
                **SAMPLING,
            )
        assert out.shape == (n, PROMPT_TOKENS + NEW_TOKENS)

    rates: dict[str, dict[int, list[float]]] = {"ponder": {}, "transformers": {}}
    for _ in range(repeats + 1):  # the first is a warm-up
        for n in SAMPLES:
            for name, run in (("ponder", ours), ("transformers", theirs)):
                start = time.perf_counter()
                run(n)
                rates[name].setdefault(n, []).append(n * NEW_TOKENS / (time.perf_counter() - start))
    medians = {
        name: {n: statistics.median(rows[1:]) for n, rows in by_n.items()} for name, by_n in rates.items()
    }
    write_result(
        "decode",
        ("ponder", "torch", "transformers"),
        {
            "what": f"{PROMPT_TOKENS}-token prompt, {NEW_TOKENS} new tokens a sample, float32",
            "repeats": repeats,
            "tokens_per_second": medians,
            "ratio": {
                n: statistics.median(
                    a / b for a, b in zip(rates["ponder"][n][1:], rates["transformers"][n][1:])
                )
                for n in SAMPLES
            },
        },
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
