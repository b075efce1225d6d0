"""`ponder doctor`: what this installation has and what it lacks."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from dataclasses import asdict, dataclass
from importlib import metadata
from importlib.util import find_spec

from ponder.cli.options import Json
from ponder.cli.terminal import out, working


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `ok` is None where it is optional and absent."""

    name: str
    ok: bool | None
    found: str


def doctor(json: Json = False) -> int:
    """Check the installation; exit 1 if something needed is missing."""
    with working("looking around"):
        checks = [
            _python(),
            _torch(),
            _kernels(),
            _template_worker(),
            _cache(),
            _model(),
            _optional("huggingface_hub", "hub"),
            _optional("fastapi", "server"),
            _optional("matplotlib", "bench"),
        ]
    if json:
        from ponder.cli.report import print_json

        print_json([asdict(check) for check in checks])
    else:
        for check in checks:
            mark = {True: "ok     ", False: "MISSING", None: "-      "}[check.ok]
            out().print(f"{mark} {check.name:<16} {check.found}")
    return int(any(check.ok is False for check in checks))


def _python() -> Check:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    where = f"{platform.system()} {platform.machine()}, {cores} cores"
    return Check("python", sys.version_info >= (3, 11), f"{platform.python_version()} on {where}")


def _torch() -> Check:
    try:
        import torch
    except ImportError as error:
        return Check("torch", False, str(error))
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU only"
    return Check("torch", True, f"{torch.__version__}, {torch.get_num_threads()} threads, {device}")


def _kernels() -> Check:
    try:
        from ponder.kernels import native
    except ImportError as error:  # no torch
        return Check("native kernels", False, str(error))
    if native.missing is not None:
        return Check("native kernels", None, f"install a C++ compiler and ponder again ({native.missing})")
    return Check("native kernels", True, f"for {native.instruction_set()} (PONDER_KERNELS chooses)")


def _template_worker() -> Check:
    from ponder.errors import PonderError
    from ponder.text import ChatTemplate, Message

    template = ChatTemplate("{{ messages[0].content }}", bos_token="", eos_token="")
    try:
        works = template.render([Message("user", "hi")]) == "hi"
    except PonderError as error:
        return Check("chat templates", False, str(error))
    finally:
        template.close()
    return Check("chat templates", works, "rendered in a confined child process")


def _cache() -> Check:
    from ponder.hub.registry import cache_dir

    folder = cache_dir()
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    try:
        with tempfile.TemporaryDirectory(dir=existing):
            return Check("cache", True, f"{folder} (PONDER_HOME sets it)")
    except OSError as error:
        return Check("cache", False, f"{folder} cannot be written: {error.strerror} (PONDER_HOME sets it)")


def _model() -> Check:
    from ponder.checkpoints import open_checkpoint
    from ponder.errors import PonderError
    from ponder.hub.registry import DEFAULT_MODEL

    try:
        checkpoint = open_checkpoint(DEFAULT_MODEL)
    except PonderError as error:
        return Check("default model", False, str(error))
    return Check("default model", True, str(checkpoint.path))


def _optional(package: str, extra: str) -> Check:
    if find_spec(package) is None:
        return Check(package, None, f"pip install 'ponder[{extra}]' to have it")
    return Check(package, True, metadata.version(package))
