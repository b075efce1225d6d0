"""Names of models and the files they stand for: the models ponder knows, and those pulled from the hub.

Nothing here reads a model or touches the network.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from ponder.errors import CheckpointError
from ponder.hub.kinds import is_gguf, what_it_is
from ponder.hub.known import DEFAULT_MODEL, KNOWN_MODELS, KnownModel

__all__ = [
    "DEFAULT_MODEL",
    "ModelEntry",
    "cache_dir",
    "hub_path",
    "is_hub_id",
    "is_registered",
    "known_model",
    "known_path",
    "list_models",
    "resolve",
]

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One line of `ponder models list`; `path` is None for a model that is not downloaded."""

    name: str
    description: str
    good_for: str
    licence: str
    size_bytes: int
    path: Path | None


def cache_dir() -> Path:
    """Return the folder of downloaded models: `PONDER_HOME`, or the user's cache folder."""
    home = os.environ.get("PONDER_HOME")
    if home:
        return Path(home).expanduser().absolute()
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("ponder"))


def known_model(name: str) -> KnownModel | None:
    """Return the model that has this name of its own."""
    return next((model for model in KNOWN_MODELS if model.name == name), None)


def is_registered(name: str) -> bool:
    """Return whether `name` is a known model, or the id of a hub model in the cache."""
    return known_model(name) is not None or (is_hub_id(name) and hub_path(name).is_dir())


def list_models() -> list[ModelEntry]:
    """Return the known models and the hub models in the cache."""
    entries = []
    for model in KNOWN_MODELS:
        path = known_path(model)
        downloaded = path if path.is_file() else None
        entries.append(
            ModelEntry(
                model.name, model.description, model.good_for, model.licence, model.size_bytes, downloaded
            )
        )
    for folder in sorted((cache_dir() / "hub").glob("*/*")):
        name = f"{folder.parent.name}/{folder.name}"
        if is_hub_id(name) and folder.is_dir():
            size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            entries.append(
                ModelEntry(name, "Hugging Face model", "see its card", "see its card", size, folder)
            )
    return entries


def resolve(name_or_path: str) -> Path:
    """Return the GGUF file or Hugging Face directory that a name or path stands for.

    Parameters
    ----------
    name_or_path
        A known model's name, a local GGUF file, whatever its ending, a local directory with a `config.json`,
        or the id of a hub model that was pulled.

    Raises
    ------
    CheckpointError
        The name is unknown, or its model is not downloaded; says what to run or what is taken.
    """
    model = known_model(name_or_path)
    if model is not None:
        if not known_path(model).is_file():
            raise CheckpointError(f"{model.name} is not downloaded: run: ponder models pull {model.name}")
        return known_path(model)
    path = Path(name_or_path)
    taken = "a .gguf file, a directory with config.json and safetensors, or a pulled org/name"
    try:
        if path.is_file() and (path.suffix.lower() == ".gguf" or is_gguf(path)):
            return path
        if path.is_dir() and (path / "config.json").is_file():
            return path
        exists = path.exists()
    except (OSError, ValueError):
        exists = False
    if exists:
        described = _what_folder(path) if path.is_dir() else what_it_is(path) if path.is_file() else None
        if described is not None:
            raise CheckpointError(f"{name_or_path!r} is {described}")
        raise CheckpointError(f"{name_or_path!r} is not a model: what is taken is {taken}")
    known = ", ".join(model.name for model in KNOWN_MODELS)
    if is_hub_id(name_or_path):
        if hub_path(name_or_path).is_dir():
            return hub_path(name_or_path)
        raise CheckpointError(
            f"{name_or_path} is neither a local path nor downloaded: run: ponder models pull {name_or_path} "
            f"(known models: {known})"
        )
    raise CheckpointError(f"{name_or_path!r} is not a known model ({known}) and not {taken}")


def _what_folder(path: Path) -> str | None:
    """Return what a folder without a config.json is, if that is known, and what to do about it."""
    try:
        files = sorted(file.name for file in path.iterdir() if file.suffix.lower() == ".gguf")
    except OSError:
        files = []
    if files:
        return f"a folder of GGUF files: give one of them, such as {path / files[0]}"
    if (path / "adapter_config.json").is_file():
        return "an adapter without its model: merge it into the model and give the directory of that"
    if (path / "snapshots").is_dir() and (path / "refs").is_dir():
        return "a folder of the Hugging Face cache: give one of the folders in its folder snapshots"
    if (path / "blobs").is_dir() and (path / "manifests").is_dir():
        return "Ollama's folder of models: give the file of its folder blobs that a manifest names"
    return None


def known_path(model: KnownModel) -> Path:
    """Return where a known model is, once it is downloaded."""
    return cache_dir() / "models" / f"{model.name}.gguf"


def is_hub_id(name: str) -> bool:
    """Return whether a name has the form org/name."""
    return _HUB_ID.fullmatch(name) is not None and ".." not in name


def hub_path(name: str) -> Path:
    """Return where the hub model of this id is, once it is downloaded."""
    return cache_dir() / "hub" / name
