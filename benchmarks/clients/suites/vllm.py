"""vLLM's tests of its OpenAI server, from its source distribution, against ponder.

Run are the files of tests/entrypoints/openai, serve and anthropic that start a server. Tests that ask the
server nothing are about vLLM's own classes: they get stubs, and are not applicable.
"""

import os
import re
from pathlib import Path

from judging import Rule, judge, recorded
from outcome import Outcome, Server
from sources import unpacked

VERSION = "0.33.0"
# The versions that vLLM's own list for its tests has (requirements/test/cpu.txt).
PACKAGES = (
    "pytest==9.1.0",
    "pytest-asyncio==1.4.0",
    "pytest-timeout==2.3.1",
    "anthropic==0.112.0",
    "fastapi==0.136.3",
    "httpx==0.27.2",
    "hypothesis==6.131.0",
    "jsonschema==4.23.0",
    "jsonschema-rs==0.46.5",
    "numpy==2.2.6",
    "openai==2.44.0",
    "pillow",
    "prometheus-client==0.22.0",
    "pybase64==1.4.3",
    "regex==2026.2.28",
    "requests==2.34.2",
    "schemathesis==4.21.6",
    "transformers==5.20.2",
    # What the source distribution's own setup imports.
    "jinja2",
    "packaging",
    "setuptools==80.9.0",
    "setuptools-rust",
    "setuptools-scm",
    "wheel",
)
FLAGS: tuple[str, ...] = ()
FOLDERS = ("openai", "serve", "anthropic")

RULES = (
    Rule(r"prompt_embeds", "needs prompts as embeddings"),
    Rule(r"lora", "needs a LoRA adapter"),
    Rule(r"openai/models/test_models", "needs a LoRA adapter"),
    Rule(r"test_include_reasoning|test_thinking_token_budget", "needs a model that reasons"),
    Rule(r"test_extra_content_fields|_vlm\.py|test_openai_schema", "needs a model that reads images"),
    Rule(
        r"responses/test_(harmony|mcp_tools|parsable_context)",
        "needs gpt-oss and the tools it was trained on",
    ),
    Rule(r"completion/test_tensorizer", "needs another file format"),
    Rule(r"sagemaker|rpc/|test_uds", "needs Python code put into the server, or a socket of the file system"),
    Rule(r"correctness/test_lmeval", "needs a model of 1.5B parameters and a GPU"),
    Rule(r"test_basic.py::test_show_version", "expects vLLM's version"),
    Rule(
        r"::test_(per_request_metrics|server_load|chat_with_enable_force_include_usage)",
        "needs what vLLM does only where a flag says so",
    ),
    Rule(
        r"::test_(long_seed|chat_logit_bias_invalid|out_of_vocab_token_ids)$",
        "expects the words of vLLM's error; ponder refuses the same value in other words",
    ),
    Rule(
        r"test_completion\.py::test_completion_streaming|::test_complex_message_content"
        r"|::test_comparison_with_prompt_logprobs|::test_more_than_one_prompt_logprobs_chat"
        r"|::test_response_format_json_(object|schema)$",
        "hangs on what another model says: its answer's words or length, or how likely they are",
    ),
    Rule(r"instrumentator/test_metrics", "expects vLLM's names of metrics", r"prom endpoint|is not None"),
    Rule(r"test_orca_metrics\.py::.*with_orca_header\[True\]", "needs vLLM's header of load"),
    Rule(r"test_orca_metrics\.py::test_single_completion", "expects usage without details"),
    Rule(r"::test_no_request_id_header", "expects vLLM's default, no X-Request-Id: ponder always gives one"),
    Rule(r"::test_enable_request_id_header", "expects ids as long as vLLM's"),
    Rule(r"TestGPTOSSChat", "needs gpt-oss and its tools"),
    Rule(r"::test_request_wrong_content_type", "ponder reads JSON whatever Content-Type says it is"),
    Rule(r"::test_single_chat_session\[", "expects how another model's tokenizer counts"),
)
# Errors about a value that refuse a feature.
VALUES = (
    r"has no place for tools"
    r"|at most 262144 in one request|the template writes them"
)


def run(server: Server, home: Path) -> list[Outcome]:
    """Run the tests in the suite's own environment."""
    tests = source(server.python, home)
    files = sorted(
        path
        for folder in FOLDERS
        for path in (tests / "tests/entrypoints" / folder).rglob("test_*.py")
        if asks_a_server(path)
    )
    env = model_facts(server.model, home / "tokenizer")
    lines = recorded(server.python, "vllm_tests", tests, files, home, env, timeout=120)
    return [judge(line, RULES, VALUES) for line in lines]


def asks_a_server(path: Path) -> bool:
    """Whether a file of tests starts a server, or its folder's conftest.py does for it."""
    text, shared = path.read_text(), path.with_name("conftest.py")
    if shared.exists() and re.search(r"\bclient\b", text):
        text += shared.read_text()
    return "RemoteOpenAIServer(" in text


def source(python: Path, home: Path) -> Path:
    """Return the folder that holds vLLM's `tests`."""
    stand_in = home / "setup"  # of torch, which vLLM's setup.py asks which CUDA there is
    (stand_in / "torch/utils").mkdir(parents=True, exist_ok=True)
    (stand_in / "torch/__init__.py").write_text("class version:\n    cuda = hip = xpu = None\n")
    (stand_in / "torch/utils/__init__.py").touch()
    (stand_in / "torch/utils/cpp_extension.py").write_text("CUDA_HOME = ROCM_HOME = None\n")
    env = {**os.environ, "PYTHONPATH": str(stand_in), "VLLM_TARGET_DEVICE": "empty"}
    env["VLLM_VERSION_OVERRIDE"] = VERSION
    members = ("tests/__init__.py", "tests/entrypoints/")
    options = ("--no-build-isolation",)
    return unpacked(python, f"vllm=={VERSION}", members, home / "source", options=options, env=env)


def model_facts(model: str, folder: Path) -> dict[str, str]:
    """Write a model's tokenizer for `transformers`; return what stand-ins are told of the model."""
    from transformers import AutoTokenizer

    from ponder.checkpoints import open_checkpoint

    checkpoint = open_checkpoint(model)
    if not folder.exists():
        path = checkpoint.path
        AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name).save_pretrained(folder)
    return {
        "PONDER_TOKENIZER": str(folder),
        "PONDER_VOCABULARY": str(checkpoint.config.vocab_size),
        "PONDER_CONTEXT": str(checkpoint.config.context_length),
    }
