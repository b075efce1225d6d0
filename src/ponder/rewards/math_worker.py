"""Compares mathematical answers in the child process of `equality.py`, which says why there is one."""

from __future__ import annotations

from math_verify import LatexExtractionConfig, parse, verify

WARM_UP = {"gold": "x", "answer": "x+0"}


def equal(gold: str, answer: str) -> bool:
    """Ask math-verify, without its own time limits: the process is bounded as a whole."""
    latex = [LatexExtractionConfig()]
    expected, given = (parse(f"${text}$", latex, parsing_timeout=0) for text in (gold, answer))
    return bool(expected) and bool(given) and bool(verify(expected, given, timeout_seconds=0))


def answer(request: dict[str, str]) -> dict[str, bool]:
    """Return `{"equal": ...}`; what math-verify fails at is not equal."""
    try:
        return {"equal": equal(request["gold"], request["answer"])}
    except Exception:
        return {"equal": False}
