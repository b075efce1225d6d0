"""An automaton is made once for a constraint and a vocabulary, whoever asks and however many at once."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier, Event, Lock

import pytest

from asking import engine_ask
from constraints.checks import TINY
from ponder.constraints import AutomatonCache, Ban, OneOf
from ponder.constraints.recent import Recent
from ponder.errors import ParameterError
from ponder.sampling import SamplingParams
from ponder.text import Vocabulary

OTHER = Vocabulary((b"a", b"b"), ())


@dataclass(frozen=True)
class Counted:
    """Counts its compilations, which take as long as they are told and may fail."""

    name: str
    made: list = field(default_factory=list, compare=False)
    ready: Event = field(default_factory=Event, compare=False)
    fails: list = field(default_factory=list, compare=False)

    def compile(self, vocabulary):
        self.made.append(vocabulary)
        assert self.ready.wait(10)
        if self.fails:
            raise self.fails.pop()
        return Ban(self.name).compile(vocabulary)


def test_the_same_is_compiled_once():
    """Equal values and equal vocabularies are the same; another of either is not."""
    cache = AutomatonCache()
    one = cache.get(Ban("a"), TINY)
    assert (
        cache.get(Ban(["a"]), Vocabulary(tuple(bytes(token) for token in TINY.tokens), TINY.end_ids)) is one
    )
    assert cache.get(Ban("a"), OTHER) is not one
    assert cache.get(Ban("a", ignore_case=True), TINY) is not one
    assert cache.get(Ban("a") & OneOf(("b",)), TINY) is cache.get(Ban("a") & OneOf(("b",)), TINY)
    assert len(cache) == 4


def test_many_threads_wait_for_one():
    """Sixteen threads ask at once while it is being compiled: one compiles, all get the same."""
    cache, constraint, together = AutomatonCache(), Counted("x"), Barrier(16)

    def ask(_):
        together.wait(10)
        return cache.get(constraint, TINY)

    with ThreadPoolExecutor(17) as pool:
        answers = [pool.submit(ask, i) for i in range(16)]
        other = pool.submit(cache.get, Ban("y"), TINY)
        assert other.result(10) is not None  # nobody else waits for it
        constraint.ready.set()
        assert len({id(answer.result(10)) for answer in answers}) == 1
    assert constraint.made == [TINY]


def test_an_error_is_told_to_all_and_not_kept():
    """Who asks later gets the automaton."""
    cache, constraint = AutomatonCache(), Counted("x", fails=[ParameterError("x", "x", "now")])
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(cache.get, constraint, TINY) for _ in range(4)]
        while not constraint.made:
            pass
        constraint.ready.set()
        errors = [answer.exception(10) for answer in answers]
    assert any(isinstance(error, ParameterError) for error in errors)
    assert cache.get(constraint, TINY) is cache.get(constraint, TINY)
    assert len(cache) == 1
    assert len(constraint.made) == 2


def test_the_last_used_are_kept():
    """At most so many."""
    cache = AutomatonCache(2)
    a, b = cache.get(Ban("a"), TINY), cache.get(Ban("b"), TINY)
    assert cache.get(Ban("a"), TINY) is a
    cache.get(Ban("c"), TINY)
    assert len(cache) == 2
    assert cache.get(Ban("a"), TINY) is a
    assert cache.get(Ban("b"), TINY) is not b


def test_what_is_no_key_is_refused():
    """By a sentence, not by a TypeError from a dictionary."""

    class Loose:
        __hash__ = None

        def compile(self, vocabulary):
            raise AssertionError("is not asked")

    with pytest.raises(ParameterError, match="hashable"):
        AutomatonCache().get(Loose(), TINY)


def test_recent_answers_are_bounded_and_shared():
    """Threads that ask for many keys get right answers, and no more than the capacity stays."""
    recent, lock, computed = Recent(10), Lock(), []

    def compute(key):
        with lock:
            computed.append(key)
        return key * key

    with ThreadPoolExecutor(8) as pool:
        keys = [i % 23 for i in range(4000)]
        assert list(pool.map(lambda key: recent.get(key, compute), keys)) == [key * key for key in keys]
    assert len(recent) == 10
    assert set(computed) == set(range(23))


def test_a_mask_is_kept():
    """The same state has the same array."""
    automaton = Ban("ab").compile(TINY)
    state = automaton.step(automaton.start, 0)
    assert automaton.mask(state) is automaton.mask(state)
    joint = (Ban("ab") & OneOf(("ab", "ba"))).compile(TINY)
    assert joint.mask(joint.start) is joint.mask(joint.start)


@pytest.mark.slow
def test_constraints_need_no_torch():
    """They are values to declare and automata to follow: neither import nor use loads torch."""
    program = """
import sys
import ponder.constraints
from ponder.constraints import Ban, Length, OneOf
from ponder.text import Vocabulary
automaton = (Ban("x") & ~OneOf(["a"]) & Length(1, 9)).compile(Vocabulary((b"a", b"b", b""), ()))
assert len(automaton.plan(automaton.start, 9)) == 1
print("torch" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert run.stdout.strip() == "False", run.stderr


def test_an_engine_compiles_once(tiny_model):
    """Requests with equal constraints share an automaton."""
    constraint = Counted("a")
    constraint.ready.set()
    engine = tiny_model.engine
    request = engine_ask((1, 2), SamplingParams(max_tokens=1), constraint)
    jobs = [engine.prepare(request) for _ in range(3)]
    assert constraint.made == [engine.tokenizer.vocabulary]
    masks = [job.group.allowed.mask(job.group.live[0].node.state) for job in jobs]
    assert masks[0] is masks[1] is masks[2], "masks are kept for each request anew"
