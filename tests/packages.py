"""Prints what ponder, its tests and its benchmarks need from the package index, as pip reads it."""

import re
import tomllib
from pathlib import Path


def project(path: str) -> dict:
    return tomllib.loads(Path(path).read_text())["project"]


def of_extra(name: str, extras: dict[str, list[str]]) -> set[str]:
    """What an extra names, and what the extras of ponder that it names do."""
    found = set()
    for one in extras[name]:
        others = re.fullmatch(r"ponder\[(.*)\]", one)
        found |= set().union(*(of_extra(n, extras) for n in others[1].split(","))) if others else {one}
    return found


if __name__ == "__main__":
    ponder, benchmarks = project("pyproject.toml"), project("benchmarks/pyproject.toml")
    named = {*ponder["dependencies"], *of_extra("dev", ponder["optional-dependencies"])}
    named |= {*benchmarks["dependencies"]}
    print(*sorted(one for one in named if not one.startswith("ponder")), sep="\n")
