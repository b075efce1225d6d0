"""`ponder serve`: a model behind OpenAI's HTTP interface."""

from __future__ import annotations

import gc
import sys
import tomllib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ponder.cli.options import takes
from ponder.errors import ParameterError, UnsupportedError
from ponder.hub.registry import DEFAULT_MODEL

if TYPE_CHECKING:
    from ponder.server.run import Server
    from ponder.server.served import Served

_SWITCH_S = 0.0005  # a thread of Python's gives way to another that waits; by default after ten times as long
_PACKAGES = ("fastapi", "prometheus_client", "pydantic", "uvicorn")
_KINDS: Mapping[Any, str] = {
    bool: "true or false",
    float: "a number",
    int: "a whole number",
    list[str]: "a list of texts",
    str: "text",
}

# Flag -> type and help. Each is a name in the configuration file and an environment variable too.
_SERVER: Mapping[str, tuple[Any, str]] = {
    "host": (str, "Address to listen on; default 127.0.0.1, this machine only."),
    "port": (int, "Port to listen on; default 8000, 0 takes a free one."),
    "api_key": (list[str], "Key that requests must have; repeatable. Better in PONDER_API_KEY or a file."),
    "served_model_name": (list[str], "Name of the model instead of its own; repeatable, all are answered."),
    "allowed_host": (list[str], "Name this server is called by, besides localhost; repeatable."),
    "allowed_origin": (list[str], "Origin whose web pages may use this server; repeatable."),
    "max_n": (int, "The most n, best_of, num_beams and stochastic_beams may be; default 128."),
    "max_prompts": (int, "The most prompts in one request; default 256."),
    "max_texts": (int, "The most texts that grow for one request, n times prompts; default 512."),
    "max_tokens": (int, "The most tokens of one text; default what the model's context holds."),
    "max_logprobs": (int, "The most alternatives to a token, -1 for all; default 20."),
    "max_nodes": (int, "The most tokens of a tree that /ponder/v1/expand finds; default 4096."),
    "max_solve_tokens": (int, "The most tokens generated for a problem of /ponder/v1/solve; default 65536."),
    "max_stored": (int, "The most responses remembered for each key; default 1000."),
    "max_stored_bytes": (int, "Their most bytes of JSON, for each key; default 64 MiB."),
    "max_body_bytes": (int, "The largest request; default 4 MiB."),
    "max_connections": (int, "The most connections at once; default no limit."),
    "health_timeout_s": (float, "Seconds the decode loop may take to answer /health; default 20."),
    "playground": (bool, "Serve the playground's page at /; on by default."),
    "quiet": (bool, "Log errors only."),
}
_ENGINE: Mapping[str, tuple[Any, str]] = {
    "max_waiting": (int, "The most requests that wait for their turn; default 1024."),
    "max_rows": (int, "The most texts that grow at once; default 256."),
    "token_budget": (int, "The most tokens computed in one step; default 256."),
}
_MODEL: Mapping[str, tuple[Any, str]] = {
    "model": (str, f"A name, a .gguf file, a Hugging Face directory; default {DEFAULT_MODEL}."),
    "draft": (str, "A smaller model with the same vocabulary, which guesses for requests that say so."),
    "entropy_head": (str, "An entropy head's file, for requests with a real_temperature."),
    "device": (str, "A torch device; by default CUDA where there is one."),
    "quantize": (str, "q8_0 or q4_1: round an F32, F16 or BF16 model to 8 or 4 bits at load."),
    "context": (int, "The most tokens of a text, prompt and answer together; by default the model's own."),
    "cache_bytes": (int, "Memory for keys and values; by default a share of what is free."),
    "row_invariant": (bool, "Compute each text bit for bit as if it were alone."),
}
_FLAGS = {**_MODEL, **_SERVER, **_ENGINE}


def _options(flags: Mapping[str, tuple[Any, str]]) -> dict[str, Any]:
    return {name: Annotated[kind | None, _option(name, about)] for name, (kind, about) in flags.items()}


def _option(name: str, about: str) -> Any:
    env = "PONDER_API_KEY" if name == "api_key" else f"PONDER_SERVE_{name.upper()}"
    spelled = ("--model", "-m") if name == "model" else ()
    return typer.Option(*spelled, help=about, envvar=env, show_envvar=False)


def _read_config(context: typer.Context, path: Path | None) -> Path | None:
    """Make a file's values the defaults: flags and environment variables come before them."""
    if path is None:
        return None
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ParameterError("config", str(path), f"a TOML file: {error}") from None
    defaults: dict[str, Any] = {}
    for key, value in values.items():
        name = key.replace("-", "_")
        if name not in _FLAGS or name in defaults:
            known = ", ".join(flag.replace("_", "-") for flag in _FLAGS)
            raise ParameterError("config", key, f"once each of {known}")
        kind = _FLAGS[name][0]
        if not _is(kind, value):
            raise ParameterError(key, value, f"{_KINDS[kind]} ({path})")
        defaults[name] = value
    context.default_map = defaults
    return path


def _is(kind: Any, value: Any) -> bool:
    if kind == list[str]:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if kind is float:
        return type(value) in (int, float)
    return type(value) is kind


OPTIONS = {"model": _options(_MODEL), "server": _options(_SERVER), "engine": _options(_ENGINE)}
Config = Annotated[
    Path | None,
    typer.Option(
        help="TOML file with the other flags' names and values.",
        envvar="PONDER_SERVE_CONFIG",
        show_envvar=False,
        is_eager=True,
        callback=_read_config,
    ),
]


@takes(**OPTIONS)
def serve(
    config: Config = None,
    *,
    model: dict[str, Any],
    server: dict[str, Any],
    engine: dict[str, Any],
) -> int:
    """Serve a model over HTTP as OpenAI does: /v1/chat/completions, /v1/completions and more.

    Each flag can also be set by an environment variable, PONDER_SERVE_PORT for --port, and in a file
    (--config): flags come before the environment, that before the file. An interrupt lets running requests
    finish, a second one stops them.
    """
    return server_of(model, server, engine).run()


def server_of(model: Mapping[str, Any], server: Mapping[str, Any], engine: Mapping[str, Any]) -> Server:
    """Return what listens for a command's flags; it loads the model once it runs.

    Raises
    ------
    PonderError : a flag's value is not allowed, or a package is missing.
    OSError : the address cannot be listened on.
    """
    if not all(find_spec(package) for package in _PACKAGES):
        raise UnsupportedError("ponder serve needs more packages: pip install 'ponder[server]'")
    from ponder.hub import registry
    from ponder.server.front.settings import ServerSettings
    from ponder.server.run import Server

    given: dict[str, Any] = {name: value for name, value in server.items() if value not in (None, [])}
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    settings = ServerSettings(**given)
    sys.setswitchinterval(_SWITCH_S)  # a step of the engine gives way many times, and waits so long for each
    name = model["model"] or DEFAULT_MODEL
    for one in (name, model["draft"]):
        if one is not None:
            registry.resolve(one)  # an unknown name should not wait for torch

    def load() -> Served:
        from ponder.backends.local import load_local
        from ponder.engine import EngineLimits

        limits = EngineLimits(**{name: value for name, value in engine.items() if value is not None})
        loaded = load_local(
            name,
            device=model["device"],
            cache_bytes=model["cache_bytes"],
            context=model["context"],
            limits=limits,
            row_invariant=bool(model["row_invariant"]),
            quantize=model["quantize"],
            draft=model["draft"],
            entropy_head=model["entropy_head"],
        )
        # What is there now stays, so no garbage collection need look at it again: a request of many parts
        # causes several, and kept others waiting twice as long.
        gc.collect()
        gc.freeze()
        return loaded

    return Server(settings, load)
