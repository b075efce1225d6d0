"""What a user can cause. Everything that is not a `PonderError` is a bug and should look like one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager


class PonderError(Exception):
    """One clear sentence: which field, which value, what is allowed."""


class ParameterError(PonderError):
    """A parameter has a value outside what is allowed."""

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(field, value, allowed)  # what copying and pickling make it anew from
        self.field = field
        self.value = value
        self.allowed = allowed

    def __str__(self) -> str:
        shown = repr(self.value)
        if len(shown) > 80:
            shown = shown[:77] + "..."
        return f"{self.field} = {shown} is not allowed: {self.allowed}"


class RoomError(ParameterError):
    """More tokens are asked for than the model's context has room for after the prompt.

    Its sentence has the words "the prompt is too long", by which clients know it.
    """


class CheckpointError(PonderError):
    """A model file is missing, damaged, or of a kind that is not supported."""


class TemplateError(PonderError):
    """A chat template is malformed, or did something a template may not do."""


class CapacityError(PonderError):
    """A request is larger than what the model or the memory can hold; says both numbers."""


class ContextError(CapacityError):
    """A request is longer than the model's context; says both numbers. `field` is what is too long.

    Its sentence begins with "the prompt is too long", by which clients know it.
    """

    def __init__(self, message: str, field: str = "prompt") -> None:
        super().__init__(message)
        self.field = field


class DataError(PonderError):
    """A data file has a line that cannot be used; says which."""


class UnsupportedError(PonderError):
    """A backend cannot do what was asked; says what, by name."""


class QueueFullError(PonderError):
    """As many requests are waiting as may wait; the same request can be made again later."""


class DeadlineError(PonderError):
    """A request's deadline passed before any of its text was there."""


class ClosedError(PonderError):
    """The model was closed while a request was under way, or before it was made."""


class PonderWarning(UserWarning):
    """Something works, but less well than it could, and the user can mend it."""


def one_or_all(wrong: Sequence[object]) -> object:
    """Return what an error shows of several wrong values: the only one, or a list of all."""
    return wrong[0] if len(wrong) == 1 else list(wrong)


@contextmanager
def renaming(names: Mapping[str, str]) -> Iterator[None]:
    """Let errors name a parameter as the caller did: `names` maps ours to theirs."""
    try:
        yield
    except ParameterError as error:
        if error.field not in names:
            raise
        raise type(error)(names[error.field], error.value, error.allowed) from None
    except ContextError as error:
        raise ContextError(str(error), names.get(error.field, error.field)) from None
