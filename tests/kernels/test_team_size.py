"""How many threads a program uses, by how often they are put off their cores."""

import pytest

from ponder.kernels import native

if native.missing is not None:
    pytest.skip(f"no native kernels: {native.missing}", allow_module_level=True)

from ponder.kernels.native._native import TeamSize

STEP = 0.01  # seconds
QUIET, CROWDED = 15 * STEP, 400 * STEP  # times that a thread is put off in a step


def sizes(team, allowed, put_off, seconds):
    """Those of the steps of so long a time, in which threads are put off as `put_off(size)` says."""
    found, owed = [], 0.0
    for _ in range(round(seconds / STEP)):
        found.append(team.choose(allowed))
        owed += put_off(found[-1])
        team.note(int(owed), STEP)
        owed -= int(owed)
    return found


def test_all_threads_on_idle_cores():
    assert set(sizes(TeamSize(), 4, lambda size: QUIET, 10)) == {4}


@pytest.mark.parametrize("taken", [1, 2, 3])
def test_those_that_find_a_core_beside_others(taken):
    """And it is tried ever less often whether there are more."""
    found = sizes(TeamSize(), 4, lambda size: CROWDED if size > 4 - taken else QUIET, 60)
    assert min(found) == 4 - taken
    assert found[:200].count(4 - taken) < found[-200:].count(4 - taken)
    assert sum(size > 4 - taken for size in found[-2000:]) / 2000 < 0.05


def test_all_threads_again_when_others_have_gone():
    team = TeamSize()
    assert min(sizes(team, 4, lambda size: CROWDED if size > 1 else QUIET, 30)) == 1
    after = sizes(team, 4, lambda size: QUIET, 20)
    assert after[-1] == 4
    assert after == sorted(after)


def test_at_least_one_thread():
    team = TeamSize()
    assert sizes(team, 2, lambda size: CROWDED, 10)[-1] == 1
    assert set(sizes(TeamSize(), 1, lambda size: CROWDED, 5)) == {1}


def test_another_number_is_taken_at_once():
    team = TeamSize()
    sizes(team, 2, lambda size: CROWDED if size > 1 else QUIET, 5)
    assert team.choose(8) == 8
