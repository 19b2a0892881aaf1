"""Shows what the service says: as a table for people, or in a form for programs."""

from __future__ import annotations

import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, TextIO

_GAP: Final = "  "
_COLOURS: Final = {
    "success": "32",
    "running": "34",
    "paused": "33",
    "warning": "33",
    "error": "31",
    "trouble": "31",
    "fine": "32",
    "cancelled": "35",
}


class Column(NamedTuple):
    """A column of a table. No data class: importing these would take a tenth of the time in which the command starts.

    @param of: the value, as programs get it.
    @param shown: the value as people see it.
    @param least: characters that it can be cut to when the terminal is narrow; None when it is never cut.
    @param first: it is cut before all others.
    """

    title: str
    of: Callable[[Any], Any]
    shown: Callable[[Any], str] = str
    least: int | None = None
    coloured: bool = False
    first: bool = False


def show(rows: Iterable[Any], columns: Sequence[Column], form: str, out: TextIO | None = None) -> None:
    """Show things that are alike.

    @param form: one of L{smartdyn.cli.options.FORMS}.
    @param out: standard output by default.
    """
    out = out or sys.stdout
    if form == "jsonl":
        for row in rows:
            out.write(f"{json.dumps(row)}\n")
    elif form == "id":
        for row in rows:
            out.write(f"{columns[0].of(row)}\n")
    elif form == "csv":
        _csv(rows, columns, out)
    elif form == "table":
        _table(list(rows), columns, out)
    else:
        document(list(rows), form, out)


def document(value: Any, form: str, out: TextIO | None = None) -> None:
    """Show one thing as C{json}, C{jsonl} or C{yaml}."""
    out = out or sys.stdout
    if form == "yaml":
        import yaml  # noqa: PLC0415  # only when it is wanted

        yaml.safe_dump(value, out, sort_keys=False, allow_unicode=True)
    else:
        out.write(f"{json.dumps(value, indent=2 if form == 'json' else None)}\n")


def facts(pairs: Iterable[tuple[str, str]]) -> None:
    """Show what is known of one thing to people: a line for each fact."""
    known = [(name, value) for name, value in pairs if value]
    width = max((len(name) for name, _ in known), default=0) + 1
    for name, value in known:
        print(f"{name + ':':<{width}} {sentence(value)}")


def sentences(title: str, things: Iterable[tuple[str, str]]) -> None:
    """Tell people of some things: what there is of each, and what to do about it."""
    known = list(things)
    if known:
        print(f"\n{title}:")
    for what, advice in known:
        print(f"  {sentence(what)}\n    {sentence(advice)}")


def has_colours(out: TextIO) -> bool:
    """Are colours wanted there? On terminals only, and not with C{NO_COLOR} (no-color.org)."""
    return out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def clean(text: str) -> str:
    """Text of others, which must not control the terminal."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def sentence(text: str) -> str:
    """Text of others in one line that does not control the terminal."""
    return clean(" ".join(text.split()))


def complain(text: str) -> None:
    """Say on standard error what is wrong."""
    print(f"smartdyn: {sentence(text)}", file=sys.stderr)


def time(seconds: float | None) -> str:
    """A point in time, UTC."""
    return "-" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


def duration(seconds: float | None) -> str:
    """A length of time."""
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def optional(value: Any) -> str:
    """Something that may be missing."""
    return "-" if value is None else str(value)


def _csv(rows: Iterable[Any], columns: Sequence[Column], out: TextIO) -> None:
    import csv  # noqa: PLC0415  # only when it is wanted

    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.title.lower() for column in columns])
    writer.writerows([column.of(row) for column in columns] for row in rows)


def _table(rows: Sequence[Any], columns: Sequence[Column], out: TextIO) -> None:
    cells = [[sentence(column.shown(column.of(row))) for column in columns] for row in rows]
    widths = [
        max(len(column.title), *(_width(line[index]) for line in cells)) if cells else len(column.title)
        for index, column in enumerate(columns)
    ]
    if out.isatty():
        first = [index for index, column in enumerate(columns) if column.first]
        widths = fitted(widths, [column.least for column in columns], shutil.get_terminal_size().columns, first)
    colours = has_colours(out)
    for number, line in enumerate([[column.title for column in columns], *cells]):
        parts = []
        for column, text, width in zip(columns, line, widths, strict=True):
            part = _cut(text, width)
            padding = " " * (width - _width(part))
            colour = _COLOURS.get(text) if colours and column.coloured and number else None
            parts.append((f"\x1b[{colour}m{part}\x1b[0m" if colour else part) + padding)
        out.write(f"{_GAP.join(parts).rstrip()}\n")


def fitted(widths: Sequence[int], least: Sequence[int | None], room: int, first: Sequence[int] = ()) -> list[int]:
    """Widths of columns that fit: the widest of those that can be cut gives first.

    @param first: those that give before all others.
    """
    found = list(widths)
    while sum(found) + len(_GAP) * (len(found) - 1) > room:
        can = [index for index, limit in enumerate(least) if limit is not None and found[index] > limit]
        if not can:
            break
        found[max(can, key=lambda index: (index in first, found[index]))] -= 1
    return found


def _cut(text: str, width: int) -> str:
    if _width(text) <= width:
        return text
    while _width(text) > width - 1:
        text = text[:-1]
    return f"{text}…"


def _width(text: str) -> int:
    """Columns of a terminal that a text takes."""
    if text.isascii():
        return len(text)
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
