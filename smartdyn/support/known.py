"""Secrets that can be known: they are hidden wherever they stand."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from smartdyn.doctor.context import Context
from smartdyn.settings.schema import KNOWN_ELSEWHERE
from smartdyn.support.redaction import is_secret_name

_PLACE = re.compile(r"(/[^:\n]+):(\d+)(?::\d+)?: ")
_KEY = re.compile(r"\s*:?\w+:\s")


def secrets(context: Context) -> Iterator[str]:
    """What stands in settings that nobody knows or can use, in passwords of URLs, and in variables with such names."""
    reading = context.reading
    for entry in reading.entries:
        usable = entry.key in reading.settings.given or entry.key in KNOWN_ELSEWHERE
        texts = list(_texts(entry.value))
        yield from _passwords(texts) if usable else texts
    understood = {entry.place.rpartition(":")[0] for entry in reading.entries}
    for problem in reading.problems:
        yield from _line(problem.text, understood)
    for name, value in context.environment.items():
        yield from (value,) if is_secret_name(name) else _passwords([value])


def _line(problem: str, understood: Container[str]) -> Iterator[str]:
    """The words of the line that a problem is about, which it may quote.

    @param understood: files of which the values are known.
    """
    place = _PLACE.match(problem)
    if place is None or place[1] in understood:
        return
    try:
        lines = Path(place[1]).read_text(errors="replace").splitlines()
        line = lines[int(place[2]) - 1]
    except (OSError, IndexError):
        return
    yield from re.findall(r"[\w.-]+", _KEY.sub("", line, count=1))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from (str(key), *_texts(item))
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _passwords(texts: list[str]) -> Iterator[str]:
    for text in texts:
        try:
            password = urlsplit(text).password if "://" in text else None
        except ValueError:
            continue
        if password:
            yield from (password, unquote(password))
