"""The events that the engine and the proxy's own actions know, and how events are stored.

Any object may be sent to a suspended step; these are the ones with a meaning here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec


@dataclass(frozen=True, slots=True)
class Cancel:
    """Somebody wants the work to end (action/cancellable.rb).

    A step can have been told so and not have ended yet when the service ends, so where it is stored it L{lasts}.
    """

    lasts: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Abort:
    """Somebody wants the work to end by force."""


@dataclass(frozen=True, slots=True)
class Skip:
    """A human (or a rescue strategy) decided to go on without this step."""


@dataclass(frozen=True, slots=True)
class Timeout:
    """The time that an action gave itself is up (action/timeouts.rb)."""


@dataclass(frozen=True, slots=True)
class Poll:
    """It is time to look again.

    @param generation: of the series of looks; one left over from before a restart does not begin a second series.
    """

    generation: int = 0


@dataclass(frozen=True, slots=True)
class SubPlansChanged:
    """Plans that this action started have ended, or there is room to start more.

    Says nothing of which and how: that is asked of the database, so that it cannot be wrong.
    """

    coalesces: ClassVar[bool] = True


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


BUILT_IN = (Cancel, Abort, Skip, Timeout, Poll, SubPlansChanged, ExternalEvent)


def lasts(event: Any) -> bool:
    """Is a stored event kept until its step has ended, and told again after a restart?"""
    return bool(getattr(event, "lasts", False))


class EventTypes:
    """The classes of events that can be stored, by name: nothing from the database is resolved as code."""

    def __init__(self) -> None:
        self._by_name: dict[str, type[Any]] = {}
        for kind in BUILT_IN:
            self.register(kind)

    def register(self, kind: type[Any]) -> None:
        """Let events of this class, a frozen dataclass with JSON fields, be planned for later."""
        self._by_name[_name(kind)] = kind

    def dump(self, event: Any) -> Any:
        """The form in which an event is stored: plain JSON values as they are, others with the name of their class.

        @raise TypeError: it cannot be stored; the text says what to do.
        """
        if event is None or isinstance(event, (str, int, float, bool, list, dict)):
            return {"value": event}
        name = _name(type(event))
        if name not in self._by_name:
            raise TypeError(f"an event of class {name} cannot be stored; add the class to `events` of its action")
        return {"class": name, "value": msgspec.to_builtins(event)}

    def load(self, stored: Any) -> Any:
        """The event that L{dump} wrote.

        @raise LookupError: no event class of that name is registered.
        """
        if "class" not in stored:
            return stored["value"]
        return msgspec.convert(stored["value"], self._by_name[stored["class"]])


def _name(kind: type[Any]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
