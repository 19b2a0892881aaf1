"""How the last term of a search can go on: its key, then what a key's values are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from smartdyn.model import causes
from smartdyn.model.query import KEYS, MOST_CHARACTERS, NO_PARENT, RESULTS, STATES, quoted

_LAST = re.compile(r'(?P<before>(?:.*\s)?)(?:(?P<key>[a-z]+):(?!:))?(?P<quote>"?)(?P<value>[^"\s]*)', re.DOTALL)
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
    """

    before: str
    key: str | None
    value: str


def last_term(text: str) -> LastTerm | None:
    """What is being typed; none where no term can go on, as behind a closing quotation mark."""
    if len(text) > MOST_CHARACTERS:
        return None
    found = (_IN_QUOTES if text.count('"') % 2 else _LAST).fullmatch(text)
    return LastTerm(found["before"], found["key"], found["value"]) if found else None


def completions(term: LastTerm, names: Iterable[tuple[str, str]]) -> list[str]:
    """Whole searches in which the last term is complete, or has its key.

    @param names: hosts and labels that occur, each behind its kind, which is also the key that finds it.
    """
    typed = term.value.lower()
    found: list[str] = []
    if term.key is None:
        found += [f"{key}:" for key in KEYS if key.startswith(typed)]
    elif term.key in _FIXED:
        found += [f"{term.key}:{value}" for value in _FIXED[term.key] if typed in value]
    kinds = NAMES.get(term.key, ())
    found += [f"{kind}:{quoted(name)}" for kind, name in names if kind in kinds and typed in name.lower()]
    return [f"{term.before}{each}" for each in dict.fromkeys(found)][:MOST]
