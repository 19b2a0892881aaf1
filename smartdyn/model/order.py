"""In which order tasks are listed, and where in it a page ends."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec

from smartdyn.errors import InvalidRequest
from smartdyn.model.states import PlanResult, PlanState
from smartdyn.model.views import TaskSummary


class SortKey(StrEnum):
    """What tasks can be sorted by."""

    CREATED = "created"
    STARTED = "started"
    ENDED = "ended"
    TOOK = "took"
    LABEL = "label"
    STATE = "state"
    HOST = "host"


STATE_RANKS: Final[tuple[tuple[PlanState, PlanResult | None], ...]] = (
    (PlanState.STOPPED, PlanResult.ERROR),
    (PlanState.STOPPED, PlanResult.WARNING),
    (PlanState.PAUSED, None),
    (PlanState.RUNNING, None),
    (PlanState.PLANNING, None),
    (PlanState.PLANNED, None),
    (PlanState.PENDING, None),
    (PlanState.SCHEDULED, None),
    (PlanState.STOPPED, PlanResult.CANCELLED),
    (PlanState.STOPPED, PlanResult.PENDING),
    (PlanState.STOPPED, PlanResult.SUCCESS),
)
"""States in their order: what somebody should look at comes first. Of a task that is over, its result counts, as people
call it."""

_RANK: Final = {(str(state), result and str(result)): rank for rank, (state, result) in enumerate(STATE_RANKS)}

_Rank = Annotated[int, msgspec.Meta(ge=0, lt=len(STATE_RANKS))]
_PLACES: Final[Mapping[SortKey, Any]] = {
    SortKey.CREATED: tuple[float, str, None],
    SortKey.LABEL: tuple[float, str, str | None],
    SortKey.HOST: tuple[float, str, str | None],
    SortKey.STATE: tuple[float, str, _Rank],
}
"""What places are made of; for the other keys, the value is a time or a length of time."""

Value = float | int | str | None
"""What a task is sorted by; None when it has no such thing: it comes last, in either direction."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order of tasks; those that are alike in it come newest first. C{str} gives what L{order} understands."""

    key: SortKey = SortKey.CREATED
    descending: bool = True

    def __str__(self) -> str:
        return f"{'-' if self.descending else ''}{self.key}"

    def value_of(self, task: TaskSummary) -> Value:
        """What a task is sorted by, beside its creation."""
        over = task.state == PlanState.STOPPED
        match self.key:
            case SortKey.CREATED:
                return None
            case SortKey.STARTED:
                return task.started_at
            case SortKey.ENDED:
                return task.ended_at if over else None
            case SortKey.TOOK:
                began, ended = task.started_at, task.ended_at
                return ended - began if over and began is not None and ended is not None else None
            case SortKey.LABEL:
                return task.label
            case SortKey.HOST:
                return task.host
            case SortKey.STATE:
                return _RANK[task.state, task.outcome if over else None]

    def place_of(self, task: TaskSummary) -> Place:
        """Where a task stands in this order."""
        return Place(task.created_at, task.id, self.value_of(task))

    def sorted(self, tasks: list[TaskSummary]) -> list[TaskSummary]:
        """Tasks in this order."""
        newest = sorted(tasks, key=lambda task: (task.created_at, task.id), reverse=True)
        if self.key is SortKey.CREATED:
            return newest if self.descending else newest[::-1]
        known = [task for task in newest if self.value_of(task) is not None]
        unknown = [task for task in newest if self.value_of(task) is None]
        return [*sorted(known, key=self.value_of, reverse=self.descending), *unknown]  # type: ignore[arg-type]


NEWEST: Final = Order()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a task stands in an order. C{str} gives what L{place} understands.

    @param value: what it is sorted by, beside its creation.
    """

    created_at: float
    id: str
    value: Value = None

    def __str__(self) -> str:
        packed = msgspec.json.encode((self.created_at, self.id, self.value))
        return urlsafe_b64encode(packed).rstrip(b"=").decode()


def order(text: str) -> Order:
    """An order by its name: what is sorted by, with C{-} before it for the last first.

    @raise InvalidRequest: there is no such order.
    """
    try:
        return Order(SortKey(text.removeprefix("-")), text.startswith("-")) if text else NEWEST
    except ValueError:
        known = ", ".join(SortKey)
        raise InvalidRequest(
            f"Tasks cannot be sorted by {text[:40]!r}; choose one of {known}, with `-` before it for the last first."
        ) from None


def place(text: str, wanted: Order) -> Place:
    """A place in C{wanted}.

    @raise InvalidRequest: it did not come from an earlier page in this order.
    """
    try:
        packed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return Place(*msgspec.json.decode(packed, type=_PLACES.get(wanted.key, tuple[float, str, float | None])))
    except ValueError:
        raise InvalidRequest("This page does not exist; begin again with the first.") from None
