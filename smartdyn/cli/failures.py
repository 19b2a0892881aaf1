"""How a command ends: one table of exit statuses for all of them."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Status(IntEnum):
    """Exit statuses; C{smartdyn tasks run} ends with the script's instead, once that was started."""

    FINE = 0
    FAILED = 1
    USAGE = 2
    """The command line or the search was wrong."""

    UNREACHABLE = 3
    """The service does not answer."""

    NOT_FOUND = 4
    REFUSED = 5
    """One may not do it, or it is not possible now."""

    NOT_RUN = 255
    """The script of C{smartdyn tasks run} has no status: it could not be run to its end. As ssh(1) says it."""

    INTERRUPTED = 130


STATUSES: Final = (
    "Exit statuses: 0 done; 1 it failed; 2 the command line or a search is wrong; 3 the service does not answer; "
    "4 there is no such task; 5 refused: one may not do it, or it is not possible now; 130 interrupted. "
    "`tasks run` ends with the status of the script, 255 when that could not be run."
)


class CommandFailed(Exception):
    """The command cannot be carried out; the text says why and what to do."""

    def __init__(self, status: Status, text: str) -> None:
        super().__init__(text)
        self.status = status


class Unreachable(CommandFailed):
    """The service does not answer."""

    def __init__(self, text: str) -> None:
        super().__init__(Status.UNREACHABLE, text)


class BrokenOff(Unreachable):
    """The service was asked, and nobody knows what it has done about that."""
