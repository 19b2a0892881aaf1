"""What a plain scalar of YAML means to Ruby (Psych 4).

YAML 1.1 leaves much to its readers; settings have been written for Ruby's, so its readings count, odd ones included. A
table of texts and of what Psych makes of them is among the tests.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, Final


class Symbol(str):
    """A symbol of Ruby: a name, written with a colon in front. It is not equal to the text of its name."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Symbol) and str(self) == str(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((Symbol, str(self)))

    def __str__(self) -> str:
        return str.__str__(self)


_WORD = re.compile(r"^[^0-9.:\-]?(?:[^\W\d_]|[_\s!@#$%^&*(){}<>|/\\~;=])", re.MULTILINE)
"""Text that can be no number; only short words of it can mean something else than themselves."""

_LONGEST_WORD = 5
_MAY_MEAN_MORE = re.compile(r"[ytonf~]", re.IGNORECASE)
_NULL = re.compile(r"^null$", re.IGNORECASE | re.MULTILINE)
_TRUE = re.compile(r"^(?:yes|true|on)$", re.IGNORECASE | re.MULTILINE)
_FALSE = re.compile(r"^(?:no|false|off)$", re.IGNORECASE | re.MULTILINE)

_TIME = re.compile(
    r"-?([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[Tt]|\s+)([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]*))?"
    r"(?:\s*(Z|[-+][0-9]{1,2}:?(?:[0-9]{2})?))?"
)
_ZONE = re.compile(r"([-+])([0-9]{1,2}):?([0-9]{2})?")
_DATE = re.compile(r"([0-9]{4})-(1[012]|0[0-9]|[0-9])-([12][0-9]|3[01]|0[0-9]|[0-9])")
_QUOTED_SYMBOL = re.compile(r":([\"'])(.*)\1")
_SIXTIES = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9]){1,2}(\.[0-9_]*)?")
_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_,]*)?\.[0-9]*(?:[eE][-+][0-9]+)?")
_INTEGER = re.compile(r"([-+]?)(?:0b([01_,]+)|(0[0-7_,]+)|(0|[1-9](?:[0-9]|,[0-9]|_[0-9])*)|0x([0-9a-fA-F_,]+))")
_BASES: Final = (2, 8, 10, 16)
_SPECIAL: Final = {".inf": float("inf"), "+.inf": float("inf"), "-.inf": float("-inf"), ".nan": float("nan")}


def meaning(text: str) -> Any:
    """The value of a plain scalar.

    @raise ValueError: it looks like a number and is none; Ruby gives up as well.
    """
    if not text:
        return None
    if "\n" in text or _WORD.match(text):
        return _word(text)
    if matched := _TIME.fullmatch(text):
        return _time(matched, text)
    if matched := _DATE.fullmatch(text):
        return _date(matched, text)
    if text.lower() in _SPECIAL:
        return _SPECIAL[text.lower()]
    if text.startswith(":") and len(text) > 1:
        quoted = _QUOTED_SYMBOL.match(text)
        return Symbol(quoted[2].removeprefix(":") if quoted else text[1:])
    if matched := _SIXTIES.fullmatch(text):
        return _sixties(text, is_whole=matched[1] is None)
    if _FLOAT.fullmatch(text):
        return text if text in {".", "+.", "-."} else _float(text)
    if matched := _INTEGER.fullmatch(text):
        return _integer(matched)
    return text


def _word(text: str) -> Any:
    """Booleans and null; with several lines, any of them may be what counts."""
    if len(text) > _LONGEST_WORD or any(not _MAY_MEAN_MORE.match(line) for line in text.split("\n") if line):
        return text
    if text == "~" or _NULL.search(text):
        return None
    if _TRUE.search(text):
        return True
    return False if _FALSE.search(text) else text


def _date(found: re.Match[str], text: str) -> date | str:
    try:
        return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return text


def _time(found: re.Match[str], text: str) -> datetime | str:
    """A moment; days and hours that are one too many belong to the next month or day, as Ruby has it."""
    year, month, day, hour, minute, second = (int(found[number]) for number in range(1, 7))
    fine = hour < 24 or (hour == 24 and minute == second == 0)
    if text.startswith("-") or not (1 <= day <= 31 and fine and minute < 60 and second <= 60):
        return text
    try:
        begin = datetime(year, month, 1, tzinfo=_zone(found[8]))
    except ValueError:
        return text
    fraction = timedelta(microseconds=int((found[7] or "0").ljust(6, "0")[:6]))
    return begin + timedelta(days=day - 1, hours=hour, minutes=minute, seconds=second) + fraction


def _zone(text: str | None) -> timezone:
    """
    @raise ValueError: a day or more away.
    """
    found = _ZONE.fullmatch(text) if text and text != "Z" else None
    if found is None:
        return UTC
    hours, minutes = int(found[1] + found[2]), int(found[3] or 0)
    return timezone(timedelta(hours=hours, minutes=-minutes if hours < 0 else minutes))


def _sixties(text: str, *, is_whole: bool) -> int | float:
    """Hours, minutes and seconds in seconds; of two numbers Ruby takes the first for hours."""
    total: int | float = 0
    for place, digits in enumerate(text.split(":")):
        number = int(digits.replace("_", "")) if is_whole else float(digits.replace("_", ""))
        total += number * 60 ** abs(place - 2)
    return total


def _float(text: str) -> float:
    return float(text.replace(",", "").replace("_", ""))


def _integer(found: re.Match[str]) -> int:
    base, digits = next((base, found[group]) for group, base in enumerate(_BASES, 2) if found[group] is not None)
    return int(found[1] + digits.replace(",", "").replace("_", ""), base)
