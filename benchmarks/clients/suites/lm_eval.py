"""lm-eval (EleutherAI/lm-evaluation-harness), its three kinds of request and both of its OpenAI models.

The tasks are files of our own, since the hub's data sets are elsewhere; the numbers are transformers'.
"""

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from outcome import Outcome, Server
from program import PROGRAMS, finished
from tokenizer import saved_tokenizer

PACKAGES = ("lm-eval[api]==0.4.13",)
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


def run(server: Server, home: Path) -> list[Outcome]:
    truth = json.loads((PROGRAMS / "truth.json").read_text())
    _write_tasks(truth, home / "tasks")
    completions = {"model": server.model, "base_url": f"{server.url}/v1/completions"}
    local = {
        **completions,
        "tokenizer_backend": "huggingface",
        "tokenizer": str(saved_tokenizer(server.model, home)),
    }
    chat = {"model": server.model, "base_url": f"{server.url}/v1/chat/completions"}
    raw = ["choices", "openings", "passages"]
    runs: list[tuple[str, str, dict[str, Any], list[str], list[str]]] = [
        ("the server's tokenizer", "local-completions", completions, raw, []),
        (
            "a local tokenizer, four at once",
            "local-completions",
            local | {"num_concurrent": 4},
            raw,
            [],
        ),
        (
            "texts in batches",
            "local-completions",
            local | {"tokenized_requests": False},
            ["choices", "openings"],
            ["--batch_size", "6"],
        ),
        ("chat", "local-chat-completions", chat, ["chats"], ["--apply_chat_template"]),
    ]
    outcomes = []
    for name, model, arguments, tasks, more in runs:
        folder = home / "samples" / name.replace(" ", "_").replace(",", "").replace("'", "")
        failure = _evaluate(server, model, arguments, tasks, more, home, folder)
        for task in tasks:
            wrong = failure or _wrong(task, _samples(folder, task), truth)
            outcomes.append(Outcome(f"{name}: {task}", "failed" if wrong else "passed", wrong))
    outcomes.append(_limited(server, completions, home))
    outcomes.append(_unknown(server, completions, home))
    return outcomes


def _write_tasks(truth: Mapping[str, Any], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    items = {
        "choices": truth["questions"],
        "openings": truth["prompts"],
        "passages": truth["passages"],
        "chats": truth["chats"][:1],  # the other has a system prompt
    }
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


def _run(
    server: Server,
    model: str,
    arguments: Mapping[str, Any],
    tasks: Sequence[str],
    more: Sequence[str],
    home: Path,
) -> "subprocess.CompletedProcess[str]":
    command: list[str | Path] = [server.python, "-m", "lm_eval", "run", "--model", model]
    command += ["--model_args", *(f"{name}={value}" for name, value in arguments.items())]
    command += ["--tasks", *tasks, "--include_path", home / "tasks", *more]
    return finished(command, limit_s=300, more={"HF_HOME": str(home / "hf")})


def _evaluate(
    server: Server,
    model: str,
    arguments: Mapping[str, Any],
    tasks: Sequence[str],
    more: Sequence[str],
    home: Path,
    folder: Path,
) -> str:
    """Run lm-eval; samples come below `folder`. Return what went wrong, or an empty text."""
    for old in folder.rglob("*.json*"):
        old.unlink()
    done = _run(server, model, arguments, tasks, [*more, "--log_samples", "--output_path", str(folder)], home)
    return "" if done.returncode == 0 else done.stderr[-1500:]


def _samples(folder: Path, task: str) -> list[dict[str, Any]]:
    found = [
        json.loads(line)
        for path in folder.rglob(f"samples_{task}_*.jsonl")
        for line in path.read_text().splitlines()
    ]
    return sorted(found, key=lambda sample: int(sample["doc_id"]))


def _wrong(task: str, samples: Sequence[Mapping[str, Any]], truth: Mapping[str, Any]) -> str:
    """Return where lm-eval's samples are not transformers' figures, or an empty text."""
    if task == "choices":
        for sample, one in zip(samples, truth["questions"], strict=True):
            found = [float(response[0][0]) for response in sample["resps"]]
            for value, true, choice in zip(found, one["logprobs"], one["choices"], strict=True):
                if abs(value - true) > NEAR * (1 + len(choice) / 3):
                    return f"{one['question']} {choice}: {value} is not near {true}"
        return ""
    if task == "passages":
        for sample, one in zip(samples, truth["passages"], strict=True):
            value = float(sample["resps"][0][0])
            if abs(value - one["logprob"]) > NEAR * 10:
                return f"{one['passage']!r}: {value} is not near {one['logprob']}"
        return ""
    expected = truth["prompts"] if task == "openings" else truth["chats"][:1]
    for sample, one in zip(samples, expected, strict=True):
        if sample["resps"][0][0] != one["text"]:
            return f"{sample['resps'][0][0]!r} is not {one['text']!r}"
    return ""


def _limited(server: Server, completions: Mapping[str, Any], home: Path) -> Outcome:
    """--limit, --num_fewshot and generation settings of the command line."""
    more = ["--limit", "2", "--num_fewshot", "0", "--gen_kwargs", "temperature=0.7", "top_p=0.9"]
    done = _run(server, "local-completions", completions, ["openings"], more, home)
    wrong = (
        "" if done.returncode == 0 and "exact_match" in done.stdout else done.stderr[-1500:] or done.stdout
    )
    return Outcome("a limit and settings of sampling", "failed" if wrong else "passed", wrong)


def _unknown(server: Server, completions: Mapping[str, Any], home: Path) -> Outcome:
    """An unknown model's name ends the run with the server's words."""
    arguments = {**completions, "model": "gpt-17", "tokenizer": server.model, "max_retries": 1}
    done = _run(server, "local-completions", arguments, ["openings"], [], home)
    known = done.returncode != 0 and "there is no model 'gpt-17' here" in done.stderr + done.stdout
    return Outcome(
        "an unknown model is told in the server's words",
        "passed" if known else "failed",
        "" if known else done.stderr[-1500:],
    )
