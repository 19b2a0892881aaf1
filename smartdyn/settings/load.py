"""Reads a configuration directory and says everything that is wrong with it at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec

from smartdyn.errors import SettingsError
from smartdyn.settings.schema import KNOWN_ELSEWHERE, TYPES, Settings
from smartdyn.settings.values import value_problem, without_effect
from smartdyn.settings.yaml import Entry, Unreadable, read

OUR_FILES = frozenset(
    {
        "dynflow",
        "remote_execution_ssh",
        "smartdyn",
        "smart_proxy_dynflow_core",
        "smart_proxy_remote_execution_ssh_core",
    }
)
"""Files of C{settings.d} that concern this service; others belong to plugins."""

_SWITCHED_ON = (True, "http", "https")
"""How the smart proxy says that a module is wanted; everything here always is."""

_TYPES: dict[str, Any] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "str | None": str | None,
    "int | None": int | None,
    "tuple[str, ...]": tuple[str, ...],
    "tuple[str, ...] | None": tuple[str, ...] | None,
    "Mapping[str, int]": dict[str, int],
    "Mapping[str, str]": dict[str, str],
    "Mapping[str, tuple[str, ...]]": dict[str, tuple[str, ...]],
}


_NUMBERS: tuple[Any, ...] = (int, float, int | None)

_NAMED: dict[Any, str] = {
    bool: "true or false",
    dict[str, int]: "a mapping of names and whole numbers",
    dict[str, str]: "a mapping of parts and levels",
    dict[str, tuple[str, ...]]: "a mapping of roles and lists of names",
    float: "a number of seconds",
    int: "a whole number",
    int | None: "a whole number",
    str: "text",
    str | None: "text",
    tuple[str, ...]: "text or a list of texts",
    tuple[str, ...] | None: "a list of host names",
}
"""What is expected of each type."""


class Kind(Enum):
    """What is wrong with settings."""

    UNREADABLE = "unreadable"
    UNKNOWN = "unknown"
    UNUSABLE = "unusable"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, in a sentence that says where."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What stands in a configuration directory.

    @param settings: what can be used of it, with defaults for the rest.
    @param entries: everything that was written there, as far as its file could be read; later ones win.
    """

    settings: Settings
    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...] = ()


def load_settings(folder: Path) -> Settings:
    """The settings in C{folder}: C{settings.yml}, then C{settings.d/*.yml} in the order of their names.

    @raise SettingsError: with a sentence for each problem.
    """
    reading = read_settings(folder)
    if reading.problems:
        raise SettingsError([problem.text for problem in reading.problems])
    return reading.settings


def read_settings(folder: Path) -> Reading:
    """As much of the settings in C{folder} as can be used, and what is wrong with the rest."""
    if not folder.is_dir():
        text = f"{folder}: there is no such directory. Name one with --config-dir."
        return Reading(Settings(folder=folder), (), (Problem(Kind.UNREADABLE, text),))
    entries: list[Entry] = []
    problems: list[Problem] = []
    for path in settings_files(folder):
        try:
            entries.extend(read(path))
        except Unreadable as error:
            problems.extend(Problem(Kind.UNREADABLE, text) for text in error.problems)
        except SettingsError as error:
            problems.extend(Problem(Kind.UNUSABLE, text) for text in error.problems)
    values: dict[str, Any] = {}
    unused: list[str] = []
    for entry in entries:
        if entry.again is not None:
            unused.append(f"{entry.key} ({entry.place}; {entry.again} counts)")
        elif entry.key in KNOWN_ELSEWHERE:
            if not (entry.key == "enabled" and entry.value in _SWITCHED_ON):
                unused.append(f"{entry.key} ({entry.place})")
        elif entry.key not in TYPES:
            problems.append(Problem(Kind.UNKNOWN, _unknown(entry)))
        else:
            try:
                usable = checked(entry)
            except SettingsError as error:
                problems.extend(Problem(Kind.UNUSABLE, text) for text in error.problems)
                continue
            values.update(usable)
            parts = (part for key, value in usable.items() for part in without_effect(key, value))
            unused.extend(f"{entry.key} {part} ({entry.place})" for part in parts)
    settings = Settings(**values, folder=folder, without_effect=tuple(unused), given=frozenset(values))
    return Reading(settings, tuple(entries), tuple(problems))


def settings_files(folder: Path) -> Iterator[Path]:
    """The files that concern this service, in the order in which they are read; later ones win."""
    main = folder / "settings.yml"
    if main.exists():
        yield main
    for path in sorted((folder / "settings.d").glob("*.yml")):
        if path.stem in OUR_FILES:
            yield path


def _unknown(entry: Entry) -> str:
    near = get_close_matches(entry.key, [*TYPES, *KNOWN_ELSEWHERE], 1)
    hint = f"; did you mean `{near[0]}`?" if near else ""
    return f"{entry.place}: there is no setting `{entry.key}`{hint}"


def checked(entry: Entry) -> dict[str, Any]:
    """The setting that an entry of a known key stands for; none when nothing is written behind it.

    @raise SettingsError: its value cannot be used.
    """
    if entry.value is None:
        return {}
    value = _converted(entry)
    if value == "" and TYPES[entry.key] == "str | None" and entry.key != "socket":
        return {}
    if entry.key == "log_level":
        value = value.upper()
    if entry.key == "log_levels":
        value = {part: level.upper() for part, level in value.items()}
    if problem := value_problem(entry.key, value):
        raise SettingsError([f"{entry.place}: `{entry.key}` {problem}"])
    return {entry.key: value}


def _as_text(value: Any) -> Any:
    """A number where text is meant, such as the version of TLS in a list, is the text that was written."""
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def _converted(entry: Entry) -> Any:
    """The value as its type; numbers may be written as text, as the installer sometimes does."""
    wanted = _TYPES[TYPES[entry.key]]
    value = entry.value
    if isinstance(value, str) and wanted in _NUMBERS:
        value = value.strip()
    if wanted == tuple[str, ...] and isinstance(scalar := _as_text(value), str):
        value = [scalar]
    if isinstance(value, dict) and wanted == dict[str, tuple[str, ...]]:
        value = {key: [names] if isinstance(names, str) else names for key, names in value.items()}
    if wanted is str:
        value = _as_text(value)
    if isinstance(value, list) and wanted in (tuple[str, ...], tuple[str, ...] | None):
        value = [_as_text(each) for each in value]
    try:
        return msgspec.convert(value, wanted, strict=not (isinstance(value, str) and wanted in _NUMBERS))
    except msgspec.ValidationError:
        raise SettingsError([f"{entry.place}: `{entry.key}` must be {_NAMED[wanted]}, not {value!r}"]) from None
