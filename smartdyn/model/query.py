"""Which tasks are wanted, in the words of whoever searches: C{state:failed host:web* since:2h "some words"}.

The console, the API and the command line understand the same. Terms of one key widen the search, those of different
keys narrow it. C{host("web 1*")} is another way to write C{host:"web 1*"}.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from smartdyn.errors import SearchNotUnderstood
from smartdyn.model.states import PlanResult, PlanState

FAILED: Final = "failed"
"""A state for searching: stopped, and not as it should be, though nobody has cancelled it."""

CANCELLED: Final = "cancelled"
"""Another: stopped without success after somebody has cancelled it."""

NO_PARENT: Final = "none"
"""Instead of a parent: tasks that no other one started."""

SHORTEST_ID: Final = 4
"""Characters by which ids are found: with fewer, too many begin."""

STATES: Final = (*(state.value for state in PlanState), FAILED, CANCELLED)
RESULTS: Final = tuple(result.value for result in PlanResult)

MOST_CHARACTERS = 1000
_MOST_TERMS = 30
_SHORTEST_WORD = 2
_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_TERM = re.compile(rf'(?:([a-z]+)\({_QUOTED}\)|(?:([a-z]+):(?!:))?(?:{_QUOTED}|([^\s"]+))?)')
_AGO = re.compile(r"(\d{1,6})([smhdw])")
_SECONDS = re.compile(r"@(\d{1,11}(?:\.\d{1,6})?)")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_PLAIN = re.compile(r"[a-z]+:(?!:)")


@dataclass(frozen=True, slots=True)
class TaskQuery:
    """Which tasks are wanted; what is left out does not matter. C{str} gives the words that L{parse} understands.

    @param states: those of plans, L{FAILED} and L{CANCELLED}.
    @param labels: whole labels, or what stands behind their last C{::}; C{*} stands for anything.
    @param hosts: names; C{*} stands for anything.
    @param causes: keys of L{smartdyn.model.causes}.
    @param ids: beginnings of ids.
    @param requests: beginnings of the ids of the requests that launched them, as Foreman's log has them.
    @param queues: in one of which a step of theirs waits for its turn; C{default} when nothing is said.
    @param parent: the task that started them; L{NO_PARENT} for those that none did.
    @param since: created at this time or later, seconds since the epoch.
    @param until: created before this time.
    @param ended: stopped at this time or later.
    @param texts: words that follow one another in the output; all of them must be found.
    @param words: each must be a part of the label or the host, or the beginning of the id.
    """

    states: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    requests: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    parent: str | None = None
    since: float | None = None
    until: float | None = None
    ended: float | None = None
    texts: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        terms = [f"{key}:{quoted(value)}" for key, field in _LISTS.items() for value in getattr(self, field)]
        if self.parent is not None:
            terms.append(f"parent:{quoted(self.parent)}")
        terms += [f"{key}:{_time(at)}" for key in _TIMES if (at := getattr(self, key)) is not None]
        return " ".join([*terms, *map(quoted, self.words)])


EVERYTHING: Final = TaskQuery()

_LISTS: Final[Mapping[str, str]] = {
    "state": "states",
    "result": "results",
    "label": "labels",
    "host": "hosts",
    "cause": "causes",
    "id": "ids",
    "request": "requests",
    "queue": "queues",
    "text": "texts",
}
_TIMES: Final = ("since", "until", "ended")
KEYS: Final = (*_LISTS, "parent", *_TIMES)


def parse(text: str, now: float) -> TaskQuery:
    """Understand a search.

    @param now: what C{since:2h} counts from.
    @raise SearchNotUnderstood: it is none; the error names the place and what is allowed there.
    """
    if len(text) > MOST_CHARACTERS:
        raise SearchNotUnderstood(
            MOST_CHARACTERS, f"a search may have {MOST_CHARACTERS} characters; this one has {len(text)}"
        )
    query = TaskQuery()
    terms = 0
    place = _next(text, 0)
    while place < len(text):
        terms += 1
        if terms > _MOST_TERMS:
            raise SearchNotUnderstood(place, f"a search may have {_MOST_TERMS} terms")
        query, place = _term(text, place, query, now)
        place = _next(text, place)
    return query


def _next(text: str, place: int) -> int:
    while place < len(text) and text[place].isspace():
        place += 1
    return place


def _term(text: str, place: int, query: TaskQuery, now: float) -> tuple[TaskQuery, int]:
    """The query with the term at C{place}, and where that ends."""
    found = _TERM.match(text, place)
    assert found is not None
    called, given, key, in_quotes, bare = found.groups()
    key, in_quotes = (called, given) if called is not None else (key, in_quotes)
    end = found.end()
    if end < len(text) and not text[end].isspace():
        raise SearchNotUnderstood(end, 'a quotation mark begins or ends a term; inside of one write \\"')
    value = re.sub(r"\\(.)", r"\1", in_quotes) if in_quotes is not None else bare
    if not value:
        raise SearchNotUnderstood(
            place, f"`{key}:` needs a value" if key else "there is nothing between the quotation marks"
        )
    if not value.isprintable():
        raise SearchNotUnderstood(place, "this has characters that cannot be searched for")
    try:
        return _with(query, key, value, now), end
    except ValueError as error:
        raise SearchNotUnderstood(place, str(error)) from None


def _with(query: TaskQuery, key: str | None, value: str, now: float) -> TaskQuery:
    """
    @raise ValueError: this key cannot have this value.
    """
    if key is None:
        if len(value) < _SHORTEST_WORD:
            raise ValueError(f"a word needs at least {_SHORTEST_WORD} characters")
        return replace(query, words=_more(query.words, value))
    changed: dict[str, Any]
    if key in _LISTS:
        changed = {_LISTS[key]: _more(getattr(query, _LISTS[key]), _CHECKS[key](value))}
    elif key not in KEYS:
        raise ValueError(f"there is no `{key}:`; choose one of {', '.join(KEYS)}, or put the whole in quotation marks")
    elif getattr(query, key) is not None:
        raise ValueError(f"`{key}:` stands here for the second time")
    else:
        changed = {key: value if key == "parent" else point_in_time(value, now)}
    return replace(query, **changed)


def _more(known: tuple[str, ...], value: str) -> tuple[str, ...]:
    return known if value in known else (*known, value)


def _one_of(name: str, allowed: tuple[str, ...]) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"there is no {name} {value!r}; choose one of {', '.join(allowed)}")
        return value

    return check


def _any(value: str) -> str:
    return value


def _beginning(value: str) -> str:
    if len(value) < SHORTEST_ID:
        raise ValueError(f"the beginning of an id has at least {SHORTEST_ID} characters")
    return value


def _searchable(value: str) -> str:
    if not any(character.isalnum() for character in value):
        raise ValueError("`text:` needs a letter or a digit")
    return value


_CHECKS: Final[Mapping[str, Callable[[str], str]]] = {
    "state": _one_of("state", STATES),
    "result": _one_of("result", RESULTS),
    "label": _any,
    "host": _any,
    "cause": _any,
    "id": _beginning,
    "request": _beginning,
    "queue": _any,
    "text": _searchable,
}


def point_in_time(value: str, now: float) -> float:
    """So long ago, a date or a time in UTC, or C{@} and seconds since the epoch.

    @raise ValueError: it is none; the text says what would be.
    """
    if ago := _AGO.fullmatch(value):
        return round(max(now - int(ago[1]) * _UNITS[ago[2]], 0.0), 6)
    if seconds := _SECONDS.fullmatch(value):
        return round(float(seconds[1]), 6)
    try:
        at = datetime.fromisoformat(value)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        since_epoch = (at - datetime.fromtimestamp(0, UTC)) / timedelta(seconds=1)
    except (ValueError, OverflowError):
        raise ValueError("a time is 30m, 2h, 7d, 2026-11-25 or 2026-11-25T14:30 (UTC)") from None
    return round(max(since_epoch, 0.0), 6)


def _time(at: float) -> str:
    return f"@{at:.6f}".rstrip("0").rstrip(".")


def quoted(value: str) -> str:
    """A value as it can stand in a search."""
    if re.search(r"[\s\"]", value) or _PLAIN.match(value):
        return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'
    return value
