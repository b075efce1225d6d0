"""guidellm, a load tester: streams, which it wants usage in every chunk of, and whole answers."""

import json
from pathlib import Path
from typing import Any

from outcome import Outcome, Server
from program import OFFLINE, finished
from tokenizer import saved_tokenizer

PACKAGES = ("guidellm==0.8.1",)
FLAGS: tuple[str, ...] = ()

PROMPT, OUTPUT, REQUESTS = 32, 12, 6
CASES = {
    "completions, streamed": ("/v1/completions", True, "kind=concurrent,streams=3"),
    "chat, streamed": ("/v1/chat/completions", True, "kind=concurrent,streams=3"),
    "chat, whole, at a constant rate": ("/v1/chat/completions", False, "kind=constant,rate=4"),
}


def run(server: Server, home: Path) -> list[Outcome]:
    tokenizer = saved_tokenizer(server.model, home)
    return [_case(server, home, tokenizer, name) for name in CASES]


def _case(server: Server, home: Path, tokenizer: Path, name: str) -> Outcome:
    endpoint, streamed, profile = CASES[name]
    report = home / "report.json"
    report.unlink(missing_ok=True)
    backend = f"kind=openai_http,target={server.url},model={server.model}"
    command: list[str | Path] = [
        server.python.with_name("guidellm"),
        "run",
        f"--backend={backend},request_format={endpoint},stream={str(streamed).lower()}",
        f"--profile={profile}",
        f"--constraint=kind=max_requests,count={REQUESTS}",
        f"--tokenizer=kind=huggingface_auto,model={tokenizer}",
        f"--data=kind=synthetic_text,prompt_tokens={PROMPT},output_tokens={OUTPUT}",
        f"--output=kind=json,path={report}",
        "--disable-console",
    ]
    done = finished(command, limit_s=240, more=OFFLINE | {"HF_HOME": str(home / "hf")})
    wrong = f"exit status {done.returncode}: {(done.stderr or done.stdout)[-1500:]}"
    if done.returncode == 0 and report.exists():
        (benchmark,) = json.loads(report.read_text())["benchmarks"]
        wrong = _wrong(benchmark, raw=endpoint == "/v1/completions", streamed=streamed)
    return Outcome(name, "failed" if wrong else "passed", wrong)


def _wrong(benchmark: Any, *, raw: bool, streamed: bool) -> str:
    """Return what a report says that it should not, or an empty text."""
    made = benchmark["scheduler_metrics"]["requests_made"]
    if made["successful"] != REQUESTS or made["errored"]:
        return f"{made}: {json.dumps(benchmark['requests'].get('errored'))[:1000]}"
    for request in benchmark["requests"]["successful"]:
        timings = request["info"]["timings"]
        if request["output_tokens"] != OUTPUT or not request["output"]:
            return f"{request['output_tokens']} tokens of text, and not {OUTPUT}: {request['output']!r}"
        if raw and abs(request["prompt_tokens"] - PROMPT) > 2:  # the client cuts its prompts from longer ones
            return f"{request['prompt_tokens']} tokens of prompt, and not {PROMPT}"
        if not raw and request["prompt_tokens"] <= PROMPT:
            return (
                f"{request['prompt_tokens']} tokens of prompt with the chat template, and not over {PROMPT}"
            )
        if streamed and not OUTPUT // 2 <= timings["token_iterations"] <= OUTPUT:
            return f"{timings['token_iterations']} pieces of text for {OUTPUT} tokens"
        if streamed and not 0 < request["time_to_first_token_ms"] < 1000 * request["request_latency"]:
            return f"the first token after {request['time_to_first_token_ms']} ms"
    return ""
