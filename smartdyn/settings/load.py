"""Reads a configuration directory and says everything that is wrong with it at once."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec

from smartdyn.errors import SettingsError
from smartdyn.settings.schema import CHOICES, KNOWN_ELSEWHERE, TYPES, Settings
from smartdyn.settings.yaml import Entry, read

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
    "Mapping[str, tuple[str, ...]]": dict[str, tuple[str, ...]],
}


_NUMBERS: tuple[Any, ...] = (int, float, int | None)


def load_settings(folder: Path) -> Settings:
    """The settings in C{folder}: C{settings.yml}, then C{settings.d/*.yml} in the order of their names.

    @raise SettingsError: with a sentence for each problem.
    """
    values: dict[str, Any] = {}
    without_effect: list[str] = []
    problems: list[str] = []
    if not folder.is_dir():
        raise SettingsError([f"{folder}: there is no such directory. Name one with --config-dir."])
    for path in _files(folder):
        try:
            entries = read(path)
        except SettingsError as error:
            problems.extend(error.problems)
            continue
        for entry in entries:
            if entry.key == "enabled" and entry.value in _SWITCHED_ON:
                continue
            if entry.key in KNOWN_ELSEWHERE:
                without_effect.append(f"{entry.key} ({entry.place})")
                continue
            try:
                values.update(_checked(entry))
            except SettingsError as error:
                problems.extend(error.problems)
    if problems:
        raise SettingsError(problems)
    return Settings(**values, folder=folder, without_effect=tuple(without_effect), given=frozenset(values))


def _files(folder: Path) -> Iterator[Path]:
    main = folder / "settings.yml"
    if main.exists():
        yield main
    for path in sorted((folder / "settings.d").glob("*.yml")):
        if path.stem in OUR_FILES:
            yield path


def _checked(entry: Entry) -> dict[str, Any]:
    if entry.key not in TYPES:
        near = get_close_matches(entry.key, [*TYPES, *KNOWN_ELSEWHERE], 1)
        hint = f"; did you mean `{near[0]}`?" if near else ""
        raise SettingsError([f"{entry.place}: there is no setting `{entry.key}`{hint}"])
    if entry.value is None:
        return {}
    value = _converted(entry)
    allowed = CHOICES.get(entry.key)
    chosen = value if isinstance(value, dict) else (value,)
    if allowed and (wrong := [each for each in chosen if each not in allowed]):
        raise SettingsError([f"{entry.place}: `{entry.key}` has to be one of {', '.join(allowed)}, given {wrong[0]}"])
    return {entry.key: value}


def _converted(entry: Entry) -> Any:
    """The value as its type; numbers may be written as text, as the installer sometimes does."""
    wanted = _TYPES[TYPES[entry.key]]
    value = entry.value
    if isinstance(value, str) and wanted in _NUMBERS:
        value = value.strip()
    if isinstance(value, str) and wanted == tuple[str, ...]:
        value = [value]
    if isinstance(value, dict) and wanted == dict[str, tuple[str, ...]]:
        value = {key: [names] if isinstance(names, str) else names for key, names in value.items()}
    if wanted is str and isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    try:
        return msgspec.convert(value, wanted, strict=not (isinstance(value, str) and wanted in _NUMBERS))
    except msgspec.ValidationError:
        named = {
            int | None: "a whole number",
            tuple[str, ...]: "text or a list of texts",
            int: "a whole number",
            float: "a number of seconds",
            bool: "true or false",
            dict[str, tuple[str, ...]]: "a mapping of roles and lists of names",
            str: "text",
        }
        expected = named.get(wanted, "text" if "str" in str(wanted) else "a mapping of names and numbers")
        if entry.key == "trusted_hosts":
            expected = "a list of host names"
        raise SettingsError([f"{entry.place}: `{entry.key}` must be {expected}, not {value!r}"]) from None
