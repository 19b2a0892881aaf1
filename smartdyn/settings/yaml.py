"""YAML as Foreman's installer writes it, with the place of every value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from smartdyn.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Entry:
    """One setting in a file.

    @param place: file and line.
    """

    key: str
    value: Any
    place: str


class Unreadable(SettingsError):
    """A settings file is there, and we may not read it or it is no text."""


def read(path: Path) -> list[Entry]:
    """The settings in a file, keys without Ruby's colon.

    @raise SettingsError: it cannot be read, is no YAML, or no mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable([f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}"]) from error
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise SettingsError([f"{place}: this is not valid YAML: {error.problem}"]) from error
    except yaml.YAMLError as error:
        raise SettingsError([f"{path}: this is not valid YAML: {error}"]) from error
    if node is None or node.tag == "tag:yaml.org,2002:null":
        return []
    if not isinstance(node, yaml.MappingNode):
        raise SettingsError([f"{path}:{node.start_mark.line + 1}: settings are expected, each as `key: value`"])
    return _entries(path, node)


def _entries(path: Path, node: yaml.MappingNode) -> list[Entry]:
    found: dict[str, Entry] = {}
    problems = []
    for key_node, value_node in node.value:
        place = f"{path}:{key_node.start_mark.line + 1}"
        key = _plain(_construct(key_node))
        if not isinstance(key, str):
            problems.append(f"{place}: {key!r} is no name of a setting")
        elif key in found:
            problems.append(f"{place}: `{key}` stands here a second time; the first is at {found[key].place}")
        else:
            found[key] = Entry(key, _plain(_construct(value_node)), place)
    if problems:
        raise SettingsError(problems)
    return list(found.values())


def _construct(node: yaml.Node) -> Any:
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_object(node, deep=True)
    except yaml.constructor.ConstructorError:
        return getattr(node, "value", None)
    finally:
        loader.dispose()


def _plain(value: Any) -> Any:
    """Ruby writes symbols, as keys and as values, with a colon in front."""
    if isinstance(value, str) and len(value) > 1 and value.startswith(":") and value[1:2].isalpha():
        return value[1:]
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    return value
