"""lm-eval (EleutherAI/lm-evaluation-harness), its three kinds of request and both of its OpenAI models.

The tasks are files of our own, since the hub's data sets are elsewhere; the numbers are transformers'.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outcome import Outcome, Server
from program import OFFLINE, PROGRAMS, finished
from tokenizer import saved_tokenizer

PACKAGES = ("lm-eval[api]==0.4.13", "transformers==5.24.0")
FLAGS: tuple[str, ...] = ()

NEAR = 0.35  # nats for each token: the file's weights are of four bits, and computed in other ways
TASKS: dict[str, dict[str, Any]] = {
    "choices": {
        "output_type": "multiple_choice",
        "doc_to_text": "Q: {{question}}\nA:",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": "{{answer}}",
    },
    "openings": {
        "output_type": "generate_until",
        "doc_to_text": "{{prompt}}",
        "doc_to_target": "{{text}}",
        "generation_kwargs": {"until": ["<nowhere>"], "do_sample": False, "max_gen_toks": 8},
        "metric_list": [{"metric": "exact_match"}],
    },
    "passages": {
        "output_type": "loglikelihood_rolling",
        "doc_to_text": "",
        "doc_to_target": "{{passage}}",
        "metric_list": [{"metric": "bits_per_byte"}],
    },
    "chats": {
        "output_type": "generate_until",
        "doc_to_text": "{{messages[-1].content}}",
        "doc_to_target": "{{text}}",
        "generation_kwargs": {"until": ["<nowhere>"], "do_sample": False, "max_gen_toks": 8},
        "metric_list": [{"metric": "exact_match"}],
    },
}


@dataclass(frozen=True, slots=True)
class Case:
    """One run of lm-eval: with which of its models, over which tasks, how many items of each."""

    name: str
    model: str
    arguments: dict[str, Any]
    tasks: tuple[str, ...]
    most: int = 100
    flags: tuple[str, ...] = ()


def run(server: Server, home: Path) -> list[Outcome]:
    items = _items()
    _write_tasks(items, home / "tasks")
    completions = {"model": server.model, "base_url": f"{server.url}/v1/completions"}
    chat = {"model": server.model, "base_url": f"{server.url}/v1/chat/completions"}
    tokenizer = {"tokenizer_backend": "huggingface", "tokenizer": str(saved_tokenizer(server.model, home))}
    raw = ("choices", "openings", "passages")
    many = tokenizer | {"num_concurrent": 4}
    texts = tokenizer | {"tokenized_requests": False}
    cases = (
        Case("the server's tokenizer", "local-completions", completions, raw),
        Case("a local tokenizer, four at once", "local-completions", completions | many, raw, most=2),
        Case("texts", "local-completions", completions | texts, raw[:2], flags=("--batch_size", "6")),
        Case("chat", "local-chat-completions", chat, ("chats",), flags=("--apply_chat_template",)),
    )
    outcomes = [outcome for case in cases for outcome in _outcomes(server, case, items, home)]
    return [*outcomes, _unknown(server, completions | {"model": "gpt-17", "max_retries": 1}, home)]


def _items() -> dict[str, list[dict[str, Any]]]:
    truth = json.loads((PROGRAMS / "truth.json").read_text())
    return {
        "choices": truth["questions"],
        "openings": truth["prompts"],
        "passages": truth["passages"],
        "chats": truth["chats"][:1],  # the other has a system prompt
    }


def _write_tasks(items: Mapping[str, Sequence[Mapping[str, Any]]], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name, task in TASKS.items():
        data = folder / f"{name}.jsonl"
        data.write_text("".join(json.dumps(item) + "\n" for item in items[name]))
        described = {
            "task": name,
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": str(data)}},
            "test_split": "test",
            "metadata": {"version": 1.0},
            **task,
        }
        (folder / f"{name}.yaml").write_text(json.dumps(described))  # JSON is YAML


def _outcomes(
    server: Server, case: Case, items: Mapping[str, Sequence[Any]], home: Path
) -> Iterator[Outcome]:
    """Run lm-eval and yield what came of each task."""
    folder = home / "samples"
    shutil.rmtree(folder, ignore_errors=True)
    done = _run(server, case, home, "--log_samples", "--output_path", str(folder))
    for task in case.tasks:
        wrong = done.stderr[-1500:] if done.returncode else ""
        if not wrong:
            samples = _samples(folder, task)
            expected = min(case.most, len(items[task]))
            wrong = next(filter(None, map(_wrong, samples)), "")
            if len(samples) != expected:
                wrong = f"{len(samples)} samples, and not {expected}"
        yield Outcome(f"{case.name}: {task}", "failed" if wrong else "passed", wrong)


def _run(server: Server, case: Case, home: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    command: list[str | Path] = [server.python, "-m", "lm_eval", "run", "--model", case.model]
    command += ["--model_args", *(f"{name}={value}" for name, value in case.arguments.items())]
    command += ["--tasks", *case.tasks, "--include_path", home / "tasks", "--limit", str(case.most)]
    environment = OFFLINE | {"HF_HOME": str(home / "hf")}
    return finished([*command, *case.flags, *more], limit_s=300, more=environment)


def _samples(folder: Path, task: str) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for path in folder.rglob(f"samples_{task}_*.jsonl")
        for line in path.read_text().splitlines()
    ]


def _wrong(sample: Mapping[str, Any]) -> str:
    """Return where a sample is not what transformers computed, which its item tells, or an empty text."""
    item = sample["doc"]
    if "choices" in item:
        for (value, _), true, choice in zip(
            (response[0] for response in sample["resps"]), item["logprobs"], item["choices"], strict=True
        ):
            if abs(float(value) - true) > NEAR * (1 + len(choice) / 3):
                return f"{item['question']} {choice}: {value} is not near {true}"
        return ""
    found = sample["resps"][0][0]
    if "passage" in item:
        near = abs(float(found) - item["logprob"]) <= NEAR * 10
        return "" if near else f"{item['passage']!r}: {found} is not near {item['logprob']}"
    return "" if found == item["text"] else f"{found!r} is not {item['text']!r}"


def _unknown(server: Server, arguments: dict[str, Any], home: Path) -> Outcome:
    """An unknown model's name ends the run with the server's words."""
    done = _run(server, Case("", "local-completions", arguments, ("openings",)), home)
    known = done.returncode != 0 and "there is no model 'gpt-17' here" in done.stderr + done.stdout
    wrong = "" if known else f"exit status {done.returncode}: {done.stderr[-1500:]}"
    return Outcome("an unknown model is told in the server's words", "failed" if wrong else "passed", wrong)
