"""Where the log goes, which can change while the service runs."""

from __future__ import annotations

import sys
from typing import Any

from twisted.logger import LogPublisher

from smartdyn.errors import SettingsError
from smartdyn.log import LEVELS, observer
from smartdyn.log_buffer import LogBuffer
from smartdyn.settings import Settings


def open_log(settings: Settings) -> Any:
    """An observer that writes where the settings say.

    @raise SettingsError: the file cannot be written.
    """
    try:
        # twistd puts something into sys.stdout that logs what is written to it
        return observer(settings.log_file, settings.log_level, sys.__stdout__)
    except OSError as error:
        raise SettingsError(
            [f"`log_file` {settings.log_file} cannot be written: {error.strerror}. Set another, or check its folder."]
        ) from error


class LogOutput:
    """The observer that is in use, beside the lines that are kept for Foreman."""

    def __init__(self, settings: Settings, kept: LogBuffer) -> None:
        """
        @ivar publisher: gets all events.
        @raise SettingsError: the log file cannot be written.
        """
        self._written = open_log(settings)
        self._kept = kept
        self.publisher = LogPublisher(self._written, kept)

    def use(self, written: Any, settings: Settings) -> None:
        """Write to another observer from now on; the former one's file is closed when nobody holds it any more."""
        self.publisher.addObserver(written)
        self.publisher.removeObserver(self._written)
        self._written = written
        self._kept.keep(LEVELS[settings.log_level])
