"""Actions that start something elsewhere and ask for it from time to time until it is done (action/polling.rb)."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Any, ClassVar

from twisted.internet.defer import CancelledError
from twisted.logger import Logger

from smartdyn.actions.events import Restarted, Skip, Timeout
from smartdyn.actions.timeouts import WithTimeout
from smartdyn.aio import settled


@dataclass(frozen=True, slots=True)
class PollExternal:
    """It is time to ask again.

    @param generation: of the series of questions; one left over from before a restart is not answered twice.
    """

    generation: int


class PollingAction(WithTimeout, abc.ABC):
    """Base of such actions. Its methods may be coroutine functions, except L{done}.

    @cvar poll_intervals: seconds between questions; each is used for a number of times, the last one for good.
    @cvar attempts_before_next_interval: that number.
    @cvar poll_max_retries: so many failures in a row are too many.
    """

    handles_restart: ClassVar[bool] = True
    events: ClassVar[tuple[type[Any], ...]] = (PollExternal,)
    poll_intervals: ClassVar[tuple[float, ...]] = (0.5, 1, 2, 4, 8, 16)
    attempts_before_next_interval: ClassVar[int] = 5
    poll_max_retries: ClassVar[int] = 3

    _log = Logger()

    @abc.abstractmethod
    def invoke_external_task(self) -> Any:
        """Start it and return what is known of it, in JSON; that becomes C{external_task}."""

    @abc.abstractmethod
    def poll_external_task(self) -> Any:
        """Ask for it and return what is known now."""

    @abc.abstractmethod
    def done(self) -> bool:
        """Is it done, by C{external_task}?"""

    def on_finish(self) -> Any:
        """It is done."""

    @property
    def external_task(self) -> Any:
        """What is known of it; None when it was not started."""
        return self.output.get("task")

    async def run(self, event: Any = None) -> None:
        """Start it, ask for it, or deal with what has happened.

        A restart while it was being started leaves unknown whether it was: the step fails rather than starting it
        again. When a human resumes the step, it is asked for, and started only if that fails.
        """
        if isinstance(event, Skip):
            return
        if isinstance(event, Timeout):
            self.process_timeout()
        elif isinstance(event, PollExternal):
            if event.generation != self.output.get("poll_generation"):
                self.suspend()
            await self._poll()
        elif isinstance(event, Restarted):
            if self.external_task is None:
                self.error("The service was restarted while this was being started; look whether it was, then resume.")
            self._begin_series()
            await self._poll()
        elif event is None:
            self._begin_series()
            await self._begin()
        else:
            self.error(f"unrecognized event {event!r}")
        if not self.done():
            self.plan_event(PollExternal(self.output["poll_generation"]), self.poll_interval())
            self.suspend()
        await settled(self.on_finish())

    def poll_interval(self) -> float:
        """Seconds until the next question."""
        total: int = self.output["poll_attempts"]["total"]
        step = total // self.attempts_before_next_interval
        return self.poll_intervals[min(step, len(self.poll_intervals) - 1)]

    def _begin_series(self) -> None:
        self.output["poll_attempts"] = {"total": 0, "failed": 0}
        self.output["poll_generation"] = self.output.get("poll_generation", 0) + 1

    async def _begin(self) -> None:
        if self.external_task is not None:
            try:
                self.output["task"] = await settled(self.poll_external_task())
            except CancelledError:
                raise
            except Exception as error:
                self._log.info("asking for the task failed, starting it again: {error}", error=error)
            else:
                return
        self.output["task"] = await settled(self.invoke_external_task())

    async def _poll(self) -> None:
        attempts = self.output["poll_attempts"]
        attempts["total"] += 1
        try:
            self.output["task"] = await settled(self.poll_external_task())
        except CancelledError:
            raise
        except Exception as error:
            attempts["failed"] += 1
            if attempts["failed"] >= self.poll_max_retries:
                raise
            self._log.warn("asking for the external task failed: {error}", error=error)
        else:
            attempts["failed"] = 0
