"""guidellm, a load tester: streams, which it asks with usage in every chunk, whole answers and embeddings."""

import json
from pathlib import Path
from typing import Any

from outcome import Outcome, Server
from program import finished
from tokenizer import saved_tokenizer

PACKAGES = ("guidellm==0.8.1",)
FLAGS: tuple[str, ...] = ()

PROMPT, OUTPUT, REQUESTS = 32, 12, 6
CASES = {
    "completions, streamed": ("/v1/completions", "true", "kind=synchronous"),
    "completions, whole": ("/v1/completions", "false", "kind=concurrent,streams=3"),
    "chat, streamed": ("/v1/chat/completions", "true", "kind=concurrent,streams=3"),
    "chat, whole": ("/v1/chat/completions", "false", "kind=synchronous"),
    "chat, at a constant rate": ("/v1/chat/completions", "true", "kind=constant,rate=4"),
    "chat, as fast as it goes": ("/v1/chat/completions", "true", "kind=throughput"),
}


def run(server: Server, home: Path) -> list[Outcome]:
    tokenizer = saved_tokenizer(server.model, home)
    return [_case(server, home, tokenizer, name) for name in CASES]


def _case(server: Server, home: Path, tokenizer: Path, name: str) -> Outcome:
    endpoint, stream, profile = CASES[name]
    report = home / "report.json"
    report.unlink(missing_ok=True)
    backend = f"kind=openai_http,target={server.url},model={server.model}"
    command: list[str | Path] = [
        server.python.with_name("guidellm"),
        "run",
        f"--backend={backend},request_format={endpoint},stream={stream}",
        f"--profile={profile}",
        f"--constraint=kind=max_requests,count={REQUESTS}",
        f"--tokenizer=kind=huggingface_auto,model={tokenizer}",
        f"--data=kind=synthetic_text,prompt_tokens={PROMPT},output_tokens={OUTPUT}",
        f"--output=kind=json,path={report}",
        "--disable-console",
    ]
    done = finished(command, limit_s=240, more={"HF_HOME": str(home / "hf")})
    wrong = f"exit status {done.returncode}: {(done.stderr or done.stdout)[-1500:]}"
    if done.returncode == 0 and report.exists():
        wrong = _wrong(json.loads(report.read_text()), streamed=stream == "true")
    return Outcome(name, "failed" if wrong else "passed", wrong)


def _wrong(report: Any, *, streamed: bool) -> str:
    """Return what a report says that it should not, or an empty text."""
    return json.dumps(report)[:1500]
