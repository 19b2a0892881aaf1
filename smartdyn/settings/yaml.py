"""The settings in a file, as Foreman's installer writes them, with the place of every value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smartdyn.errors import SettingsError
from smartdyn.settings.document import Malformed, Pair, parse
from smartdyn.settings.scalars import Symbol


@dataclass(frozen=True, slots=True)
class Entry:
    """One setting in a file.

    @param place: file and line.
    @param again: where the file has the key once more; that one counts.
    """

    key: str
    value: Any
    place: str
    again: str | None = None


class Unreadable(SettingsError):
    """A settings file is there, and we may not read it or it is no text."""


def read(path: Path) -> list[Entry]:
    """The settings in a file, in the order in which they count, keys without Ruby's colon.

    A key that stands there several times is in the list as often; the last one counts, as in Ruby.

    @raise SettingsError: it cannot be read, is no YAML, or no mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable([f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}"]) from error
    try:
        document = parse(text)
    except Malformed as error:
        raise SettingsError([f"{path}:{error.line}:{error.column}: {error}"]) from error
    if document.value is None:
        return []
    if document.pairs is None:
        raise SettingsError([f"{path}:{document.line}: settings are expected, each as `key: value`"])
    problems = [
        f"{path}:{pair.line}: {pair.key!r} is no name of a setting"
        for pair in document.pairs
        if not isinstance(pair.key, str)
    ]
    if problems:
        raise SettingsError(problems)
    last = {str(pair.key): pair for pair in document.pairs}
    return [_entry(path, pair, last[str(pair.key)]) for pair in document.pairs]


def _entry(path: Path, pair: Pair, last: Pair) -> Entry:
    again = None if pair is last or pair.merged else f"{path}:{last.line}"
    return Entry(str(pair.key), _plain(pair.value), f"{path}:{pair.line}", again)


def _plain(value: Any) -> Any:
    """A value without Ruby's symbols: they stand for their names, as keys and as values.

    What only looks like a symbol to Ruby, such as the address C{::1}, is what was written.
    """
    if isinstance(value, Symbol):
        return str(value) if value[:1].isalpha() or value[:1] == "_" else f":{value}"
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    return value
