"""Runs lm-eval in a process of its own, which may reach nothing but this machine: JSON in, JSON out.

Usage: lm_eval_client.py TASKS RUNS RESULTS, a folder of task files and two JSON files. RUNS is a list of
keyword arguments of `lm_eval.simple_evaluate`, RESULTS what it returned for each.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def refuse_other_hosts(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook (`sys.addaudithook`)."""
    host: Any = None
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    if host is not None and host not in LOOPBACK:
        print(f"{event}: {host} is not this machine", file=sys.stderr, flush=True)
        raise SystemExit(3)


def main(tasks: str, runs: str, results: str) -> None:
    sys.addaudithook(refuse_other_hosts)
    import lm_eval
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=tasks, include_defaults=False)
    seeds = dict.fromkeys(("random_seed", "numpy_random_seed", "torch_random_seed", "fewshot_random_seed"), 1)
    found = []
    for run in json.loads(Path(runs).read_text()):
        result = lm_eval.simple_evaluate(**run, **seeds, task_manager=manager, bootstrap_iters=0)
        found.append({name: result[name] for name in ("results", "samples")})
    Path(results).write_text(json.dumps(found, default=str))


if __name__ == "__main__":
    main(*sys.argv[1:])
