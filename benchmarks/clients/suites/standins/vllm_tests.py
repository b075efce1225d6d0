"""A pytest plugin for vLLM's tests: what they start is `ponder serve`, what they import of vLLM is a stub.

`tests.utils` is this module's RemoteOpenAIServer. Its arguments become flags of ponder where there are such.
A server that needs an argument which changes what is served, and for which ponder has no flag, skips its
tests with that reason.
"""

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

import anthropic
import openai
import pytest
from transformers import AutoTokenizer

import ponder_process
import stubs

VOCABULARY = int(os.environ["PONDER_VOCABULARY"])
CONTEXT = int(os.environ["PONDER_CONTEXT"])

# Arguments of `vllm serve` without which its tests mean nothing, and what they need.
NEEDED = {
    "--enable-force-include-usage": "usage in every stream unasked",
    "--enable-prompt-embeds": "prompts as embeddings",
    "--enable-server-load-tracking": "/load",
    "--kv-transfer-config": "moving caches between servers",
    "--limit-mm-per-prompt": "images or sound",
    "--load-format": "another file format",
    "--middleware": "Python code put into the server",
    "--mm-processor-kwargs": "images or sound",
    "--return-tokens-as-token-ids": "tokens called by their ids unasked",
    "--root-path": "a path that a proxy puts before /v1",
    "--speculative-config": "a draft model of its own",
    "--tensor-parallel-size": "two GPUs",
    "--tool-server": "tools that the server runs",
    "--tokens-only": "a server without a tokenizer",
    "--uds": "a server on a socket of the file system",
    "--watermark-config": "watermarks",
    "--worker-extension-cls": "Python code put into the server",
}
# Arguments that ponder has under another name.
NAMED = {"--served-model-name": "--served-model-name", "--api-key": "--api-key"}


def flags_of(model: str, given: list[str], env: Mapping[str, str]) -> tuple[str, ...]:
    """Return ponder's flags for arguments of `vllm serve`."""
    arguments: list[tuple[str, list[str]]] = []
    for text in given:
        if text.startswith("--"):
            name, *values = text.split("=", 1)
            arguments.append((name.replace("_", "-"), values))
        elif arguments:
            arguments[-1][1].append(text)
    flags: list[str] = []
    for name, values in arguments:
        if name in NEEDED:
            pytest.skip(f"needs {NEEDED[name]} (vllm serve {name})")
        if name in NAMED:
            flags += [part for value in values for part in (NAMED[name], value)]
        if name == "--max-model-len" and int(values[0]) != CONTEXT:
            flags += ["--context", values[0]]
        if name == "--max-logprobs":
            flags += ["--max-logprobs", "-1" if int(values[0]) > VOCABULARY else values[0]]
        if name == "--allowed-origins":
            flags += [part for origin in json.loads(values[0]) for part in ("--allowed-origin", origin)]
    if "--served-model-name" not in flags:
        flags += ["--served-model-name", model]
    if env.get("VLLM_API_KEY"):
        flags += ["--api-key", env["VLLM_API_KEY"]]
    return tuple(flags)


class RemoteOpenAIServer:
    """`ponder serve` where vLLM's tests expect `vllm serve`."""

    DUMMY_API_KEY = "token-abc123"
    uds = None
    show_hidden_metrics = False

    def __init__(
        self,
        model: str,
        vllm_serve_args: list[str],
        *,
        env_dict: dict[str, str] | None = None,
        **others: Any,
    ) -> None:
        self.url_root = ponder_process.url_of(flags_of(model, vllm_serve_args, env_dict or {}))
        self.host, port = self.url_root.removeprefix("http://").split(":")
        self.port = int(port)

    def __enter__(self) -> "RemoteOpenAIServer":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def url_for(self, *parts: str) -> str:
        """Return the URL of a path."""
        return "/".join([self.url_root, *(part.strip("/") for part in parts if part)])

    def _of(self, path: str, options: dict[str, Any]) -> dict[str, Any]:
        root = self.url_for(path)
        return {
            "base_url": root,
            "api_key": self.DUMMY_API_KEY,
            "max_retries": 0,
            "timeout": 600,
            **options,
        }

    def get_client(self, **options: Any) -> openai.OpenAI:
        """Return a client."""
        return openai.OpenAI(**self._of("v1", options))

    def get_async_client(self, **options: Any) -> openai.AsyncOpenAI:
        """Return a client."""
        return openai.AsyncOpenAI(**self._of("v1", options))

    def get_client_anthropic(self, **options: Any) -> anthropic.Anthropic:
        """Return a client."""
        return anthropic.Anthropic(**self._of("", options))

    def get_async_client_anthropic(self, **options: Any) -> anthropic.AsyncAnthropic:
        """Return a client."""
        return anthropic.AsyncAnthropic(**self._of("", options))


def tokenizer(*args: object, **kwargs: object) -> Any:
    """Return the served model's tokenizer, whichever was asked for."""
    return _from_pretrained(os.environ["PONDER_TOKENIZER"])


class ModelConfig:
    """What tests ask of a model's configuration."""

    def __init__(self, **settings: Any) -> None:
        self.max_model_len = CONTEXT

    def get_vocab_size(self) -> int:
        """Return how many rows of logits the model has."""
        return VOCABULARY


class _Integers:
    min, max = -(2**63), 2**63 - 1


stubs.install(
    "vllm",
    "torch",
    "cloudpickle",
    "lm_eval",
    "gpt_oss",
    "openai_harmony",
    "model_hosting_container_standards",
)
_utils = stubs._Module("tests.utils")
_utils.RemoteOpenAIServer = RemoteOpenAIServer  # type: ignore[attr-defined]
_utils.ROCM_EXTRA_ARGS = []  # type: ignore[attr-defined]
sys.modules["tests.utils"] = _utils
sys.modules["tests.conftest"] = stubs._Module("tests.conftest")

import torch
import vllm.config
import vllm.tokenizers

torch.iinfo = lambda kind: _Integers  # type: ignore
vllm.config.ModelConfig = ModelConfig
vllm.tokenizers.get_tokenizer = tokenizer
_from_pretrained = AutoTokenizer.from_pretrained
AutoTokenizer.from_pretrained = tokenizer
