"""Levels that somebody sets while the service runs, for a while or until it is started again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from smartdyn.errors import InvalidRequest
from smartdyn.log.levels import LEVELS, Levels


@dataclass(frozen=True, slots=True)
class LevelState:
    """
    @param default: of parts of which nothing else is said.
    @param configured: what the settings say of parts.
    @param overridden: what counts instead.
    @param until: when that ends, seconds since the epoch; None when it lasts until the next start.
    """

    default: str
    configured: Mapping[str, str]
    overridden: Mapping[str, str]
    until: float | None


class LevelControl:
    """Sets levels, and takes them back."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, now: Callable[[], float], levels: Levels) -> None:
        """
        @param now: the time of day, seconds since the epoch.
        """
        self._clock = clock
        self._now = now
        self._levels = levels
        self._timer: IDelayedCall | None = None
        self._until: float | None = None

    def state(self) -> LevelState:
        """What is in force."""
        levels = self._levels
        return LevelState(levels.default, levels.configured, levels.overridden, self._until)

    def set(self, parts: Mapping[str, str], seconds: float | None) -> None:
        """Let these levels count instead of those of the settings, and none that were set before.

        @param seconds: for how long; None until the next start.
        @raise InvalidRequest: there is no such level, or no such time.
        """
        wanted = {part: level.upper() for part, level in parts.items()}
        for part, level in wanted.items():
            if level not in LEVELS:
                known = ", ".join(name.lower() for name in LEVELS)
                raise InvalidRequest(f"The level of `{part[:40]}` has to be one of {known}.")
        if seconds is not None and not 0 < seconds < 10**9:
            raise InvalidRequest("`for_seconds` must be a number of seconds.")
        self.stop()
        self._levels.override(wanted)
        if wanted and seconds is not None:
            self._until = self._now() + seconds
            self._timer = self._clock.callLater(seconds, self._take_back)

    def stop(self) -> None:
        """Take nothing back any more."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = self._until = None

    def _take_back(self) -> None:
        self._timer = self._until = None
        self._levels.override({})
        self._log.info("the levels of the log are those of the settings again")
