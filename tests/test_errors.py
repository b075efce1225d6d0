"""Errors get from one process to another, as multiprocessing and concurrent.futures send them."""

import copy
import pickle

import pytest

from ponder import errors
from ponder.errors import ContextError, ParameterError, PonderError, RoomError

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PonderError)]
ERRORS = [
    ParameterError("top_p", 1.5, "at most 1"),
    RoomError("max_tokens", 9, "at most 8, or the prompt is too long"),
    ContextError("one sentence", "messages"),
    *(kind("one sentence") for kind in KINDS if not issubclass(kind, ParameterError)),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_can_be_pickled_and_copied(error):
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(other) is type(error)
        assert (str(other), vars(other)) == (str(error), vars(error))


def test_a_value_is_shown_shortened():
    error = ParameterError("stop", "x" * 1000, "at most 100 characters")
    assert str(error) == f"stop = '{'x' * 76}... is not allowed: at most 100 characters"
    assert error.value == "x" * 1000
