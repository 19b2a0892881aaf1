"""Where the log goes, which can change while the service runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Final, TextIO

from twisted.logger import ILogObserver, LogEvent, LogLevel
from zope.interface import implementer

from smartdyn.errors import SettingsError
from smartdyn.log.buffer import LogBuffer
from smartdyn.log.levels import NAMES, Levels
from smartdyn.log.lines import Form, journal_lines, json_journal_line, json_line, text_line
from smartdyn.metrics.process import ProcessMeters
from smartdyn.settings import Settings

_FORMS: Final[Mapping[tuple[str, bool], Form]] = {
    ("text", False): text_line,
    ("text", True): journal_lines,
    ("json", False): json_line,
    ("json", True): json_journal_line,
}
"""By C{log_format}, and whether it is journald that reads."""


@implementer(ILogObserver)
class LineWriter:
    """Writes each event at once: a log that lags behind is of no use in a crash."""

    def __init__(self, output: TextIO, form: Form = text_line) -> None:
        self._output = output
        self._form = form

    def __call__(self, event: LogEvent) -> None:
        self._output.write(self._form(event))
        self._output.flush()


def open_log(settings: Settings) -> LineWriter:
    """A writer to where the settings say.

    @raise SettingsError: the file cannot be written.
    """
    form, path = _FORMS[settings.log_format, settings.logs_to_journal], settings.log_path
    if path is None:
        # twistd puts something into sys.stdout that logs what is written to it
        stdout: Any = sys.__stdout__
        return LineWriter(stdout, form)
    try:
        return LineWriter(path.open("a", encoding="utf-8", errors="replace", buffering=1), form)
    except OSError as error:
        raise SettingsError(
            [f"`log_file` {settings.log_file} cannot be written: {error.strerror}. Set another, or check its folder."]
        ) from error


def make_levels(settings: Settings) -> Levels:
    """The levels that the settings say."""
    return Levels(settings.log_level, settings.log_levels)


@implementer(ILogObserver)
class LogOutput:
    """Passes on what is important enough: to the file that is in use, and to the lines that are kept for Foreman."""

    def __init__(
        self, settings: Settings, kept: LogBuffer, levels: Levels, meters: ProcessMeters | None = None
    ) -> None:
        """
        @raise SettingsError: the log file cannot be written.
        """
        self._written = open_log(settings)
        self._kept = kept
        self._levels = levels
        self._meters = meters or ProcessMeters()

    def __call__(self, event: LogEvent) -> None:
        if self._levels.lets_through(event):
            self._written(event)
            self._kept(event)
            self._meters.logged(NAMES[event.get("log_level", LogLevel.info)].lower())

    def use(self, written: LineWriter, settings: Settings) -> None:
        """Write elsewhere from now on; the former file is closed when nobody holds it any more."""
        self._written = written
        self._levels.configure(settings.log_level, settings.log_levels)
