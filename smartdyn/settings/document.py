"""Reads a YAML document as Ruby's Psych does, and keeps the places of things.

The parser is libyaml where it is there, which is Psych's too. Of Ruby's own types, symbols are known; a tag that asks
for an object of another class is refused, as Psych refuses it unless it is told to trust the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

from smartdyn.settings.scalars import Symbol, meaning

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STANDARD: Final = "tag:yaml.org,2002:"
_SYMBOL_TAG: Final = re.compile(r"!ruby/sym(?:bol)?(?::.*)?")
_STRING_TAGS: Final = frozenset({"!str", "!ruby/string", f"{_STANDARD}str"})
_FLOAT_TAGS: Final = frozenset({"!float", f"{_STANDARD}float"})
_HASH_TAG: Final = "!ruby/object:Hash"
_OBJECT_TAG: Final = re.compile(rf"!ruby/.*|!(?:str|seq|map):.*|(?:!|{re.escape(_STANDARD)})(?:binary|omap|set)")
_NUMBER: Final = re.compile(r"\s*[-+]?[0-9]+(?:_[0-9]+)*(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?\s*")
_MOST_VALUES: Final = 100_000
"""Values that a document may stand for, each counted as often as aliases repeat it."""


class Malformed(Exception):
    """A document that cannot be read.

    @ivar line: counted from 1, as C{column}.
    """

    def __init__(self, text: str, line: int, column: int) -> None:
        super().__init__(text)
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class Pair:
    """A key and its value in the outermost mapping, in the order in which they count.

    @param merged: it comes from C{<<}, so it is meant to be replaced.
    """

    key: Any
    value: Any
    line: int
    merged: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """
    @param value: what stands in it; None for nothing.
    @param pairs: its keys, also those that later ones replace; None when it is no mapping.
    """

    value: Any
    pairs: tuple[Pair, ...] | None
    line: int


def parse(text: str) -> Document:
    """The first document of a text; what comes after it is not looked at.

    @raise Malformed: it is no YAML, or asks for what is not allowed in settings.
    """
    try:
        return _Builder(yaml.parse(text, Loader=_LOADER)).document()
    except yaml.reader.ReaderError as error:
        before = text[: error.position].splitlines() or [""]
        raise Malformed(f"this is not valid YAML: {error.reason}", len(before), len(before[-1]) + 1) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise Malformed(f"this is not valid YAML: {error.problem}", line, column) from error


@dataclass(slots=True)
class _Anchored:
    """What an alias stands for, and how many values that are; none yet while it is being read."""

    value: Any
    size: int | None = None


class _Builder:
    """Makes values of the parser's events."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._anchors: dict[str, _Anchored] = {}
        self._size = 0

    def document(self) -> Document:
        event = next(self._events)
        while isinstance(event, (yaml.StreamStartEvent, yaml.DocumentStartEvent)):
            event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            return Document(None, None, 1)
        line = event.start_mark.line + 1
        if isinstance(event, yaml.MappingStartEvent):
            pairs: list[Pair] = []
            value = self._mapping(event, pairs.append)
        else:
            value, pairs = self._value(event), []
        self._end()
        return Document(value, tuple(pairs) if isinstance(value, dict) else None, line)

    def _end(self) -> None:
        """The end of the document: what stands there must be one, or the parser says what is wrong."""
        next(self._events)

    def _value(self, event: Any) -> Any:
        self._count(event, 1)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event)
            if event.anchor:
                self._anchors[event.anchor] = _Anchored(value, 1)
            return value
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(event)
        return self._mapping(event, lambda pair: None)

    def _alias(self, event: Any) -> Any:
        found = self._anchors.get(event.anchor)
        if found is None:
            raise self._malformed(event, f"there is no anchor &{event.anchor} before this alias")
        if found.size is None:
            raise self._malformed(event, f"*{event.anchor} stands within itself")
        self._count(event, found.size)
        return found.value

    def _scalar(self, event: Any) -> Any:
        tag, text = event.tag, event.value
        if event.implicit[1]:
            return text
        try:
            if tag is None or tag == "!":
                return meaning(text)
            if tag in _STRING_TAGS:
                return text
            if _SYMBOL_TAG.fullmatch(tag):
                return Symbol(text)
            self._check(event)
            found = meaning(text)
            return _as_float(found) if tag in _FLOAT_TAGS else found
        except (TypeError, ValueError) as error:
            raise self._malformed(event, f"{text!r} looks like a number and is none") from error

    def _sequence(self, event: Any) -> list[Any]:
        self._check(event)
        found: list[Any] = []
        anchored = self._anchor(event, found)
        before = self._size
        while not isinstance(inner := next(self._events), yaml.SequenceEndEvent):
            found.append(self._value(inner))
        anchored.size = self._size - before + 1
        return found

    def _mapping(self, event: Any, keep: Callable[[Pair], None]) -> dict[Any, Any]:
        if event.tag != _HASH_TAG:
            self._check(event)
        found: dict[Any, Any] = {}
        anchored = self._anchor(event, found)
        before = self._size
        while not isinstance(inner := next(self._events), yaml.MappingEndEvent):
            key, line = self._key(inner), inner.start_mark.line + 1
            is_merge = key == "<<" and getattr(inner, "tag", None) != f"{_STANDARD}str"
            following = next(self._events)
            value = self._value(following)
            for name, item in self._merged(following, value) if is_merge else ((key, value),):
                found[name] = item
                keep(Pair(name, item, line, is_merge))
        anchored.size = self._size - before + 1
        return found

    def _key(self, event: Any) -> Any:
        key = self._value(event)
        if isinstance(key, (list, dict)):
            raise self._malformed(event, "a list or a mapping is no name of a setting")
        return key

    def _merged(self, event: Any, value: Any) -> list[tuple[Any, Any]]:
        """What C{<<} puts in its place: the pairs of a mapping, or of several of which the first count most.

        Psych takes them in the order of the text, so they also replace what stands before them.
        """
        if isinstance(event, (yaml.AliasEvent, yaml.MappingStartEvent)) and isinstance(value, dict):
            return list(value.items())
        if isinstance(event, yaml.SequenceStartEvent) and all(isinstance(each, dict) for each in value):
            return [pair for each in reversed(value) for pair in each.items()]
        return [("<<", value)]

    def _anchor(self, event: Any, value: Any) -> _Anchored:
        anchored = _Anchored(value)
        if event.anchor:
            self._anchors[event.anchor] = anchored
        return anchored

    def _count(self, event: Any, size: int) -> None:
        self._size += size
        if self._size > _MOST_VALUES:
            raise self._malformed(event, "aliases make this too large for settings")

    def _check(self, event: Any) -> None:
        if event.tag and _OBJECT_TAG.fullmatch(event.tag):
            shown = event.tag.replace(_STANDARD, "!!")
            raise self._malformed(event, f"the tag {shown} is not allowed in settings; write plain text or numbers")

    def _malformed(self, event: Any, text: str) -> Malformed:
        mark = event.start_mark
        return Malformed(text, mark.line + 1, mark.column + 1)


def _as_float(value: Any) -> float:
    """As Ruby's C{Float}, which takes numbers and what is written like one."""
    if value is None or isinstance(value, bool) or (isinstance(value, str) and not _NUMBER.fullmatch(value)):
        raise TypeError("no number")
    return float(value)
