"""lm-eval (EleutherAI/lm-evaluation-harness), its three kinds of request and both of its OpenAI models.

The tasks are files of our own, since the hub's data sets are elsewhere; the numbers are transformers'.
"""

import json
from pathlib import Path
from typing import Any

from outcome import Outcome, Server
from program import OFFLINE, PROGRAMS, finished, of_command
from tokenizer import saved_tokenizer

PACKAGES = ("lm-eval[api]==0.4.13", "transformers==5.24.0")
FLAGS: tuple[str, ...] = ()

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
    tasks = home / "tasks"
    _write_tasks(tasks)
    environment = OFFLINE | {"HF_HOME": str(home / "hf")}
    program: list[str | Path] = [server.python, PROGRAMS / "lm_eval_python.py", server.url, server.model]
    program += [tasks, saved_tokenizer(server.model, home)]
    outcomes = of_command(program, limit_s=300, more=environment)
    return [
        *outcomes,
        _command(server, server.model, tasks, environment),
        _unknown(server, tasks, environment),
    ]


def _write_tasks(folder: Path) -> None:
    truth = json.loads((PROGRAMS / "truth.json").read_text())
    items = {
        "choices": truth["questions"],
        "openings": truth["prompts"],
        "passages": truth["passages"],
        "chats": truth["chats"][:1],  # the other has a system prompt
    }
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


def _lm_eval(server: Server, model: str, tasks: Path, environment: dict[str, str]) -> tuple[int, str, str]:
    """Run the command; return its exit status, its standard output and its errors."""
    command: list[str | Path] = [server.python, "-m", "lm_eval", "run", "--model", "local-completions"]
    command += ["--model_args", f"model={model}", f"base_url={server.url}/v1/completions", "max_retries=1"]
    command += ["--tasks", "openings", "--include_path", tasks, "--limit", "3"]
    done = finished(command, limit_s=200, more=environment)
    return done.returncode, done.stdout, done.stderr


def _command(server: Server, model: str, tasks: Path, environment: dict[str, str]) -> Outcome:
    """The command line: all texts are those that transformers writes."""
    status, table, errors = _lm_eval(server, model, tasks, environment)
    rows = [
        [cell.strip() for cell in line.split("|")] for line in table.splitlines() if "exact_match" in line
    ]
    exact = status == 0 and len(rows) == 1 and bool({"1", "1.0000"} & set(rows[0][6:9]))
    wrong = "" if exact else f"exit status {status}: {rows} {errors[-1500:]}"
    return Outcome("the command line", "failed" if wrong else "passed", wrong)


def _unknown(server: Server, tasks: Path, environment: dict[str, str]) -> Outcome:
    """An unknown model's name ends the run with the server's words."""
    status, table, errors = _lm_eval(server, "gpt-17", tasks, environment)
    told = status != 0 and "there is no model 'gpt-17' here" in table + errors
    wrong = "" if told else f"exit status {status}: {errors[-1500:]}"
    return Outcome("an unknown model is told in the server's words", "failed" if wrong else "passed", wrong)
