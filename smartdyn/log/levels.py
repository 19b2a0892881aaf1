"""How important something must be to be logged, part by part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from twisted.logger import LogEvent, LogLevel

LEVELS: Final[Mapping[str, Any]] = {
    "DEBUG": LogLevel.debug,
    "INFO": LogLevel.info,
    "WARN": LogLevel.warn,
    "ERROR": LogLevel.error,
    "FATAL": LogLevel.critical,
    "UNKNOWN": LogLevel.critical,
}
"""The smart proxy's words for Twisted's levels."""

NAMES: Final[Mapping[Any, str]] = {level: name for name, level in LEVELS.items() if name != "UNKNOWN"}

EVERYTHING: Final = "*"
"""Stands for all parts of which nothing else is said."""

_RANKS: Final[Mapping[Any, int]] = {level: rank for rank, level in enumerate(NAMES)}
_OURS = "smartdyn."
_DETAILED = ("twisted.", "ssh.")
"""Parts whose infos are details, for they tell of each connection; their details are for those who ask for them."""


def part_of(event: LogEvent) -> str:
    """The part of the service that logs something, by module: C{ssh.pool}, or C{twisted.web.client}.

    The last of a logger's names is that of a class, if it is one of a class.
    """
    return _part(str(event.get("log_namespace") or ""))


def _part(namespace: str) -> str:
    return ".".join(word for word in namespace.removeprefix(_OURS).split(".") if not word[:1].isupper())


class Levels:
    """The levels in force: the default, those of the settings, and those that somebody set for a while.

    What is said of a part holds for all that is below it, unless something is said of that.
    """

    def __init__(self, default: str, parts: Mapping[str, str] | None = None) -> None:
        """
        @param default: for parts of which nothing is said, in the words of L{LEVELS}.
        """
        self._set: Mapping[str, str] = {}
        self.configure(default, parts or {})

    def configure(self, default: str, parts: Mapping[str, str]) -> None:
        """Go by these settings; what somebody set for a while stays."""
        self.default = default
        self.configured = dict(parts)
        self._thresholds: dict[str, int] = {}

    def override(self, parts: Mapping[str, str]) -> None:
        """Let these count instead of the settings, and none of those that were set before."""
        self._set = dict(parts)
        self._thresholds = {}

    @property
    def overridden(self) -> Mapping[str, str]:
        """What somebody set for a while."""
        return self._set

    def lets_through(self, event: LogEvent) -> bool:
        """Is it important enough?"""
        namespace = str(event.get("log_namespace") or "")
        threshold = self._thresholds.get(namespace)
        if threshold is None:
            threshold = self._thresholds[namespace] = self._threshold(_part(namespace))
        return _RANKS[event.get("log_level", LogLevel.info)] >= threshold

    def _threshold(self, part: str) -> int:
        """The least rank that is logged of a part."""
        said = {**self.configured, **self._set}
        names = part.split(".")
        for length in range(len(names), 0, -1):
            level = said.get(".".join(names[:length]))
            if level is not None:
                return _RANKS[LEVELS[level]]
        rank = _RANKS[LEVELS[said.get(EVERYTHING, self.default)]]
        is_detailed = f"{part}.".startswith(_DETAILED)
        return min(rank + 1, max(rank, _RANKS[LogLevel.warn])) if is_detailed else rank
