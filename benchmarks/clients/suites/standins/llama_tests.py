"""A pytest plugin for llama.cpp's server tests: where they start llama-server, `ponder serve` answers.

What a test sets on its ServerProcess becomes a flag of ponder where there is one, and changes nothing where
it is about speed. A test that sets anything else is skipped with that as its reason. Paths that llama-server
has with and without /v1, and ponder with it, get it.
"""

from typing import Any

import pytest
import utils

import ponder_process

# What changes speed, or what llama-server tells of itself, or has a value here that every test may have.
INDIFFERENT = {
    *(
        "cache_prompt",
        "fa",
        "id_slot",
        "kv_unified",
        "n_batch",
        "n_gpu_layer",
        "n_slots",
        "n_threads",
        "n_ubatch",
    ),
    *(
        "external_server",
        "jinja",
        "model_hf_file",
        "model_hf_repo",
        "n_predict",
        "n_prompts",
        "offline",
        "process",
    ),
    *("ready", "seed", "server_continuous_batching", "server_embeddings", "server_host", "server_metrics"),
    *("server_port", "temperature"),
}
TAKEN = {"api_key", "model_alias", "n_ctx"}
MODELS = {
    "ggml-org/test-model-stories260K": "",
    "ggml-org/test-model-stories260K-infill": "",
    "ggml-org/models": "",
    "ggml-org/stories15M_MOE": "a LoRA adapter or a draft model, for a model of its own",
    "ggml-org/tinygemma3-GGUF:Q8_0": "a model that reads images",
}
CALLED = (
    *("davinci-002", "gpt-3.5-turbo", "gpt-3.5-turbo-instruct", "gpt-4.1", "text-embedding-3-small"),
    *("codellama70b", "test"),
)
WITH_VERSION = ("/chat/completions", "/embeddings", "/models", "/responses")


def start(self: Any, timeout_seconds: int = 0) -> None:
    """Have a server with this one's settings."""
    if self.model_hf_repo not in MODELS:
        pytest.skip("needs a server with several models, or another one")
    if "rerank" in (self.model_hf_file or ""):
        pytest.skip("needs a model that was trained to rank")
    if needed := MODELS[self.model_hf_repo]:
        pytest.skip(f"needs {needed} ({self.model_hf_repo})")
    for name in dir(type(self)):
        default, value = getattr(type(self), name), getattr(self, name)
        if name.startswith("_") or callable(default) or name in INDIFFERENT | TAKEN:
            continue
        if value != default and not (value is None and default is False):
            pytest.skip(f"needs llama-server's {name}")
    flags = ["--context", str(max(256, (self.n_ctx or 4096) // (self.n_slots or 1)))]
    for name in (*self.model_alias.split(","), *CALLED):
        flags += ["--served-model-name", name]
    if self.api_key:
        flags += ["--api-key", self.api_key]
    host, self.server_port = ponder_process.url_of(tuple(flags)).removeprefix("http://").split(":")
    self.server_host = host


def url_of(self: Any, path: str, host: str | None = None) -> str:
    """Return the URL of a path."""
    place = f"http://{host or self.server_host}:{self.server_port}"
    return f"{place}/v1{path}" if path.startswith(WITH_VERSION) else place + path


utils.ServerProcess.start = start
utils.ServerProcess.stop = lambda self: None
utils.ServerProcess.make_url = url_of
utils.ServerPreset.load_all = staticmethod(lambda: None)
