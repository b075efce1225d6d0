"""lm-eval (EleutherAI/lm-evaluation-harness) against `ponder serve`: its numbers are the library's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tokenizers
import yaml
from transformers import PreTrainedTokenizerFast

from ponder import LM
from ponder.asks import fronts
from ponder.backends.local import LocalModel
from ponder.text import Message, TokenIds
from serving import ServeProcess

CLIENT = Path(__file__).with_name("lm_eval_client.py")
MODEL = "smollm2-135m"

QUESTIONS = (
    ("The capital of France?", ("Paris", "Berlin", "a river in Asia"), 0),
    ("The capital of Germany?", ("Paris", "Berlin", "Rome"), 1),
    ("The capital of Italy?", ("Madrid", "Oslo", "Rome"), 2),
    ("The capital of Poland?", ("Kraków", "Warsaw", "Łódź"), 1),
    ("What colour is the sky?", ("Green", "Blue", "It is the colour of old bricks."), 1),
    ("How many legs has a spider?", ("Eight", "Six", "Two"), 0),
    ("What do bees make?", ("Cheese", "Honey", "Glass"), 1),
    ("The largest planet?", ("Mars", "Jupiter", "Venus"), 1),
    ("What is frozen water?", ("Ice", "Steam", "Sand"), 0),
    ("Who wrote Hamlet?", ("William Shakespeare", "Jane Austen", "Leo Tolstoy"), 0),
    ("What is 2 + 2?", ("5", "3", "4"), 2),
    ("What is the opposite of hot?", ("Cold", "The opposite of hot is cold.", "Loud"), 0),
)
OPENINGS = ("Once upon a time", "The three primary colours are", "Water boils at", "To make bread, you need")
PASSAGES = (
    "The heron stood still in the shallow water.",
    "Rain fell on the roof all night, and by dawn\n\nit had stopped.",
)

RUNS: dict[str, dict[str, Any]] = {
    # lm-eval's default: it finds /tokenizer_info, and asks the server for all tokens.
    "the server's tokenizer": {},
    "a local tokenizer, four at once": {"tokenizer_backend": "huggingface", "num_concurrent": 4},
    "texts in batches": {"tokenizer_backend": "huggingface", "tokenized_requests": False, "batch_size": 6},
}
CHAT = "chat"
STOPS = ("\n", ".")
TOKENS = 12


def write_tasks(folder: Path) -> None:
    """Write three tasks over local files: which of several answers, how a text goes on, how likely it is."""
    shared = {
        "dataset_path": "json",
        "test_split": "test",
        "metadata": {"version": 1.0},
    }
    tasks: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
        "choices": (
            {
                "output_type": "multiple_choice",
                "doc_to_text": "Q: {{question}}\nA:",
                "doc_to_choice": "{{choices}}",
                "doc_to_target": "{{answer}}",
            },
            [{"question": q, "choices": choices, "answer": answer} for q, choices, answer in QUESTIONS],
        ),
        "openings": (
            {
                "output_type": "generate_until",
                "doc_to_text": "{{opening}}",
                "doc_to_target": "",
                "generation_kwargs": {"until": list(STOPS), "do_sample": False, "max_gen_toks": TOKENS},
                "metric_list": [{"metric": "exact_match"}],
            },
            [{"opening": opening} for opening in OPENINGS],
        ),
        "passages": (
            {
                "output_type": "loglikelihood_rolling",
                "doc_to_text": "",
                "doc_to_target": "{{passage}}",
                "metric_list": [{"metric": "bits_per_byte"}],
            },
            [{"passage": passage} for passage in PASSAGES],
        ),
    }
    for name, (task, items) in tasks.items():
        data = folder / f"{name}.jsonl"
        data.write_text("".join(json.dumps(item) + "\n" for item in items))
        files = {"dataset_kwargs": {"data_files": {"test": str(data)}}}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump({"task": name, **shared, **files, **task}))


@pytest.fixture(scope="module")
def lm(local_model: LocalModel) -> LM:
    return LM(local_model)


def save_tokenizer(lm: LM, folder: Path) -> None:
    """Write the model's tokenizer as transformers reads it; ours decodes by itself, and has no decoder."""
    inner = tokenizers.Tokenizer.from_str(lm.model.tokenizer._parsing.to_str())
    inner.decoder = tokenizers.decoders.ByteLevel()
    names = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}
    PreTrainedTokenizerFast(tokenizer_object=inner, **names).save_pretrained(folder)


@pytest.fixture(scope="module")
def evaluated(
    tmp_path_factory: pytest.TempPathFactory, serve_process: ServeProcess, lm: LM
) -> dict[str, dict[str, Any]]:
    """What lm-eval found in each of `RUNS`, and over the chat endpoint."""
    folder = tmp_path_factory.mktemp("lm_eval")
    write_tasks(folder)
    save_tokenizer(lm, folder / "tokenizer")
    runs = []
    for options in RUNS.values():
        arguments = {"model": MODEL, "base_url": f"{serve_process.url}/v1/completions", **options}
        if "tokenizer_backend" in options:
            arguments["tokenizer"] = str(folder / "tokenizer")
        tasks = ["choices", "openings"] + ([] if options else ["passages"])
        runs.append({"model": "local-completions", "model_args": arguments, "tasks": tasks})
    arguments = {"model": MODEL, "base_url": f"{serve_process.url}/v1/chat/completions", "num_concurrent": 4}
    runs.append(
        {
            "model": "local-chat-completions",
            "model_args": arguments,
            "tasks": ["openings"],
            "apply_chat_template": True,
        }
    )
    asked, answered = folder / "runs.json", folder / "results.json"
    asked.write_text(json.dumps(runs))
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(folder / "hub")}
    done = subprocess.run(
        [sys.executable, CLIENT, folder, asked, answered],
        env={**os.environ, **offline, "TOKENIZERS_PARALLELISM": "false"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "Retrying" not in done.stderr
    return dict(zip([*RUNS, CHAT], json.loads(answered.read_text()), strict=True))


def samples(run: dict[str, Any], task: str) -> list[dict[str, Any]]:
    return sorted(run["samples"][task], key=lambda sample: sample["doc_id"])


@pytest.fixture(scope="module")
def expected(lm: LM) -> list[list[tuple[float, bool]]]:
    """For each question, what the library says of each answer: log-probability, and whether it is greedy."""
    table = []
    for question, choices, _ in QUESTIONS:
        prompt = f"Q: {question}\nA:"
        scores = fronts.score(lm.model, prompt, [f" {choice}" for choice in choices]).texts
        ids = tuple(lm.model.tokenizer.encode(prompt))
        longest = max(len(score.token_ids) for score in scores)
        said = lm(TokenIds(ids), temperature=0, max_tokens=longest, ignore_eos=True).outputs[0].token_ids
        table.append([(s.logprob, said[: len(s.token_ids)] == s.token_ids) for s in scores])
    return table


@pytest.mark.parametrize("run", RUNS)
def test_multiple_choice(
    evaluated: dict[str, dict[str, Any]], expected: list[list[tuple[float, bool]]], run: str
) -> None:
    """Log-likelihoods and greedy flags of all answers, and the accuracy that follows."""
    found = [
        [(float(logprob), greedy) for ((logprob, greedy),) in sample["resps"]]
        for sample in samples(evaluated[run], "choices")
    ]
    right = []
    for row, library, (_, _, answer) in zip(found, expected, QUESTIONS, strict=True):
        logprobs = [logprob for logprob, _ in library]
        assert [logprob for logprob, _ in row] == pytest.approx(logprobs, abs=1e-3)
        assert [str(greedy) for _, greedy in row] == [str(greedy) for _, greedy in library]
        right.append(logprobs.index(max(logprobs)) == answer)
    flags = [greedy for library in expected for _, greedy in library]
    assert True in flags
    assert False in flags
    accuracy = evaluated[run]["results"]["choices"]["acc,none"]
    assert accuracy == pytest.approx(sum(right) / len(QUESTIONS))
    assert 0.3 < accuracy < 1


@pytest.fixture(scope="module")
def continued(lm: LM) -> list[str]:
    """How the library goes on after `OPENINGS`."""
    settings = {"temperature": 0, "max_tokens": TOKENS, "stop": STOPS}
    return [lm(opening, chat=False, **settings).text for opening in OPENINGS]


@pytest.mark.parametrize("run", RUNS)
def test_generate_until(evaluated: dict[str, dict[str, Any]], continued: list[str], run: str) -> None:
    """The library's greedy texts, up to where lm-eval said."""
    found = [sample["resps"][0][0] for sample in samples(evaluated[run], "openings")]
    assert found == continued
    assert any(found)


def test_rolling(evaluated: dict[str, dict[str, Any]], lm: LM) -> None:
    """The log-likelihood of a whole text after the beginning-of-text token."""
    (run, *_) = RUNS
    found = [float(sample["resps"][0][0]) for sample in samples(evaluated[run], "passages")]
    begin = TokenIds((lm.model.tokenizer.bos_id,))
    whole = [fronts.score(lm.model, begin, [passage]).texts[0].logprob for passage in PASSAGES]
    assert found == pytest.approx(whole, abs=1e-3)


def test_chat(evaluated: dict[str, dict[str, Any]], lm: LM) -> None:
    """local-chat-completions gets the library's greedy replies."""
    found = [sample["resps"][0][0] for sample in samples(evaluated[CHAT], "openings")]
    settings = {"temperature": 0, "max_tokens": TOKENS, "stop": STOPS}
    assert found == [lm([Message("user", opening)], **settings).text for opening in OPENINGS]
