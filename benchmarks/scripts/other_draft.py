"""What a draft model that is another model gains in ponder, llama.cpp and transformers, on the same files.

    python benchmarks/scripts/other_draft.py [ROUNDS] [SYSTEM ...]

qwen2.5-coder-0.5b drafts for qwen2.5-coder-1.5b: greedily and at temperature 0.8, for one request at a time
and for eight at once. The systems take turns, a process each, and each is measured against itself without a
draft. ponder is asked for several numbers of guesses, with room for all of them (`speculation_rows`), and,
for eight at once, as it comes; llama.cpp for LLAMA_GUESSES; transformers decides by itself how many, and
takes one request at a time. All get the same token ids and write TOKENS tokens without an end. What is
timed is decoding: prompts have been computed before, but nothing that ponder wrote in an earlier round is
known to it. ponder's texts must be those without a draft, token for token.

SYSTEMs are ponder, llama.cpp and transformers; all of them by default. Needs `pip install xllamacpp`
(llama.cpp with its server, as a module) and 'ponder[test]' (transformers, with both models in float32: 9 GB).
"""

import asyncio
import json
import multiprocessing
import os
import statistics
import sys
import time
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

os.environ.setdefault("GOMP_SPINCOUNT", "10000")

import torch

import ponder
from machine import write_result
from ponder.backends.local import load_local
from ponder.checkpoints import open_checkpoint
from ponder.engine import EngineLimits
from ponder.hub import registry
from ponder.text import TokenIds, build_tokenizer

MODEL, DRAFT = "qwen2.5-coder-1.5b", "qwen2.5-coder-0.5b"
TASKS = (
    "Write a Python function that returns the n-th Fibonacci number.",
    "Write a Python function that checks whether a string is a palindrome, and explain it.",
    "Explain in two paragraphs what a hash table is.",
    "Write a C function that reverses a linked list.",
    "Write a SQL query that finds the three customers who spent most.",
    "Write a JavaScript function that removes duplicates from an array.",
    "Why does binary search need a sorted list?",
    "Write a Python class for a bank account with deposit and withdraw.",
)
PROMPT = "<|im_start|>user\n{task}<|im_end|>\n<|im_start|>assistant\n"
ONE_BY_ONE, TOKENS, THREADS = 3, 32, 2
PACKAGES = {"ponder": "ponder", "llama.cpp": "xllamacpp", "transformers": "transformers"}
OWN = -1  # as many guesses as the system makes by itself
ONE_GUESSES, GUESSES_AT_ONCE, LLAMA_GUESSES = (0, 2, 3, 4, 6), (0, OWN, 2, 4), (0, 3)
CASES = [(temperature, at_once) for at_once in (1, len(TASKS)) for temperature in (0.0, 0.8)]


@dataclass(frozen=True)
class Run:
    """The texts of a case, the tokens and seconds that were timed, and how many guesses were right."""

    texts: list[list[int]]
    tokens: int
    seconds: float
    proposed: int
    accepted: int


class Ponder:
    """Our engine."""

    def __init__(self) -> None:
        self.model = load_local(MODEL, draft=DRAFT, device="cpu")
        self.lm = ponder.LM(self.model)

    def write(
        self, prompts: list[list[int]], guesses: int, temperature: float, at_once: bool, tokens: int
    ) -> Run:
        """Write a text after each prompt."""
        draft = ponder.DraftModel() if guesses == OWN else ponder.DraftModel(max(guesses, 1))
        decoder: Any = ponder.Speculative(draft) if guesses else None
        rows = len(prompts) * (1 + guesses)
        self.set_limits(EngineLimits(speculation_rows=rows) if guesses > 0 else EngineLimits())
        options = {"temperature": temperature, "ignore_eos": True, "decoder": decoder}

        async def one(seed: int, length: int) -> ponder.Completion:
            prompt = TokenIds(tuple(prompts[seed]))
            return await self.lm.agenerate(prompt, seed=seed, max_tokens=length, **options)

        async def all_of_them(length: int) -> list[ponder.Completion]:
            if at_once:
                return list(await asyncio.gather(*(one(seed, length) for seed in range(len(prompts)))))
            return [await one(seed, length) for seed in range(len(prompts))]

        self.forget()
        asyncio.run(all_of_them(3))  # both models compute the prompts
        start = time.perf_counter()
        answers = asyncio.run(all_of_them(tokens))
        seconds = time.perf_counter() - start
        texts = [list(answer.outputs[0].token_ids) for answer in answers]
        proposed = sum(answer.usage.proposed_tokens for answer in answers)
        accepted = sum(answer.usage.accepted_tokens for answer in answers)
        return Run(texts, sum(map(len, texts)), seconds, proposed, accepted)

    def set_limits(self, limits: EngineLimits) -> None:
        """Let the engine do so much at once from now on."""
        scheduler = self.model.engine.scheduler
        self.model.loop.call(partial(setattr, scheduler, "limits", limits)).result()

    def forget(self) -> None:
        """Empty the prefix caches."""
        engine = self.model.engine
        assert engine.drafter is not None
        for seat in (engine.policy, engine.drafter.seat):
            self.model.loop.call(partial(seat.tree.evict, seat.pool.num_pages)).result()


class Llama:
    """llama.cpp's own server, one for each number of guesses."""

    def __init__(self) -> None:
        xllamacpp = import_module("xllamacpp")
        self.servers = {
            guesses: xllamacpp.Server(self.params(xllamacpp, guesses)) for guesses in LLAMA_GUESSES
        }

    def params(self, lib: Any, guesses: int) -> Any:
        """Describe a server with a slot for each prompt."""
        params = lib.CommonParams()
        params.model.path = str(registry.resolve(MODEL))
        params.n_parallel = len(TASKS)
        params.n_ctx = 512 * len(TASKS)
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = THREADS
        params.verbosity = -1
        if guesses:
            draft = params.speculative.draft
            draft.mparams.path = str(registry.resolve(DRAFT))
            draft.cpuparams.n_threads = draft.cpuparams_batch.n_threads = THREADS
            draft.n_max = guesses
            params.speculative.types = [lib.common_speculative_type.COMMON_SPECULATIVE_TYPE_DRAFT_SIMPLE]
        return params

    def write(
        self, prompts: list[list[int]], guesses: int, temperature: float, at_once: bool, tokens: int
    ) -> Run:
        """Write a text after each prompt."""

        def one(seed: int, length: int) -> dict[str, Any]:
            asked = {
                "prompt": prompts[seed],
                "id_slot": seed,
                "seed": seed,
                "n_predict": length,
                "temperature": temperature,
                "samplers": ["temperature"],
                "ignore_eos": True,
                "cache_prompt": True,
                "return_tokens": True,
            }
            url = f"{self.servers[guesses].listening_address}/completion"
            with urllib.request.urlopen(url, json.dumps(asked).encode()) as answer:
                told: dict[str, Any] = json.load(answer)
            return told

        with ThreadPoolExecutor(len(prompts) if at_once else 1) as threads:
            list(threads.map(partial(one, length=1), range(len(prompts))))
            start = time.perf_counter()
            answers = list(threads.map(partial(one, length=tokens), range(len(prompts))))
            seconds = time.perf_counter() - start
        texts = [answer["tokens"] for answer in answers]
        timings = [answer["timings"] for answer in answers]
        proposed = sum(timing.get("draft_n", 0) for timing in timings)
        accepted = sum(timing.get("draft_n_accepted", 0) for timing in timings)
        return Run(texts, sum(map(len, texts)), seconds, proposed, accepted)


class Transformers:
    """transformers' `generate`, both models dequantised to float32."""

    def __init__(self) -> None:
        from transformers import AutoModelForCausalLM

        def load(name: str) -> Any:
            path = registry.resolve(name)
            model: Any = AutoModelForCausalLM.from_pretrained(
                path.parent, gguf_file=path.name, dtype=torch.float32
            )
            return model.eval()

        self.model, self.draft = load(MODEL), load(DRAFT)
        self.widths: list[int] = []
        self.model.register_forward_pre_hook(self.count, with_kwargs=True)
        self.times: list[tuple[float, int]] = []  # when tokens came, and how many

    def count(self, _model: Any, _args: Any, options: dict[str, Any]) -> None:
        """Note how many tokens a pass of the model computes."""
        self.widths.append(options["input_ids"].shape[1])

    def put(self, tokens: torch.Tensor) -> None:
        """Take tokens as they come, the prompt first: `generate` calls this."""
        self.times.append((time.perf_counter(), tokens.numel()))

    def end(self) -> None:
        """Take the end: `generate` calls this."""

    def write(
        self, prompts: list[list[int]], guesses: int, temperature: float, at_once: bool, tokens: int
    ) -> Run:
        """Write a text after each prompt; what is timed begins when the first tokens have come."""
        assert not at_once, "assisted decoding takes one request at a time"
        sampling = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
        texts, timed, seconds, proposed, accepted = [], 0, 0.0, 0, 0
        for seed, prompt in enumerate(prompts):
            torch.manual_seed(seed)
            self.times, self.widths = [], []
            ids = torch.tensor([prompt])
            out = self.model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=tokens,
                eos_token_id=None,
                pad_token_id=0,
                streamer=self,
                assistant_model=self.draft if guesses else None,
                **(sampling if temperature else {"do_sample": False}),
            )
            texts.append(out[0, len(prompt) :].tolist())
            timed += sum(count for _, count in self.times[2:])
            seconds += self.times[-1][0] - self.times[1][0]
            proposed += sum(self.widths) - len(self.widths) - (len(prompt) - 1)
            accepted += len(texts[-1]) - len(self.widths)
        return Run(texts, timed, seconds, proposed, accepted)


worker: Any = None  # of a worker process


def start(system: type) -> None:
    """Make a worker process's system."""
    global worker
    torch.set_num_threads(THREADS)
    worker = system()


def write(*asked: Any) -> Run:
    """Let a worker process write."""
    done: Run = worker.write(*asked)
    return done


def figures(plain: Sequence[Run], drafted: Sequence[Run]) -> dict[str, Any]:
    """Summarise a setting's rounds beside those without a draft."""
    one = drafted[0]
    ratios = [b.tokens / b.seconds / (a.tokens / a.seconds) for a, b in zip(plain, drafted, strict=True)]
    written = sum(map(len, one.texts))
    return {
        "tokens_per_second": [round(run.tokens / run.seconds, 2) for run in drafted],
        "speed_up": round(statistics.median(ratios), 3),
        "speed_up_least": round(min(ratios), 3),
        "speed_up_most": round(max(ratios), 3),
        "proposed_tokens": one.proposed,
        "accepted_share": round(one.accepted / one.proposed, 3) if one.proposed else None,
        "tokens_per_text_and_pass": round(written / (written - one.accepted), 3),
        "texts_as_without_draft": sum(a == b for a, b in zip(plain[0].texts, one.texts, strict=True)),
    }


def main(rounds: int, chosen: Sequence[str]) -> None:
    """Measure and write the results."""
    checkpoint = open_checkpoint(MODEL)
    tokenizer = build_tokenizer(checkpoint.vocabulary, checkpoint.special, checkpoint.config.vocab_size)
    prompts = [tokenizer.encode(PROMPT.format(task=task), parse_special=True) for task in TASKS]
    systems: dict[str, tuple[type, Sequence[int], Sequence[int]]] = {  # with guesses for one, and for several
        "ponder": (Ponder, ONE_GUESSES, GUESSES_AT_ONCE),
        "llama.cpp": (Llama, LLAMA_GUESSES, LLAMA_GUESSES),
        "transformers": (Transformers, (0, OWN), ()),
    }
    context = multiprocessing.get_context("spawn")
    pools = {name: ProcessPoolExecutor(1, context, start, (systems[name][0],)) for name in chosen}
    for name, pool in pools.items():  # to load and to warm up
        for guesses in systems[name][1]:
            pool.submit(write, prompts[:1], guesses, 0.0, False, 4).result()
    runs: dict[tuple[str, float, int, int], list[Run]] = {}
    for _ in range(rounds):
        for temperature, at_once in CASES:
            given = prompts if at_once > 1 else prompts[:ONE_BY_ONE]
            for name, pool in pools.items():
                _, one, several = systems[name]
                for guesses in one if at_once == 1 else several:
                    run = pool.submit(write, given, guesses, temperature, at_once > 1, TOKENS).result()
                    runs.setdefault((name, temperature, at_once, guesses), []).append(run)
                    print(name, temperature, at_once, guesses, round(run.seconds, 2), file=sys.stderr)
    for (name, temperature, at_once, _), done in runs.items():
        if name == "ponder":
            plain = runs[name, temperature, at_once, 0][0]
            assert all(run.texts == plain.texts for run in done), "a draft changed a text"
    found: dict[str, Any] = {}
    for (name, temperature, at_once, guesses), done in runs.items():
        case = found.setdefault(f"temperature {temperature:g}, {at_once} at once", {}).setdefault(name, {})
        label = {0: "no draft", OWN: "guesses as it comes"}.get(guesses, f"{guesses} guesses")
        case[label] = figures(runs[name, temperature, at_once, 0], done)
    write_result(
        "other_draft",
        ("torch", *(PACKAGES[name] for name in chosen)),
        {
            "what": f"{MODEL} drafted by {DRAFT}, {TOKENS} tokens a text, after cached prompts",
            "texts": {"1 at once": ONE_BY_ONE, f"{len(TASKS)} at once": len(TASKS)},
            "instruction_set": ponder.kernels.native.instruction_set(),
            "threads": THREADS,
            "rounds": rounds,
            "cases": found,
        },
    )


if __name__ == "__main__":
    names = sys.argv[2:] or ["ponder", "llama.cpp", "transformers"]
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3, names)
