"""aiperf, a load tester: streams, whole answers, conversations and embeddings.

It also reads the server's /metrics.
"""

import json
from pathlib import Path
from typing import Any

from outcome import Outcome, Server
from program import finished
from tokenizer import saved_tokenizer

PACKAGES = ("aiperf==0.13.0",)
FLAGS: tuple[str, ...] = ()

PROMPT, OUTPUT, REQUESTS = 32, 12, 6
SERVERS = "--use-server-token-count"
EXACT = ["--extra-inputs", "ignore_eos:true"]
CASES: dict[str, tuple[str, list[str]]] = {
    "chat, streamed, counted by the server in every chunk": (
        "chat",
        ["--streaming", SERVERS, "--per-chunk-usage", *EXACT],
    ),
    "completions, streamed, counted by the client": ("completions", ["--streaming", *EXACT]),
    "chat of three turns, whole, at a rate": (
        "chat",
        ["--conversation-turn-mean", "3", "--request-rate", "4", SERVERS, *EXACT],
    ),
    "embeddings": ("embeddings", []),
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
        wrong = _wrong(json.loads(report.read_text()), exact=SERVERS in more, texts=endpoint != "embeddings")
    return Outcome(name, "failed" if wrong else "passed", wrong)


def _wrong(report: Any, *, exact: bool, texts: bool) -> str:
    """Return what a report says that it should not, or an empty text."""
    told = {
        name: value["avg"] for name, value in report.items() if isinstance(value, dict) and "avg" in value
    }
    if report["error_summary"] or told["completed_request_count"] != REQUESTS:
        return f"{told['completed_request_count']:g} of {REQUESTS} completed: {report['error_summary']}"
    if not texts:
        return ""
    if told.get("usage_completion_tokens", OUTPUT) != OUTPUT:
        return f"usage of {told['usage_completion_tokens']} tokens for {OUTPUT}"
    length = report["output_sequence_length"]
    # A client that counts the text's tokens by itself may cut it otherwise than it was generated.
    slack = 0 if exact else 2
    if not OUTPUT - slack <= length["min"] <= length["max"] <= OUTPUT + slack:
        return f"texts of {length['min']:g} to {length['max']:g} tokens, and not {OUTPUT}"
    if "inter_token_latency" in told and not 0 < told["time_to_first_token"] < told["request_latency"]:
        return f"the first token after {told['time_to_first_token']} ms of {told['request_latency']} ms"
    return ""
