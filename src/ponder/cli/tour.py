"""`ponder tour`: in under a minute, what there is between logits and an answer."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console

from ponder.asks import fronts
from ponder.cli.choose import choice_lines
from ponder.cli.options import Device, Json, Model
from ponder.cli.run import Color, show, summary
from ponder.cli.solve import ledger_line
from ponder.cli.terminal import load_lm, out
from ponder.hub.registry import DEFAULT_MODEL
from ponder.traces.colours import entropy_legend, printable

if TYPE_CHECKING:
    from ponder.lm import LM

QUESTION = "Why is the sky blue?"
STORY = "Once upon a time, there was a"
TEMPERATURES = (0.5, 1.0, 1.5)
NUCLEUS = 0.9
REVIEW = "This movie is far from being great. The sentiment of the movie is"
NO_REVIEW = "The sentiment of the movie is"
TWEETS = "Tweet: Coffee time! #coffee\nTweet: Beach day! #beach\nTweet: New puppy!"
GIRL = "This is Lily's house. This is Lily's cat. This is"
SAMPLES = 8
EXAMPLES = (
    "Q: How many apples are in 3 bags of 4 apples?\nA: 3 * 4 = 12\n"
    "Q: How many pens are in 5 packs of 10 pens?\nA: 5 * 10 = 50\n"
    "Q: How many seats are in 2 rows of 9 seats?\nA: 2 * 9 = 18\n"
)
PROBLEMS = (
    ("How many eggs are in 7 boxes of 6 eggs?", "42"),
    ("How many books are on 4 shelves of 8 books?", "32"),
    ("How many legs do 9 spiders with 8 legs have?", "72"),
    ("How many pencils are in 5 packs of 12 pencils?", "60"),
)


def tour(model: Model = DEFAULT_MODEL, json: Json = False, device: Device = None) -> None:
    """Watch a model being sampled, constrained and given a budget. Takes under a minute.

    With --json the figures of each part are printed as one object.
    """
    start = time.perf_counter()
    console = Console(quiet=True) if json else out()
    lm = load_lm(model, device)
    parts: dict[str, Any] = {}
    for part in (answer, nucleus, choice, ban, budget):
        parts[part.__name__] = part(lm, console)
    seconds = time.perf_counter() - start
    console.print(
        f"\nAll of it took {seconds:.0f} s. Next: ponder run --help, ponder solve --help", style="dim"
    )
    if json:
        from ponder.cli.report import print_json

        print_json({"model": lm.name, **parts, "seconds": round(seconds, 2)})


@contextmanager
def _part(console: Console, title: str, command: str) -> Iterator[None]:
    console.print(f"\n{title}", style="bold")
    console.print(f"  {command}", style="dim")
    yield


def answer(lm: LM, console: Console) -> dict[str, Any]:
    """An answer whose colours show where the model was unsure."""
    sampling: dict[str, Any] = {"temperature": 0.7, "top_p": NUCLEUS, "seed": 1, "max_tokens": 80}
    with _part(
        console,
        "1. Sampling. Every token is a draw; colour shows how open the question was.",
        f'ponder run "{QUESTION}" --temperature 0.7 --top-p 0.9 --seed 1 --max-tokens 80 --color entropy',
    ):
        console.print(entropy_legend())
        completion = show(
            console, fronts.stream(lm.model, lm.request(QUESTION, **sampling)), Color.entropy, live=True
        )
        console.print(summary(completion), style="dim")
    entropies = [trace.entropy for trace in completion.outputs[0].traces]
    return {"text": completion.text, "mean_entropy": sum(entropies) / len(entropies)}


def nucleus(lm: LM, console: Console) -> list[dict[str, Any]]:
    """What top-p keeps of one next token's distribution at several temperatures."""
    kept = []
    with _part(
        console,
        f"2. The nucleus. What top-p {NUCLEUS} keeps after “{STORY} …” as temperature rises.",
        f'ponder run --raw "{STORY}" --max-tokens 1 --top-p {NUCLEUS} --top-logprobs 6 --json -t T',
    ):
        for temperature in TEMPERATURES:
            options = {
                "temperature": temperature,
                "top_p": NUCLEUS,
                "top_logprobs": 6,
                "max_tokens": 1,
                "seed": 0,
            }
            trace = lm(STORY, chat=False, **options).outputs[0].traces[0]
            # tempered = raw / T - log Z, and the drawn token says what log Z is.
            log_z = trace.logprob / temperature - trace.tempered_logprob
            shares = [(token, math.exp(logprob / temperature - log_z)) for token, logprob in trace.top]
            console.print(
                f"  temperature {temperature}: {trace.kept} tokens hold {trace.kept_mass:.3f} of the mass"
            )
            for token, share in shares:
                text = printable(lm.tokenizer.token_text(token))
                console.print(f"    {text:<12} {share:.3f} {'█' * round(share * 60)}", style="cyan")
            kept.append({"temperature": temperature, "kept": trace.kept, "kept_mass": trace.kept_mass})
    return kept


def choice(lm: LM, console: Console) -> dict[str, Any]:
    """A choice between whole answers, as it is and relative to a prompt without the review."""
    choices = ("positive", "negative")
    with _part(
        console,
        f"3. Constrained: a choice. “{REVIEW} ___”",
        f'ponder choose --raw -c positive -c negative "{REVIEW}" --baseline "{NO_REVIEW}"',
    ):
        result = lm.choose(REVIEW, choices, chat=False, baseline=NO_REVIEW)
        for line in choice_lines(result):
            console.print(f"  {line}")
        console.print(
            "  Calibrated: divided by how much the model likes each word without the review.", style="dim"
        )
    return {"best": result.best.text, "mass": result.mass}


def ban(lm: LM, console: Console) -> dict[str, list[str]]:
    """The same prompts and seeds: free, without a sign, without a name, and not short."""
    from ponder.constraints import Ban, Words

    options: dict[str, Any] = {"chat": False, "temperature": 0.7, "top_p": 0.9, "seed": 0, "n": 2}
    not_short = Ban("#") & Ban("\n") & Words(14, 18)
    texts = {}
    with _part(
        console,
        "4. Constrained: without “#”, not short, never the name. The same prompts and seeds.",
        "ponder run --raw … --ban '#' --min-words 14      ponder run --raw … --ban Lily --ban-ignore-case",
    ):
        for about, prompt, kinds in (
            ("tweet", TWEETS, {"free": None, "no #": Ban("#"), "not short": not_short}),
            ("girl", GIRL, {"free": None, "no name": Ban("Lily", ignore_case=True)}),
        ):
            console.print(f"  {prompt.splitlines()[-1]} …", style="dim")
            for name, constraint in kinds.items():
                found = lm(prompt, constraint=constraint, stop="\n", max_tokens=36, **options).texts
                texts[f"{about}, {name}"] = found
                for text in found:
                    console.print(f"  {name:<9}  {printable(text.strip())}")
    return texts


def budget(lm: LM, console: Console) -> dict[str, Any]:
    """Greedy against best-of-8 with a checker that sees the sums and not the answers."""
    return asyncio.run(_solve_problems(lm, console))


async def _solve_problems(lm: LM, console: Console) -> dict[str, Any]:
    from ponder.rewards import AnswerEquality, Problem, reward_named
    from ponder.scaling import BestOfN, Budget, Ledger, solve

    equal = AnswerEquality()
    sampling = {"stop": "\n", "max_tokens": 16, "seed": 0}
    plans = {
        "greedy": (BestOfN("majority", sampling), None, Budget(1)),
        f"best of {SAMPLES}": (
            BestOfN("weighted", sampling),
            reward_named("arithmetic", lm.model),
            Budget(SAMPLES),
        ),
    }
    found: dict[str, Any] = {}
    with _part(
        console,
        f"5. A budget to think with. Greedy against {SAMPLES} samples, weighted by whether their sums hold.",
        f"ponder solve --raw --stop $'\\n' -n {SAMPLES} --reward arithmetic --select weighted …",
    ):
        for name, (plan, reward, limit) in plans.items():
            right, ledger = 0, Ledger()
            console.print(f"  {name}", style="bold")
            for question, reference in PROBLEMS:
                problem = Problem(question, raw=EXAMPLES + f"Q: {question}\nA:")
                answer = await solve(plan, problem, lm.model, reward, limit)
                correct = equal(reference, answer.answer or "")
                right, ledger = right + correct, ledger + answer.ledger
                verdict = "right" if correct else f"wrong, it is {reference}"
                console.print(f"    {question:<48} {printable(answer.candidate.text.strip()):<16} {verdict}")
            console.print(f"    {right} of {len(PROBLEMS)} right for {ledger_line(ledger)}", style="dim")
            found[name] = {"right": right, "of": len(PROBLEMS), "ledger": ledger.as_json()}
    return found
