"""aiperf, a load tester: streams, whole answers and embeddings, with the server's counts and its metrics."""

import json
from pathlib import Path
from typing import Any

from outcome import Outcome, Server
from program import finished
from tokenizer import saved_tokenizer

PACKAGES = ("aiperf==0.13.0",)
FLAGS: tuple[str, ...] = ()

PROMPT, OUTPUT, REQUESTS = 32, 12, 6
EXACT = ["--extra-inputs", "ignore_eos:true"]
SERVERS = ["--use-server-token-count"]
CASES: dict[str, tuple[str, list[str]]] = {
    "chat, streamed": ("chat", ["--streaming", *EXACT]),
    "chat, streamed, counted by the server": ("chat", ["--streaming", *SERVERS, *EXACT]),
    "chat, streamed, counted in every chunk": (
        "chat",
        ["--streaming", *SERVERS, "--per-chunk-usage", *EXACT],
    ),
    "chat, whole": ("chat", EXACT),
    "completions, streamed": ("completions", ["--streaming", *SERVERS, *EXACT]),
    "completions, whole": ("completions", EXACT),
    "embeddings": ("embeddings", []),
    "conversations of three turns": ("chat", ["--streaming", "--conversation-turn-mean", "3", *EXACT]),
    "a rate of requests": ("chat", ["--streaming", "--request-rate", "4", *EXACT]),
}


def run(server: Server, home: Path) -> list[Outcome]:
    tokenizer = saved_tokenizer(server.model, home)
    return [_case(server, home, tokenizer, name) for name in CASES]


def _case(server: Server, home: Path, tokenizer: Path, name: str) -> Outcome:
    endpoint, more = CASES[name]
    folder = home / "artifacts" / name.replace(" ", "_").replace(",", "")
    command: list[str | Path] = [server.python.with_name("aiperf"), "profile"]
    command += ["--model", server.model, "--url", server.url, "--endpoint-type", endpoint]
    command += [
        "--tokenizer",
        tokenizer,
        "--output-artifact-dir",
        folder,
        "--ui",
        "none",
        "--no-gpu-telemetry",
    ]
    command += ["--synthetic-input-tokens-mean", str(PROMPT), "--output-tokens-mean", str(OUTPUT)]
    command += ["--request-count", str(REQUESTS), "--concurrency", "2", "--workers-max", "1", *more]
    done = finished(command, limit_s=240, more={"HF_HOME": str(home / "hf")})
    report = folder / "profile_export_aiperf.json"
    wrong = f"exit status {done.returncode}: {(done.stderr or done.stdout)[-1500:]}"
    if done.returncode == 0 and report.exists():
        wrong = _wrong(json.loads(report.read_text()), endpoint)
    return Outcome(name, "failed" if wrong else "passed", wrong)


def _wrong(report: Any, endpoint: str) -> str:
    """Return what a report says that it should not, or an empty text."""
    return json.dumps(report)[:1500]
