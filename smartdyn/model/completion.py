"""How the last term of a search can go on: its key, then what a key's values are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from smartdyn.model import causes
from smartdyn.model.query import KEYS, MOST_CHARACTERS, NO_PARENT, RESULTS, STATES, quoted

_LAST = re.compile(r'(?P<before>(?:.*\s)?)(?:(?P<key>[a-z]+):(?!:))?(?P<value>[^"\s]*)', re.DOTALL)
_IN_QUOTES = re.compile(r'(?P<before>(?:[^"]*"[^"]*")*[^"]*?)(?:(?P<key>[a-z]+):)?"(?P<value>[^"]*)', re.DOTALL)
_AGO: Final = ("15m", "1h", "2h", "24h", "7d", "30d")
_FIXED: Final[Mapping[str, tuple[str, ...]]] = {
    "state": STATES,
    "result": RESULTS,
    "cause": causes.KEYS,
    "parent": (NO_PARENT,),
    "queue": ("default",),
    "since": _AGO,
    "until": _AGO,
    "ended": _AGO,
}
NAMES: Final[Mapping[str | None, tuple[str, ...]]] = {"host": ("host",), "label": ("label",), None: ("host", "label")}
"""The names that occur, and can stand behind a key; C{None} is a word without one, for which a key is chosen, too."""

MOST: Final = 12


@dataclass(frozen=True, slots=True)
class LastTerm:
    """The last term of a search, which somebody is typing.

    @param before: what stands before it.
    @param value: as far as it is typed, without quotation marks.
    @param in_quotes: it has begun with a quotation mark.
    """

    before: str
    key: str | None
    value: str
    in_quotes: bool = False

    def completed(self, key: str | None, value: str) -> str:
        """The whole search with another end."""
        written = f'"{value}"' if self.in_quotes else quoted(value)
        return f"{self.before}{key}:{written}" if key else f"{self.before}{written}"


def last_term(text: str) -> LastTerm | None:
    """What is being typed; none where no term can go on, as behind a closing quotation mark."""
    if len(text) > MOST_CHARACTERS:
        return None
    in_quotes = text.count('"') % 2 == 1
    found = (_IN_QUOTES if in_quotes else _LAST).fullmatch(text)
    return LastTerm(found["before"], found["key"], found["value"], in_quotes) if found else None


def completions(text: str, names: Iterable[tuple[str, str]]) -> list[str]:
    """Whole searches that have in them what is typed: browsers show no others.

    @param text: what is typed.
    @param names: hosts and labels that occur, each behind its kind, which is also the key that finds it.
    """
    term = last_term(text)
    if term is None:
        return []
    found: list[str] = []
    if term.key is None and not term.in_quotes:
        found += [f"{term.before}{key}:" for key in KEYS]
    elif term.key is not None:
        found += [term.completed(term.key, value) for value in _FIXED.get(term.key, ())]
    for kind, name in names:
        if kind in NAMES.get(term.key, ()):
            found.append(term.completed(kind, name))
            if term.key is None:
                found.append(term.completed(None, name))
    longer = [each for each in dict.fromkeys(found) if text.lower() in each.lower() and each != text]
    return longer[:MOST]
