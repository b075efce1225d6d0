"""`ponder lab scaling`: all of its parts on the real model, small; and what it refuses."""

import json
from pathlib import Path

import pytest

from ponder.lab.pool import Pool
from ponder.lab.scaling import PARTS


@pytest.mark.slow
def test_all_parts(ponder, tmp_path: Path) -> None:
    """Each prints what it found and writes its files; what is drawn already is not drawn again."""
    ran = ponder("lab", "scaling", "--quick", "--json", "--out", str(tmp_path))
    assert ran.status == 0, ran.err
    told = [json.loads(line) for line in ran.out.splitlines()]
    assert [one["part"] for one in told] == list(PARTS)
    assert all(one["found"] and one["versions"]["ponder"] for one in told)
    results = sorted(path.name for path in tmp_path.glob("*.json"))
    assert results == sorted(f"lab_scaling_{part.replace('-', '_')}_smollm2-135m.json" for part in PARTS)
    pool = Pool.read(tmp_path / "pools" / "smollm2-135m.gcd.jsonl")
    assert len(pool.problems) == 4
    again = ponder("lab", "scaling", "coverage", "--quick", "--json", "--out", str(tmp_path))
    assert json.loads(again.out) == told[0]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("nothing",), "part = 'nothing' is not allowed: one of coverage, votes"),
        (("--reward", "nothing"), "reward = 'nothing' is not allowed: head, likelihood"),
        (("--task", "nothing"), "task = 'nothing' is not allowed"),
        (("--quick", "--samples", "8"), "samples = 8 is not allowed: left unset with --quick"),
    ],
)
def test_refused(ponder, options: tuple[str, ...], says: str) -> None:
    """In one line, with the exit status 2."""
    ran = ponder("lab", "scaling", *options)
    assert ran.status == 2
    assert says in ran.err
