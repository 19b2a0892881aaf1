"""Shows what a script prints: as it is, but on a terminal without what would control that."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from smartdyn.cli.show import has_colours

_SEQUENCE: Final = re.compile(
    "\x1b\\[[0-?]*[ -/]*[@-~]"  # control sequences
    "|\x1b[\\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x9c|\x1b\\\\)"  # strings for the terminal: titles, the clipboard
    "|\x1b[ -/]*[0-~]"
    "|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
)
"""What ECMA-48 calls control functions, but for the few that only move on: tab, line feed, carriage return."""

_COLOUR: Final = re.compile("\x1b\\[[0-9;:]*m")
_BEGUN: Final = re.compile("\x1b(?:\\[[0-?]*[ -/]*|[\\]PX^_][^\x07\x1b\x9c]*\x1b?|[ -/]*)?\\Z")
_LONGEST: Final = 4096
"""Characters of a sequence that has not ended; what is longer is none."""


def stamp(at: float) -> str:
    """When something came, UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S}.{int(at * 1000) % 1000:03}Z"


class TerminalText:
    """Takes out of a text, which comes in pieces, what would control the terminal; colours may stay."""

    def __init__(self, *, colours: bool) -> None:
        self._colours = colours
        self._begun = ""
        self._coloured = False

    def feed(self, text: str) -> str:
        """A piece, as far as its end is certain."""
        text = self._begun + text
        begun = _BEGUN.search(text)
        self._begun = begun[0] if begun and len(begun[0]) <= _LONGEST else ""
        return _SEQUENCE.sub(self._replace, text[: len(text) - len(self._begun)])

    def end(self) -> str:
        """What has to follow the last piece, so that nothing else gets its colours."""
        return "\x1b[0m" if self._coloured else ""

    def _replace(self, found: re.Match[str]) -> str:
        if not self._colours or not _COLOUR.fullmatch(found[0]):
            return ""
        self._coloured = True
        return found[0]


class ScriptOutput:
    """Writes what comes to standard output, the rest to standard error."""

    def __init__(self, out: TextIO, errors: TextIO, *, raw: bool = False, timestamps: bool = False) -> None:
        """
        @param raw: everything as it is, also on a terminal.
        @param timestamps: before each line, when it came.
        """
        self._streams = {True: out, False: errors}
        self._texts = {
            kind: TerminalText(colours=has_colours(stream)) if stream.isatty() and not raw else None
            for kind, stream in self._streams.items()
        }
        self._timestamps = timestamps
        self._begins = {True: True, False: True}

    def write(self, chunk: Any) -> None:
        """Show a piece."""
        kind = chunk["type"] == "stdout"
        stream, filter_ = self._streams[kind], self._texts[kind]
        text: str = chunk["text"] if filter_ is None else filter_.feed(chunk["text"])
        if not text:
            return
        shown = self._timed(text, kind, chunk["timestamp"]) if self._timestamps else text
        self._begins[kind] = text.endswith("\n")
        stream.write(shown)
        stream.flush()

    def close(self) -> None:
        """Nothing more comes; what others say begins on a line of its own."""
        for kind, filter_ in self._texts.items():
            if filter_ is not None:
                self._streams[kind].write(filter_.end())
        if not self._begins[False]:
            self._streams[False].write("\n")

    def _timed(self, text: str, kind: bool, at: float) -> str:
        mark = f"{stamp(at)} "
        lines = re.findall("[^\n]*\n|[^\n]+", text)
        return (mark if self._begins[kind] else "") + mark.join(lines)
