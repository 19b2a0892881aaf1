"""The events that the engine and the proxy's own actions know.

Any object may be sent to a suspended step; these are the ones with a meaning here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Cancel:
    """Somebody wants the work to end (action/cancellable.rb)."""


@dataclass(frozen=True, slots=True)
class Abort:
    """Somebody wants the work to end by force."""


@dataclass(frozen=True, slots=True)
class Skip:
    """A human (or a rescue strategy) decided to go on without this step."""


@dataclass(frozen=True, slots=True)
class Restarted:
    """The service was restarted while this step was running or suspended.

    Sent only to actions that say C{handles_restart}: they find out what became of their work.
    """


@dataclass(frozen=True, slots=True)
class ExternalEvent:
    """The body that somebody posted to the C{update} or C{done} route (SPD C{Runner::ExternalEvent})."""

    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RunnerExited:
    """A runner's job has ended.

    @param status: an exit status, or a word such as C{EXCEPTION}.
    @param timestamp: seconds since the epoch.
    """

    status: int | str
    timestamp: float
