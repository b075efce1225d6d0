"""Regular expressions in Python's syntax and with its meaning."""

from __future__ import annotations

import importlib
import re
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Literal

from ponder.constraints.composition import Composable, compile_language
from ponder.constraints.regular import characters
from ponder.constraints.regular.characters import Characters
from ponder.constraints.regular.dfa import Dfa
from ponder.constraints.regular.dfa_automaton import DfaAutomaton
from ponder.constraints.regular.nfa import EDGE, Assertion, Nfa, too_large
from ponder.constraints.regular.subsets import compiled
from ponder.errors import ParameterError
from ponder.text.vocabulary import Vocabulary

MAX_LENGTH = 2**17  # characters of a pattern
MAX_NESTED = 100  # groups inside one another
MAX_COPIES = 2**17  # parts of a pattern, counts multiplied out
MAXREPEAT = 2**32 - 1  # what the parser has for no maximum
TYPES = re.ASCII | re.LOCALE | re.UNICODE
NEWLINE = characters.characters([(10, 10)])
CATEGORIES = {
    "CATEGORY_DIGIT": (r"\d", False),
    "CATEGORY_NOT_DIGIT": (r"\d", True),
    "CATEGORY_SPACE": (r"\s", False),
    "CATEGORY_NOT_SPACE": (r"\s", True),
    "CATEGORY_WORD": (r"\w", False),
    "CATEGORY_NOT_WORD": (r"\w", True),
}
PLAIN = ("LITERAL", "NOT_LITERAL", "IN", "ANY", "FAILURE", "AT")
REFUSED = {  # what no automaton can follow or would need other means, and how it is written
    "ASSERT": ("look-around", r"\(\?<?="),
    "ASSERT_NOT": ("negative look-around", r"\(\?<?!"),
    "GROUPREF": ("a back-reference", r"\\[1-9]|\(\?P="),
    "GROUPREF_EXISTS": ("a conditional", r"\(\?\("),
    "ATOMIC_GROUP": ("an atomic group", r"\(\?>"),
    "POSSESSIVE_REPEAT": ("a possessive repeat", r"[*+?}]\+"),
}


@dataclass(frozen=True, slots=True)
class Regex(Composable):
    r"""The whole text matches `pattern`, as with Python's `re.fullmatch` on strings.

    The syntax is Python's, `(?i)` and the other flags included; `\d`, `\s`, `\w` are those of Unicode.
    Look-around, back-references, conditionals, atomic groups and possessive repeats are refused by name.
    """

    pattern: str
    ignore_case: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.pattern, str):
            raise ParameterError("pattern", self.pattern, "a string")
        if not isinstance(self.ignore_case, bool):
            raise ParameterError("ignore_case", self.ignore_case, "true or false")
        if len(self.pattern) > MAX_LENGTH:
            raise ParameterError(
                "pattern", f"{len(self.pattern)} characters", f"at most {MAX_LENGTH} characters"
            )
        _check(_parsed(self.pattern, self.ignore_case), self.pattern)

    @property
    def allows_control(self) -> bool:
        return False

    def dfa(self) -> Dfa:
        nfa = Nfa()
        return compiled(nfa, self._start(nfa, None))

    def found(self, *, before: bool, after: bool) -> Dfa:
        r"""Return the texts in which the pattern is found, as with Python's `re.search`.

        With `before` and `after` any text may stand before and after what matches; `\b` and other assertions
        see it. Bytes that are no character are read as U+FFFD.
        """
        nfa = Nfa()
        rest = nfa.choose(()) if after else None
        start = self._start(nfa, rest)
        if before:
            inner, start = start, nfa.choose(())
            nfa.free[start] += [inner, nfa.read(nfa.set(characters.everything()), start)]
        return compiled(nfa, start, rest=rest, broken=True)

    def compile(self, vocabulary: Vocabulary) -> DfaAutomaton:
        return compile_language(self, vocabulary)

    def _start(self, nfa: Nfa, rest: int | None) -> int:
        return _Building(nfa, rest).start(_parsed(self.pattern, self.ignore_case))


def _parsed(pattern: str, ignore_case: bool) -> Any:
    """Return the tree that Python's `re` makes of a pattern.

    Its parser is private to the standard library, and has been the same since Python 3.11.
    """
    parser = importlib.import_module("re._parser")
    try:
        return parser.parse(pattern, re.IGNORECASE if ignore_case else 0)
    except re.error as error:
        where = "" if error.pos is None else f" at character {error.pos + 1}"
        raise ParameterError("pattern", pattern, f"a regular expression: {error.msg}{where}") from None
    except RecursionError:
        raise _too_deep(pattern) from None
    except OverflowError:
        raise too_large("a count that is too large") from None


def _too_deep(pattern: str) -> ParameterError:
    return ParameterError("pattern", pattern, f"at most {MAX_NESTED} groups inside one another")


def _check(tree: Any, pattern: str) -> None:
    """Refuse what is no regular set or is nested too deeply."""
    ahead = [(tree, 0)]
    while ahead:
        items, depth = ahead.pop()
        if depth > MAX_NESTED:
            raise _too_deep(pattern)
        for operator, argument in items:
            name = str(operator)
            if name == "BRANCH":
                ahead += [(way, depth) for way in argument[1]]
            elif name == "SUBPATTERN":
                ahead.append((argument[3], depth + 1))
            elif name in ("MAX_REPEAT", "MIN_REPEAT"):
                ahead.append((argument[2], depth))
            elif name not in PLAIN and not (name == "ASSERT_NOT" and not argument[1]):
                what, written = REFUSED.get(name, (name.lower(), r"\Z."))
                scan = re.finditer(rf"(?s)({written})|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", pattern)
                place = next((found.start() + 1 for found in scan if found[1]), 0)
                where = f"character {place} begins {what}" if place else f"it has {what}"
                raise ParameterError("pattern", pattern, f"a regular set of texts, but {where}")


class _Building:
    """Builds the places of a pattern's tree. After place `rest` every text is accepted."""

    def __init__(self, nfa: Nfa, rest: int | None) -> None:
        self._nfa = nfa
        self._rest = rest
        self._copies = 0
        self._sets: dict[Hashable, int] = {}
        self._before_end: list[tuple[int, int]] = []  # of each `$` its place and the one after it

    def start(self, tree: Any) -> int:
        """Return the place before a whole pattern."""
        start = self._sequence(tree, tree.state.flags, self._rest or 0)
        for place, after in self._before_end:
            self._allow_newline(place, after)
        return start

    def _sequence(self, items: Any, flags: int, after: int) -> int:
        for operator, argument in reversed(items.data):
            after = self._item(str(operator), argument, flags, after)
        return after

    def _item(self, operator: str, argument: Any, flags: int, after: int) -> int:
        self._count()
        match operator:
            case "LITERAL" | "NOT_LITERAL" | "IN" | "ANY":
                return self._nfa.read(self._set(operator, argument, flags), after)
            case "FAILURE" | "ASSERT_NOT":  # `(?!)`
                return self._nfa.choose(())
            case "AT":
                return self._at(str(argument), flags, after)
            case "BRANCH":
                return self._nfa.choose([self._sequence(way, flags, after) for way in argument[1]])
            case "SUBPATTERN":
                _, added, removed, inner = argument
                if added & TYPES:
                    flags &= ~TYPES
                return self._sequence(inner, (flags | added) & ~removed, after)
        least, most, inner = argument
        if most == MAXREPEAT:
            end, after = after, self._nfa.choose((after,))
            self._nfa.free[after].append(self._sequence(inner, flags, after))
        else:
            end = after
            for _ in range(most - least):
                self._count()
                after = self._nfa.choose((self._sequence(inner, flags, after), end))
        for _ in range(least):
            self._count()
            after = self._sequence(inner, flags, after)
        return after

    def _count(self) -> None:
        self._copies += 1
        if self._copies > MAX_COPIES:
            raise too_large(f"more than {MAX_COPIES} parts, counts multiplied out")

    def _at(self, where: str, flags: int, after: int) -> int:
        lines = self._nfa.context(NEWLINE) if flags & re.MULTILINE else 0
        match where:
            case "AT_BEGINNING":
                return self._nfa.require(Assertion("start", EDGE | lines), after)
            case "AT_BEGINNING_STRING":
                return self._nfa.require(Assertion("start", EDGE), after)
            case "AT_END":
                end = self._nfa.require(Assertion("end", EDGE | lines), after)
                place = self._nfa.choose((end,))
                if not lines:
                    self._before_end.append((place, after))
                return place
            case "AT_END_STRING":
                return self._nfa.require(Assertion("end", EDGE), after)
        word = self._nfa.context(characters.category(r"\w", bool(flags & re.ASCII)))
        name: Literal["boundary", "no boundary"] = "boundary" if where == "AT_BOUNDARY" else "no boundary"
        return self._nfa.require(Assertion(name, word), after)

    def _allow_newline(self, place: int, after: int) -> None:
        """Let `$` stand before a newline that ends the text, as far as what follows it reads none."""
        seen, ahead = {after}, [after]
        numbers = {number for members, number in self._nfa.sets.items() if _contains(members, 10)}
        reads = False
        while ahead:
            at = ahead.pop()
            move, asserted = self._nfa.moves[at], self._nfa.asserted[at]
            reads = reads or (move is not None and move[0] in numbers)
            further = {*self._nfa.free[at], *([asserted[1]] if asserted else [])} - seen
            seen |= further
            ahead += further
        if self._rest in seen:
            end = self._nfa.require(Assertion("end", EDGE), self._rest)
            self._nfa.free[place].append(self._nfa.read(self._nfa.set(NEWLINE), end))
        elif reads:
            raise ParameterError("pattern", "$ before what may read a newline", r"\Z, or (?m) and $")

    def _set(self, operator: str, argument: Any, flags: int) -> int:
        """Return the number of the set that a part of the pattern reads a character of."""
        if operator == "IN":
            known: Hashable = tuple(argument) if len(argument) < 9 else id(argument), flags
        else:
            known = operator, argument, flags
        if known not in self._sets:
            items = argument if operator == "IN" else [(operator, argument)]
            self._sets[known] = self._nfa.set(_members(items, flags))
        return self._sets[known]


def _members(items: Any, flags: int) -> Characters:
    """Return the characters of a class."""
    ascii_only, negated = bool(flags & re.ASCII), False
    spans: list[tuple[int, int]] = []
    for operator, argument in items:
        match str(operator):
            case "NEGATE":
                negated = True
            case "ANY":
                spans += characters.everything() if flags & re.DOTALL else characters.all_but(NEWLINE)
            case "LITERAL":
                spans.append((argument, argument))
            case "NOT_LITERAL":
                spans.append((argument, argument))
                negated = True
            case "RANGE":
                spans.append(argument)
            case _:
                name, others = CATEGORIES[str(argument)]
                inside = characters.category(name, ascii_only)
                spans += characters.all_but(inside) if others else inside
    members = characters.characters(spans)
    if flags & re.IGNORECASE:
        members = characters.ignoring_case(members, ascii_only)
    return characters.all_but(members) if negated else members


def _contains(members: Characters, point: int) -> bool:
    return any(first <= point <= last for first, last in members)
