"""The formats of strings that are checked when a string closes. All others are annotations."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from datetime import date

from jsonschema import FormatChecker

_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_TIME = re.compile(r"(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[zZ]|([+-])(\d\d):(\d\d))", re.ASCII)
_DURATION = re.compile(
    r"P(?:\d+W|(?=.)(?:\d+Y(?:\d+M(?:\d+D)?)?|\d+M(?:\d+D)?|\d+D)?"
    r"(?:T(?:\d+H(?:\d+M(?:\d+S)?)?|\d+M(?:\d+S)?|\d+S))?)",
    re.ASCII,
)
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOSTNAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}", re.ASCII)
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf'{_ATOM}(?:\.{_ATOM})*|"(?:[ !#-\[\]-~]|\\[ -~])*"')
_PLAIN = r"[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2}"
_URI = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*:"
    rf"(?://(?:(?:{_PLAIN}|:)*@)?(?:\[(?P<literal>[^\]/?#]*)\]|(?:{_PLAIN})*)(?::\d*)?(?:/(?:{_PLAIN}|[:@])*)*"
    rf"|/(?:(?:{_PLAIN}|[:@])+(?:/(?:{_PLAIN}|[:@])*)*)?|(?:{_PLAIN}|[:@])+(?:/(?:{_PLAIN}|[:@])*)*|)"
    rf"(?:\?(?:{_PLAIN}|[:@/?])*)?(?:#(?:{_PLAIN}|[:@/?])*)?",
    re.ASCII,
)
_FUTURE = re.compile(rf"[vV][0-9A-Fa-f]+\.(?:{_PLAIN}|:)+")


def _is_date(text: str) -> bool:
    found = _DATE.fullmatch(text)
    if not found:
        return False
    year, month, day = map(int, found.groups())
    try:
        date(year or 2000, month, day)  # the year 0 was a leap year
    except ValueError:
        return False
    return True


def _is_time(text: str) -> bool:
    found = _TIME.fullmatch(text)
    if not found:
        return False
    hour, minute, second = (int(found[place]) for place in (1, 2, 3))
    offset = 0
    if found[4]:
        hours, minutes = int(found[5]), int(found[6])
        if hours > 23 or minutes > 59:
            return False
        offset = (hours * 60 + minutes) * (1 if found[4] == "+" else -1)
    if hour > 23 or minute > 59 or second > 60:
        return False
    return second < 60 or (hour * 60 + minute - offset) % 1440 == 1439  # a leap second ends a day of UTC


def _is_date_time(text: str) -> bool:
    return len(text) > 11 and text[10] in "tT" and _is_date(text[:10]) and _is_time(text[11:])


def _is_duration(text: str) -> bool:
    return len(text) > 1 and _DURATION.fullmatch(text) is not None


def _is_hostname(text: str) -> bool:
    """Whether a text is a host's name in ASCII. Names that encode other letters (xn--) are refused."""
    return len(text) <= 253 and _is_domain(text)


def _is_domain(text: str) -> bool:
    return _HOSTNAME.fullmatch(text) is not None and not any(label[2:4] == "--" for label in text.split("."))


def _is_ipv6(text: str) -> bool:
    try:
        return text.isascii() and "%" not in text and bool(ipaddress.IPv6Address(text))
    except ValueError:
        return False


def _is_email(text: str) -> bool:
    local, _, domain = text.rpartition("@")
    if not _LOCAL.fullmatch(local):
        return False
    if domain.startswith("[") and domain.endswith("]"):
        literal = domain[1:-1]
        return bool(_IPV4.fullmatch(literal)) or (literal.startswith("IPv6:") and _is_ipv6(literal[5:]))
    return _is_domain(domain)


def _is_uri(text: str) -> bool:
    found = _URI.fullmatch(text)
    if not found:
        return False
    literal = found["literal"]
    return literal is None or _is_ipv6(literal) or _FUTURE.fullmatch(literal) is not None


CHECKS: dict[str, Callable[[str], bool]] = {
    "date": _is_date,
    "time": _is_time,
    "date-time": _is_date_time,
    "duration": _is_duration,
    "uuid": lambda text: _UUID.fullmatch(text) is not None,
    "hostname": _is_hostname,
    "ipv4": lambda text: _IPV4.fullmatch(text) is not None,
    "ipv6": _is_ipv6,
    "email": _is_email,
    "uri": _is_uri,
}
"""Whether a text has a format, by the format's name."""


def checker() -> FormatChecker:
    """Return the checks in the form that `jsonschema` takes."""
    made = FormatChecker(formats=())
    for name, holds in CHECKS.items():
        made.checks(name)(lambda value, holds=holds: not isinstance(value, str) or holds(value))
    return made
