r"""The final answer in a text, and the form in which answers are compared.

`extract_answer` looks in this order and takes the last match of the first that matches:

1. ``\boxed{...}`` (MATH);
2. ``#### 42`` (GSM8K);
3. "the answer is X", "answer: X": X ends with its sentence; what follows its last "=" counts; of an X longer
   than `_SHORT` words, the first number;
4. a number.
"""

from __future__ import annotations

import re
from fractions import Fraction

_SHORT = 4
_SEARCHED = 20_000  # characters from the end of a text: an answer further away from it is not a final one
_BOXED = r"\boxed{"
_MAX_BOXED = 1000  # characters
_MAX_NUMBER = 100  # characters; a longer run of digits is compared as text

_DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)"
_DECIMAL = rf"(?:{_DIGITS}(?:\.\d+)?|\.\d+)"
_NUMBER = rf"(?:(?<![\w)])[-−])?[$€£¥]?{_DECIMAL}(?:\s?/\s?\d+)?(?:\s?\\?%)?"

_FIND_NUMBER = re.compile(_NUMBER)
_HASHES = re.compile(r"####[ \t]*(\S[^\n]*)")
_ANSWER_IS = re.compile(
    r"\banswer\b[^.\n:=]{0,60}?(?:\sis\b\s*:?|[:=])[ \t]*(\S(?:[^\n.]|\.(?=\S)(?!(?<=\d\.)(?-i:[A-Z])))*)",
    re.IGNORECASE,
)
_VALUE = re.compile(
    rf"(?P<sign>[-+−]?)\s?[$€£¥]?\s?(?P<minus>-?)(?P<number>{_DECIMAL})\.?(?:[eE](?P<exponent>[-+]?\d{{1,2}}))?"
    r"(?:\s?/\s?(?P<denominator>\d+))?(?P<percent>\s?\\?%|\s[Pp]ercent)?(?P<unit>(?:\s[A-Za-z]{2,})*)"
)
_SCALES = frozenset(
    {"hundred", "thousand", "million", "billion", "trillion", "dozen", "half", "and", "or", "to"}
)
_WRAPPERS = (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"), ("**", "**"), (r"\text{", "}"))


def extract_answer(text: str) -> str | None:
    """Return the final answer in a text, or None; the module's docstring gives the order."""
    text = text[-_SEARCHED:]
    boxed = _last_boxed(text)
    if boxed:
        return boxed
    if hashes := _HASHES.findall(text):
        return _stripped(hashes[-1]) or None
    for said in reversed(_ANSWER_IS.findall(text)):
        if answer := _from_sentence(said):
            return answer
    numbers = _FIND_NUMBER.findall(text)
    return str(numbers[-1]) if numbers else None


def _last_boxed(text: str) -> str | None:
    r"""Return what the last complete, non-empty \boxed{} holds."""
    start = len(text)
    while (start := text.rfind(_BOXED, 0, start)) >= 0:
        inner = text[start + len(_BOXED) :][:_MAX_BOXED]
        depth = 1
        for i, character in enumerate(inner):
            depth += (character == "{") - (character == "}")
            if depth == 0:
                if answer := _stripped(inner[:i]):
                    return answer
                break
    return None


def _from_sentence(said: str) -> str | None:
    said = _stripped(said.rstrip("! "))  # no factorial: prose ends in exclamation marks
    if len(said.split()) <= _SHORT:
        return _stripped(said.rsplit("=", 1)[-1]) or None
    number = _FIND_NUMBER.search(said.rsplit("=", 1)[-1]) or _FIND_NUMBER.search(said)
    return number.group() if number else said


def _stripped(answer: str) -> str:
    """Remove what surrounds an answer without being part of it: spaces, a full stop, dollar signs, bold."""
    before = None
    while answer != before:
        before = answer
        answer = " ".join(answer.split()).rstrip(".,;:").strip()
        for opening, closing in _WRAPPERS:
            inner = answer[len(opening) : len(answer) - len(closing)]
            if answer.startswith(opening) and answer.endswith(closing) and inner and opening not in inner:
                answer = inner
    return answer


def value_of(answer: str) -> tuple[Fraction, bool] | None:
    """Return the number an answer states, exactly, and whether as a percentage; None if it is not a number.

    Read are "1,000", "$18.00", "1/2", "-.5", "1e-3", "50%" (as 50) and a number before a unit, "18 cm".
    Words that change the number ("5 million", "3 and a half") make it no number.
    """
    answer = _stripped(answer)
    match = _VALUE.fullmatch(answer) if len(answer) <= _MAX_NUMBER else None
    if match is None or not _SCALES.isdisjoint(match["unit"].lower().split()):
        return None
    denominator = int(match["denominator"] or 1)
    if denominator == 0:
        return None
    number = Fraction(match["number"].replace(",", "")) / denominator
    number *= Fraction(10) ** int(match["exponent"] or 0)
    negative = bool(match["sign"] in ("-", "−") and match["sign"]) != bool(match["minus"])
    return (-number if negative else number), match["percent"] is not None


def canonical(answer: str) -> str:
    """Return the form an answer is shown and compared in.

    A number becomes its shortest exact decimal, or a fraction where there is none ("1,000" -> "1000",
    "$18.00" -> "18", "1/2" -> "0.5", "2/6" -> "1/3", "50 %" -> "50%"); words lose their case; the rest
    stays, without what surrounds it.
    """
    value = value_of(answer)
    if value is not None:
        number, percent = value
        return _written(number) + ("%" if percent else "")
    answer = _stripped(answer)
    return answer.casefold() if is_words(answer) else answer


def is_words(answer: str) -> bool:
    """Whether an answer is ordinary words, which are compared as they are and not as mathematics.

    math-verify reads "no" and "on" as the same product of letters.
    """
    letters = [word for word in re.split(r"[\s'’.,-]+", answer) if word]
    return bool(letters) and all(word.isalpha() for word in letters) and max(map(len, letters)) > 1


def _written(number: Fraction) -> str:
    """Write an exact decimal, or numerator/denominator where it would not end."""
    twos = fives = 0
    rest = number.denominator
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest != 1:
        return str(number)
    places = max(twos, fives)
    digits = str(abs(number.numerator) * 10**places // number.denominator).zfill(places + 1)
    whole, decimals = (digits[:-places], "." + digits[-places:]) if places else (digits, "")
    return ("-" if number < 0 else "") + whole + decimals
