"""Calls of tools in what a model writes, told from text.

What is not exactly a call as the model's form has it, with the name of a tool that was given, is text:
nothing that a model says is lost. A bare call, without the form's marks, is one only where the text begins.
"""

from __future__ import annotations

from collections.abc import Collection

from ponder.text.bare_call import BareCall
from ponder.text.call_form import HERMES, CallForm, NoCalls, ToolCall

__all__ = ["ToolCall", "ToolCallReader"]


class ToolCallReader:
    """Tells calls from text that comes in pieces; however it is cut, the same comes out.

    White space before a call, and after the last one, belongs to neither and is left out. Where calls end the
    text, they are told at its end.

    Parameters
    ----------
    names
        Of the tools that can be called.
    begun
        What the text begins with already: a call may begin in it, but nothing of it is told again.
    form
        How the model writes calls.
    """

    def __init__(self, names: Collection[str], begun: str = "", form: CallForm = HERMES) -> None:
        self._names = frozenset(names)
        self._form = form
        self._bare = BareCall(self._names) if form.bare else None  # None: the text does not begin with one
        self._mark = next(iter(form.opening.split()), "")
        self._end = form.end.strip()
        self._rest, self._had = "", 0
        self._checked = 0  # characters of the rest that have no end of a call
        self._told_text = False
        self._after_call = False
        self.push(begun)
        self._had = len(self._rest)  # characters at its beginning that are not told

    def push(self, text: str) -> list[str | ToolCall]:
        """Return what is certain by now: texts, none of them empty, and calls, in order."""
        self._rest += text
        out: list[str | ToolCall] = []
        if self._bare is not None and not self._reads_bare(self._bare, out, ended=False):
            return out
        while self._finds_opening(out) and self._form.again is not None:
            end = self._rest.find(self._end, self._checked) + len(self._end)
            if end < len(self._end):
                self._checked = max(0, len(self._rest) - len(self._end) + 1)
                break
            try:
                calls = self._form.read(self._rest[:end], self._names, ended=False)
            except NoCalls as error:
                if error.unfinished:  # the end stands in a string
                    self._checked = end
                else:
                    self._give_up(out)
                continue
            out += calls
            self._take(end)
            self._after_call = True
        return out

    def flush(self) -> list[str | ToolCall]:
        """Return what is left at the text's end, calls or text."""
        out: list[str | ToolCall] = []
        if self._bare is not None:
            self._reads_bare(self._bare, out, ended=True)
            out += self.push("")
        while self._finds_opening(out):
            try:
                out += self._form.read(self._rest, self._names, ended=True)
            except NoCalls:
                self._give_up(out)
                out += self.push("")
                continue
            self._take(len(self._rest))
            self._after_call = True
        rest = self._take(len(self._rest))
        return out if not rest or (self._after_call and rest.isspace()) else [*out, rest]

    def _reads_bare(self, bare: BareCall, out: list[str | ToolCall], *, ended: bool) -> bool:
        """Tell the bare call that the text begins with; return whether it is certain if there is one."""
        try:
            call, end = bare.read(self._rest, ended=ended)
        except NoCalls as error:
            if error.unfinished and not ended:
                return False
        else:
            out.append(call)
            self._take(end)
            self._after_call = True
        self._bare = None
        return True

    def _finds_opening(self, out: list[str | ToolCall]) -> bool:
        """Tell the text before what calls begin with; return whether that, or a beginning of it, is there."""
        if not self._mark:  # calls are the whole text
            if self._told_text or not self._form.may_begin(self._rest):
                self._tell(len(self._rest), out)
            return bool(self._rest)
        while self._mark in self._rest:
            self._tell(len(self._rest[: self._rest.index(self._mark)].rstrip()), out)
            if self._form.may_begin(self._rest):
                return True
            self._give_up(out)
        begun = next(n for n in range(len(self._mark) - 1, -1, -1) if self._rest.endswith(self._mark[:n]))
        self._tell(len(self._rest[: len(self._rest) - begun].rstrip()), out)
        return False

    def _give_up(self, out: list[str | ToolCall]) -> None:
        """Tell as text what calls begin with."""
        self._checked = 0
        self._tell(self._rest.index(self._mark) + len(self._mark) if self._mark else len(self._rest), out)

    def _tell(self, count: int, out: list[str | ToolCall]) -> None:
        self._told_text |= count > 0
        if told := self._take(count):
            out.append(told)
            self._after_call = False

    def _take(self, count: int) -> str:
        """Take so many characters off the rest; return those of them that are new."""
        told, self._rest = self._rest[:count], self._rest[count:]
        had, self._had = self._had, max(0, self._had - count)
        self._checked = max(0, self._checked - count)
        return told[had:]
