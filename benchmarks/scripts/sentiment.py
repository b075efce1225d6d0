"""Sentiment by choice: how often the likelier of "positive" and "negative" is the label.

    python benchmarks/scripts/sentiment.py FILE.jsonl [MODEL ...]

FILE has a "text" and a "label" in each line. The prompt is the text and "The sentiment of this text is".
Shares are taken as they are, and calibrated by the same prompt with "N/A." in place of the text.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import ponder
from machine import write_result
from ponder.scaling import wilson_interval

MODELS = ("smollm2-135m", "qwen2.5-coder-0.5b")
CHOICES = ("positive", "negative")
QUESTION = "{} The sentiment of this text is"
NOTHING = "N/A."


def right(shares: list[dict[str, float]], labels: list[str]) -> dict[str, Any]:
    """Return how often the largest share is the label's, with a 95 % interval (Wilson)."""
    correct = sum(max(share, key=share.__getitem__) == label for share, label in zip(shares, labels))
    return {
        "right": correct,
        "share": correct / len(labels),
        "interval": wilson_interval(correct, len(labels)),
    }


def measured(name: str, texts: list[str], labels: list[str]) -> dict[str, Any]:
    """Let a model choose for all texts at once."""
    lm = ponder.load(name, device="cpu")
    begin = time.perf_counter()
    chosen = lm.choose_many(
        [QUESTION.format(text) for text in texts], CHOICES, chat=False, baseline=QUESTION.format(NOTHING)
    )
    seconds = time.perf_counter() - begin
    lm.close()
    plain = [{one.text: one.probability for one in choice.choices} for choice in chosen]
    calibrated = [{one.text: one.calibrated or 0.0 for one in choice.choices} for choice in chosen]
    return {
        "plain": right(plain, labels),
        "calibrated": right(calibrated, labels),
        "mean_mass": sum(choice.mass for choice in chosen) / len(chosen),
        "seconds": round(seconds, 1),
    }


def main() -> None:
    lines = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines() if line.strip()]
    texts, labels = [line["text"] for line in lines], [line["label"] for line in lines]
    models = {name: measured(name, texts, labels) for name in sys.argv[2:] or MODELS}
    write_result(
        "sentiment",
        ("ponder", "torch"),
        {"texts": len(texts), "prompt": QUESTION, "choices": CHOICES, "baseline": NOTHING, "models": models},
    )


if __name__ == "__main__":
    main()
