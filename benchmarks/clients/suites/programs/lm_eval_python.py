"""What users of lm-eval's library write: its two OpenAI models, three kinds of task, other tokenizers.

The third argument is a folder of task files, the fourth the folder of a tokenizer.
"""

from __future__ import annotations

import sys
from typing import Any

import lm_eval
from checks import BASE, MODEL, TRUTH, check, main
from lm_eval.tasks import TaskManager

TASKS, TOKENIZER = sys.argv[3:5]
NEAR = 0.35  # nats for each token: the file's weights are of four bits, and computed in other ways
COMPLETIONS: dict[str, Any] = {"model": MODEL, "base_url": f"{BASE}/completions"}
LOCAL = COMPLETIONS | {"tokenizer_backend": "huggingface", "tokenizer": TOKENIZER}
MANAGER = TaskManager(include_path=TASKS, include_defaults=False)


def samples(model: str, arguments: dict[str, Any], task: str, **options: Any) -> list[dict[str, Any]]:
    """Return what lm-eval found for each item of a task."""
    result: Any = lm_eval.simple_evaluate(
        model, model_args=arguments, tasks=[task], task_manager=MANAGER, bootstrap_iters=0, **options
    )
    return list(result["samples"][task])


def choices(found: list[dict[str, Any]], most: int = 100) -> None:
    """Hold log-likelihoods of choices to those that transformers computes."""
    assert len(found) == min(most, len(TRUTH["questions"])), found
    for sample in found:
        item = sample["doc"]
        for response, true, choice in zip(sample["resps"], item["logprobs"], item["choices"], strict=True):
            ((value, _),) = response
            near = abs(float(value) - true) <= NEAR * (1 + len(choice) / 3)
            assert near, f"{item['question']} {choice}: {value} is not near {true}"


def texts(found: list[dict[str, Any]], expected: int) -> None:
    """Hold greedy texts to those that transformers writes."""
    assert len(found) == expected, found
    for sample in found:
        ((text,),) = sample["resps"]
        assert text == sample["doc"]["text"], f"{text!r} is not {sample['doc']['text']!r}"


@check("choices, by the server's tokenizer")
def choices_remote() -> None:
    choices(samples("local-completions", COMPLETIONS, "choices"))


@check("texts, by the server's tokenizer")
def texts_remote() -> None:
    texts(samples("local-completions", COMPLETIONS, "openings"), len(TRUTH["prompts"]))


@check("rolling log-likelihoods, by the server's tokenizer")
def passages() -> None:
    found = samples("local-completions", COMPLETIONS, "passages")
    assert len(found) == len(TRUTH["passages"])
    for sample in found:
        value, true = float(sample["resps"][0][0]), sample["doc"]["logprob"]
        assert abs(value - true) <= NEAR * 10, f"{value} is not near {true}"


@check("choices, by a local tokenizer, four requests at once, a limit of two")
def choices_local() -> None:
    choices(samples("local-completions", LOCAL | {"num_concurrent": 4}, "choices", limit=2), 2)


@check("choices and texts that are sent as texts, in batches")
def batches() -> None:
    arguments = LOCAL | {"tokenized_requests": False}
    choices(samples("local-completions", arguments, "choices", batch_size=6))
    texts(samples("local-completions", arguments, "openings", batch_size=6), len(TRUTH["prompts"]))


@check("texts of a chat")
def chats() -> None:
    arguments = {"model": MODEL, "base_url": f"{BASE}/chat/completions"}
    texts(samples("local-chat-completions", arguments, "chats", apply_chat_template=True), 1)


if __name__ == "__main__":
    main()
