"""Actions that start other plans and wait for them (action/with_sub_plans.rb, action/v2/with_sub_plans.rb).

How the plans are doing is never kept, but counted whenever it is asked for: so the counts are always true, also after a
restart. Plans are made in batches, as many as may run at the same time, in the same transaction as what is noted of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, ClassVar

from smartdyn.actions.action import Action
from smartdyn.actions.events import Abort, Cancel, Poll, Restarted, Skip, SubPlansChanged
from smartdyn.actions.phases import SubPlanRequest
from smartdyn.aio import settled
from smartdyn.model.counts import SubPlanCounts


@dataclass(frozen=True, slots=True)
class SubPlanAccess:
    """What actions may ask about the plans they started.

    @param counts: how they are doing, by the plan id and action id of the caller.
    @param cancel: asks those to end that nobody has asked yet.
    """

    counts: Callable[[str, int], Awaitable[SubPlanCounts]]
    cancel: Callable[[str, int, bool], None]


@dataclass(frozen=True, slots=True)
class Throttle:
    """How fast plans are started.

    @param level: so many may be under way at the same time; None means any number.
    @param span: seconds over which the start of all is spread; those not started by then are not started at all.
    @param count: how many start within the span.
    """

    level: int | None = None
    span: float | None = None
    count: int = 1

    def room(self, *, under_way: int, started: int, elapsed: float) -> int | None:
        """How many may be started now; None means any number.

        @param elapsed: seconds since the first could be started.
        """
        rooms = []
        if self.level is not None:
            rooms.append(max(self.level - under_way, 0))
        if self.span is not None:
            tickets = (self.level or 1) + int(elapsed / self.interval)
            rooms.append(max(tickets - started, 0))
        return min(rooms) if rooms else None

    @property
    def interval(self) -> float:
        """Seconds between two starts, when they are spread over time."""
        return max((self.span or 0.0) / max(self.count, 1), 0.001)

    def to_json(self) -> dict[str, Any]:
        """The form in which it is part of an action's input."""
        return {"level": self.level, "time": None if self.span is None else [self.span, self.count]}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Throttle:
        """The throttle that L{to_json} wrote."""
        span, count = value.get("time") or (None, 1)
        return cls(value.get("level"), span, count)


@dataclass(slots=True)
class _Tick:
    """What one look at the plans has found and decided."""

    counts: SubPlanCounts
    total: int
    planned: int
    fresh: list[SubPlanRequest] = field(default_factory=list)


class SubPlansFailed(Exception):
    """Some of the plans that an action started have failed."""


class WithSubPlans(Action):
    """Base of actions that start plans and wait for all of them.

    Authors say which by L{create_sub_plans}, or in batches by L{total_count} and L{batch}.

    @cvar batch_size: so many plans are made in one transaction.
    @cvar poll_interval: when given, the action looks at its plans every so many seconds, instead of whenever one ends.
    """

    cancellable: ClassVar[bool] = True
    handles_restart: ClassVar[bool] = True
    counts_sub_plans: ClassVar[bool] = True
    awaits_sub_plans: ClassVar[bool] = True
    batch_size: ClassVar[int] = 100
    poll_interval: ClassVar[float | None] = None

    _throttle = Throttle()

    def __init_subclass__(cls) -> None:
        cls.awaits_sub_plans = cls.poll_interval is None

    def create_sub_plans(self) -> Iterable[SubPlanRequest]:
        """All plans, each by L{sub_plan}: the same ones each time it is asked, by C{input} alone."""
        raise NotImplementedError(f"{type(self).__name__} must define create_sub_plans, or total_count and batch")

    def total_count(self) -> int:
        """How many plans there will be."""
        return sum(1 for _ in self.create_sub_plans())

    def batch(self, start: int, size: int) -> Iterable[SubPlanRequest]:
        """C{size} of the plans, from number C{start} on."""
        return islice(self.create_sub_plans(), start, start + size)

    def sub_plan(self, action: type[Action], *args: Any, plan_id: str | None = None) -> SubPlanRequest:
        """One plan."""
        return SubPlanRequest(action, args, plan_id)

    def on_planning_finished(self) -> Any:
        """All plans have been made, or no more will be."""

    def on_finish(self) -> Any:
        """All plans have ended well."""

    def check_for_errors(self, counts: SubPlanCounts) -> None:
        """All plans have ended: is that as it should be?

        @raise SubPlansFailed: some have failed or were cancelled.
        """
        if counts.failed or counts.cancelled:
            raise SubPlansFailed("A sub task failed")

    def limit_concurrency_level(self, level: int) -> None:
        """While planning, before C{plan_self}: start no more than C{level} plans at a time."""
        self._throttle = Throttle(level, self._throttle.span, self._throttle.count)

    def distribute_over_time(self, span: float, count: int) -> None:
        """While planning, before C{plan_self}: spread the start of C{count} plans over C{span} seconds."""
        self._throttle = Throttle(self._throttle.level, span, count)

    def plan_self(self, input: dict[str, Any] | None = None) -> Action:
        if self._throttle == Throttle():
            return super().plan_self(input)
        return super().plan_self({**(input or {}), "concurrency_control": self._throttle.to_json()})

    def run_progress(self) -> float:
        return float(self.output.get("progress", 0.1))

    async def run(self, event: Any = None) -> None:
        """Start plans as there is room for them, and end when all have ended."""
        if isinstance(event, Skip):
            return
        if event is None:
            await self._initiate()
        if isinstance(event, (Cancel, Abort)):
            self._stop_planning()
            access, force = self.resource(SubPlanAccess), isinstance(event, Abort)
            self.after_commit(lambda: access.cancel(self.plan_id, self.action_id, force))
        stale = isinstance(event, Poll) and event.generation != self.output.get("poll_generation")
        if stale:
            self.suspend()
        await self._tick(event)

    @classmethod
    def present_counts(cls, output: dict[str, Any], counts: SubPlanCounts) -> dict[str, Any]:
        """The output as it is shown, with the counts of this moment."""
        resumed = output.get("resumed_count", 0)
        total = output.get("total_count", counts.total)
        planned = counts.total - resumed
        never = total - planned if output.get("cancelled_timestamp") is not None else 0
        failed, cancelled = counts.failed - resumed, counts.cancelled + never
        return {
            **output,
            "planned_count": planned,
            "cancelled_count": cancelled,
            "total_count": total,
            "failed_count": failed,
            "pending_count": total - failed - cancelled - counts.success,
            "success_count": counts.success,
        }

    async def _counts(self) -> SubPlanCounts:
        return await self.resource(SubPlanAccess).counts(self.plan_id, self.action_id)

    async def _initiate(self) -> None:
        """Begin, or begin again when a human resumed the step.

        Then the plans that there are count as they are now; if none of them could even be planned, all are made anew.
        """
        self.output["poll_generation"] = self.output.get("poll_generation", 0) + 1
        if "total_count" not in self.output:
            self.output["started_at"] = self.now
            self.output["total_count"] = self.total_count()
            return
        counts = await self._counts()
        if counts.total and counts.unplanned == counts.total:
            self.output["resumed_count"] = counts.total
        self.output["planning_finished"] = False

    def _stop_planning(self) -> None:
        self.output.setdefault("cancelled_timestamp", self.now)

    async def _tick(self, event: Any) -> None:
        counts = await self._counts()
        resumed = self.output.get("resumed_count", 0)
        counts = replace(counts, total=counts.total - resumed, failed=counts.failed - resumed)
        tick = _Tick(counts, self.output["total_count"], counts.total)
        throttle = Throttle.from_json(self.input.get("concurrency_control") or {})
        self._plan_more(tick, throttle)
        over = self.output.get("cancelled_timestamp") is not None
        if (over or tick.planned >= self.output["total_count"]) and not self.output.get("planning_finished"):
            self.output["planning_finished"] = True
            await settled(self.on_planning_finished())
        ended = counts.total - counts.pending
        self.output["progress"] = ended / tick.total if tick.total else 1.0
        if ended < tick.planned or not (over or tick.planned >= self.output["total_count"]):
            self._wait(tick, throttle, event)
        never = tick.total - tick.planned if over else 0
        self.check_for_errors(replace(counts, total=tick.total, cancelled=counts.cancelled + never))
        await settled(self.on_finish())

    def _plan_more(self, tick: _Tick, throttle: Throttle) -> None:
        missing = tick.total - tick.planned
        if missing <= 0 or self.output.get("cancelled_timestamp") is not None:
            return
        elapsed = self.now - self.output["started_at"]
        if throttle.span is not None and elapsed >= throttle.span:
            self.output["reason"] = "The task could not be started within the maintenance window."
            self._stop_planning()
            return
        room = throttle.room(under_way=tick.counts.pending, started=tick.planned, elapsed=elapsed)
        size = min(missing, self.batch_size, missing if room is None else room)
        if size <= 0:
            return
        tick.fresh = list(self.batch(tick.planned, size))
        for request in tick.fresh:
            self.start_plan(request.action, *request.args, plan_id=request.plan_id)
        tick.planned += len(tick.fresh)
        if not tick.fresh:
            self.output["total_count"] = tick.total = tick.planned

    def _wait(self, tick: _Tick, throttle: Throttle, event: Any) -> None:
        """Suspend, with whatever will wake this up again besides the end of a plan."""
        if self.poll_interval is not None and (event is None or isinstance(event, (Poll, Restarted))):
            if isinstance(event, Restarted):
                self.output["poll_generation"] += 1
            self.plan_event(Poll(self.output["poll_generation"]), self.poll_interval, optional=True)
        if tick.planned < tick.total and self.output.get("cancelled_timestamp") is None:
            if throttle.span is not None:
                self._plan_next_start(throttle, event)
            elif throttle.level is None or len(tick.fresh) == self.batch_size:
                self.plan_event(SubPlansChanged(), optional=True)
        self.suspend()

    def _plan_next_start(self, throttle: Throttle, event: Any) -> None:
        known = self.output.get("next_start_at", 0.0)
        if known > self.now and event is not None and not isinstance(event, Restarted):
            return
        elapsed = self.now - self.output["started_at"]
        following = (int(elapsed / throttle.interval) + 1) * throttle.interval
        at = self.output["started_at"] + min(following, throttle.span or following)
        self.output["next_start_at"] = at
        self.plan_event(SubPlansChanged(), at=at, optional=True)
