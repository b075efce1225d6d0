"""Tests that come in a package's source distribution."""

import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path


def unpacked(
    python: Path,
    package: str,
    members: tuple[str, ...],
    folder: Path,
    *,
    options: tuple[str, ...] = (),
    env: Mapping[str, str] | None = None,
) -> Path:
    """Unpack part of a source distribution, unless it is there; return the folder.

    Parameters
    ----------
    python : whose pip downloads it.
    package : name==version.
    members : beginnings of the paths to unpack, below the distribution's own folder.
    folder : where to; the distribution's own folder is left out of paths.
    options, env : pip's further arguments and its environment: pip asks each source distribution for its
        metadata, for which some need packages or settings.
    """
    done = folder / ".unpacked"
    want = f"{package} {' '.join(members)}"
    if done.exists() and done.read_text() == want:
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    name, version = package.split("==")
    archive = folder / f"{name.replace('-', '_')}-{version}.tar.gz"
    if not archive.exists():
        command = [str(python), "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        subprocess.run([*command, *options, "--dest", str(folder), package], check=True, env=env)
    with tarfile.open(archive) as tar:
        for member in tar:
            path = member.name.partition("/")[2]
            if path.startswith(members):
                member.name = path
                tar.extract(member, folder, filter="data")
    archive.unlink()
    done.write_text(want)
    return folder
