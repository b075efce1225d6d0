"""A text classifier as a reward: any transformers model for sequence classification in a local folder."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ponder.asks import LanguageModel
from ponder.errors import CheckpointError, ParameterError, UnsupportedError
from ponder.rewards.judgement import Judgement, Scale
from ponder.rewards.reading import Planned
from ponder.rewards.reward import Candidate, Problem

Reads = Literal["text", "question and text"]


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """The probability that a classifier gives a label; `load_classifier` makes one.

    A text longer than what the classifier reads is unscored: it is not cut. Texts are read one by one, so
    that a score does not depend on what else is scored.

    Attributes
    ----------
    model, tokenizer : of transformers.
    label : the label's number.
    reads : the candidate's text, or the question and the text as a pair.
    limit : the most tokens of a text.
    """

    model: Any
    tokenizer: Any
    label: int
    reads: Reads
    limit: int
    name: str = "classifier"
    needs: frozenset[str] = frozenset()

    @property
    def scale(self) -> Scale:
        """A probability; what a model of a single output says is any number."""
        return "number" if self.model.config.num_labels == 1 else "probability"

    async def judge(self, problem: Problem, candidates: Sequence[Candidate]) -> Judgement:
        return await asyncio.to_thread(self._judge, problem, candidates)

    def plan(
        self, policy: LanguageModel, problem: Problem, candidate: Candidate
    ) -> tuple[Planned, ...] | None:
        ids = self._encoded(problem, candidate)["input_ids"][0].tolist()
        return (Planned(tuple(ids)),) if 0 < len(ids) <= self.limit else ()

    def _encoded(self, problem: Problem, candidate: Candidate) -> Any:
        pair = (candidate.text,) if self.reads == "text" else (problem.question, candidate.text)
        return self.tokenizer(*pair, return_tensors="pt")

    def _judge(self, problem: Problem, candidates: Sequence[Candidate]) -> Judgement:
        scores: list[float | str] = []
        tokens = 0
        for candidate in candidates:
            encoded = self._encoded(problem, candidate)
            length = encoded["input_ids"].shape[1]
            if 0 < length <= self.limit:
                scores.append(self._score(encoded))
                tokens += length
            else:
                scores.append(f"the text has {length} tokens, and the classifier reads 1 to {self.limit}")
        return Judgement.of(scores, tokens=tokens)

    def _score(self, encoded: Any) -> float:
        import torch

        with torch.inference_mode():
            logits = self.model(**encoded).logits[0].double()
        config = self.model.config
        if config.num_labels == 1:
            return float(logits[0])
        independent = config.problem_type == "multi_label_classification"
        return float((logits.sigmoid() if independent else logits.softmax(0))[self.label])


def load_classifier(folder: str | Path, label: str | int | None = None, reads: Reads = "text") -> Classifier:
    """Load a classifier from a folder that `save_pretrained` wrote.

    Nothing is downloaded, no code from the folder runs, and weights are read from safetensors alone.

    Parameters
    ----------
    label : the label whose probability is the score, by its name or number; a model of one output has no
        choice.
    reads : "text", or "question and text" for a model of pairs.

    Raises
    ------
    UnsupportedError : the package transformers is not installed.
    CheckpointError : the folder holds no such model.
    ParameterError : the model has no such label.
    """
    if reads not in ("text", "question and text"):
        raise ParameterError("reads", reads, "text or question and text")
    try:
        from transformers import AutoModelForSequenceClassification, AutoTokenizer
    except ImportError:
        raise UnsupportedError(
            "the classifier reward needs the package transformers: pip install ponder[classifier]"
        ) from None
    if not Path(folder).is_dir():
        raise CheckpointError(f"there is no folder {str(folder)!r}")
    safe: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        # A control token that a text spells stays text.
        tokenizer = AutoTokenizer.from_pretrained(folder, split_special_tokens=True, **safe)
        model, about = AutoModelForSequenceClassification.from_pretrained(
            folder, use_safetensors=True, output_loading_info=True, **safe
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise CheckpointError(f"{Path(folder).name} is no text classifier of transformers: {first}") from None
    if about["missing_keys"]:
        missing = ", ".join(sorted(about["missing_keys"]))
        raise CheckpointError(f"{Path(folder).name} lacks weights of a text classifier: {missing}")
    limits = (tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", math.inf))
    return Classifier(model.eval(), tokenizer, _label(model.config, label), reads, int(min(*limits, 2**20)))


def _label(config: Any, label: str | int | None) -> int:
    names = {int(number): str(name) for number, name in config.id2label.items()}
    if label is None and len(names) == 1:
        return 0
    for number, name in names.items():
        if label == name or (type(label) is int and label == number):
            return number
    raise ParameterError("label", label, "one of " + ", ".join(f"{i} ({names[i]})" for i in sorted(names)))
