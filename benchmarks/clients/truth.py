"""What transformers makes of the default model's file, in float32: what clients' answers are held to.

    python benchmarks/clients/truth.py

writes suites/programs/truth.json. Needs `pip install 'ponder-benchmarks[transformers]'`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from ponder.hub import registry

PROMPTS = (
    "a b c d e f",
    "1, 2, 3, 4, 5, 6,",
    "10, 20, 30, 40,",
)
CHATS = (
    [{"role": "user", "content": "Who wrote Romeo and Juliet?"}],
    [
        {"role": "system", "content": "You answer briefly."},
        {"role": "user", "content": "What colour is the sky on a clear day?"},
    ],
)
TEXTS = ("The cat sat on the mat.", "A kitten was sitting on a rug.", "def f(x): return x ** 2")
QUESTIONS = (
    ("The capital of France?", ("Paris", "Berlin", "a river in Asia"), 0),
    ("The capital of Poland?", ("Kraków", "Warsaw", "Łódź"), 1),
    ("What colour is the sky?", ("Green", "Blue", "It is the colour of old bricks."), 1),
    ("How many legs has a spider?", ("Eight", "Six", "Two"), 0),
    ("What do bees make?", ("Cheese", "Honey", "Glass"), 1),
    ("What is 2 + 2?", ("5", "3", "4"), 2),
)
PASSAGES = (
    "The heron stood still in the shallow water.",
    "Rain fell on the roof all night, and by dawn\n\nit had stopped.",
)
TOKENS = 8
MARGIN = 0.35  # nats: nearer tokens may change places where activations are rounded to 8 bits


def main() -> None:
    path = registry.cache_dir() / "models" / f"{registry.DEFAULT_MODEL}.gguf"
    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    model: Any = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    model.eval()

    @torch.inference_mode()
    def greedy(ids: list[int]) -> dict[str, Any]:
        written, logprobs, margins = list(ids), [], []
        for _ in range(TOKENS):
            row = model(torch.tensor([written])).logits[0, -1].double().log_softmax(-1)
            best = row.topk(2)
            logprobs.append(round(best.values[0].item(), 4))
            margins.append(round((best.values[0] - best.values[1]).item(), 4))
            written.append(int(best.indices[0]))
            if written[-1] == tokenizer.convert_tokens_to_ids("<|im_end|>"):
                break
        new = written[len(ids) :]
        if min(margins) < MARGIN:
            raise SystemExit(f"two tokens are {min(margins)} nats apart in {tokenizer.decode(written)!r}")
        return {
            "token_ids": new,
            "text": tokenizer.decode(new, skip_special_tokens=True),
            "logprobs": logprobs,
            "smallest_margin": min(margins),
        }

    @torch.inference_mode()
    def scored(ids: list[int]) -> list[float]:
        rows = model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
        return [round(rows[i, ids[i + 1]].item(), 4) for i in range(len(ids) - 1)]

    @torch.inference_mode()
    def vector(text: str) -> torch.Tensor:
        states: torch.Tensor = (
            model.model(torch.tensor([tokenizer.encode(text)])).last_hidden_state[0].double().mean(0)
        )
        unit: torch.Tensor = states / states.norm()
        return unit

    def chat(messages: list[dict[str, str]]) -> list[int]:
        text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        ids: list[int] = tokenizer.encode(text, add_special_tokens=False)
        return ids

    def after(context: str, continuation: str) -> float:
        """Return the log-probability of a continuation that is cut into tokens with its context."""
        known = len(tokenizer.encode(context))
        return round(sum(scored(tokenizer.encode(context + continuation))[known - 1 :]), 4)

    vectors = [vector(text) for text in TEXTS]
    truth = {
        "model": registry.DEFAULT_MODEL,
        "prompts": [
            {"prompt": text, "prompt_ids": ids, "prompt_logprobs": scored(ids), **greedy(ids)}
            for text in PROMPTS
            for ids in [tokenizer.encode(text)]
        ],
        "chats": [
            {"messages": messages, "prompt_tokens": len(chat(messages)), **greedy(chat(messages))}
            for messages in CHATS
        ],
        "questions": [
            {
                "question": question,
                "choices": choices,
                "answer": answer,
                "logprobs": [after(f"Q: {question}\nA:", f" {choice}") for choice in choices],
            }
            for question, choices, answer in QUESTIONS
        ],
        "passages": [
            {
                "passage": text,
                "logprob": round(sum(scored([tokenizer.bos_token_id, *tokenizer.encode(text)])), 4),
            }
            for text in PASSAGES
        ],
        "texts": [{"text": text, "tokens": len(tokenizer.encode(text))} for text in TEXTS],
        "cosines": [[round(float(one @ other), 4) for other in vectors] for one in vectors],
    }
    target = Path(__file__).parent / "suites" / "programs" / "truth.json"
    target.write_text(json.dumps(truth, indent=1) + "\n")
    print(target)


if __name__ == "__main__":
    main()
