"""Delivers callbacks until Foreman has them: over restarts, outages and refusals."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from smartdyn.aio import Spawner, deadline
from smartdyn.errors import DeadlineExceeded
from smartdyn.foreman import batch, retry
from smartdyn.foreman.retry import Answer, Verdict
from smartdyn.log.context import NOTHING, Subject, work_for
from smartdyn.metrics.outbox import OutboxMeters
from smartdyn.store import callbacks
from smartdyn.store.callbacks import MarkDelivered, ParkCallback, PendingCallback, RetryCallback
from smartdyn.store.database import Database, Write
from smartdyn.store.json import encode
from smartdyn.store.long_output import is_long
from smartdyn.store.persistence import Persistence

_AT_ONCE = 8
_TOGETHER_FROM = 16
"""When more callbacks than these are due, they go in one request."""

_MOST_TOGETHER = 100
_MOST_BYTES = 5 * 1024 * 1024
STOP_LIMIT = 10.0
"""Seconds that requests under way get when the service stops: one that is cut off is sent again."""

_STUMBLE = 5.0
"""Seconds until the next look after the database failed."""


class Client(Protocol):
    """Whoever can reach Foreman."""

    async def callback(self, body: dict[str, Any], request_id: str | None) -> Answer:
        """Post a callback."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What has not reached Foreman.

    @param counts: how many callbacks are in which state.
    @param oldest: when the longest waiting one was promised, seconds since the epoch.
    """

    counts: dict[str, int] = field(default_factory=dict)
    oldest: float | None = None


class Outbox(Service):
    """Sends what is due, a few at a time, and remembers how each attempt went.

    Delivery is at least once: Foreman ignores a second callback for the same step.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        now: Callable[[], float],
        random: Callable[[], float],
        database: Database,
        client: Client,
        load_data: Callable[[str, int], Awaitable[dict[str, Any]]],
        meters: OutboxMeters | None = None,
    ) -> None:
        """
        @param load_data: the output of an action, by plan id and action id.
        """
        self._clock = clock
        self._now = now
        self._random = random
        self._database = database
        self._client = client
        self._load_data = load_data
        self._persistence = Persistence(clock, database)
        self.spawner = Spawner(clock)
        self._meters = meters or OutboxMeters()
        self._sending: set[int] = set()
        self._under_way = 0
        self._sent_meanwhile: set[int] = set()
        self._timer: IDelayedCall | None = None
        self._looking = False
        self._look_again = False
        self._begun: dict[object, float] = {}

    def startService(self) -> None:
        super().startService()
        self.notify()

    def stopService(self) -> Deferred[None]:
        super().stopService()
        self._drop_timer()
        return Deferred.fromCoroutine(self._finish())

    @property
    def busy_for(self) -> float:
        """Seconds for which the longest of what is under way has been so, 0 when nothing is."""
        return max((self._clock.seconds() - begun for begun in self._begun.values()), default=0.0)

    at_once = _AT_ONCE

    @property
    def under_way(self) -> int:
        """How many requests to Foreman are."""
        return self._under_way

    async def backlog(self) -> Backlog:
        """How much there is to do."""
        return await self._database.query(lambda tx: Backlog(callbacks.counts(tx), callbacks.oldest(tx)))

    def waiting(self) -> Deferred[int]:
        """How many callbacks are still sent."""
        return self._database.query(callbacks.pending)

    def notify(self) -> None:
        """There may be something to send."""
        if not self.running:
            return
        if self._looking:
            self._look_again = True
            return
        self._looking = True
        self.spawner.spawn("looking for callbacks", self._look())

    async def _finish(self) -> None:
        try:
            await deadline(self._clock, STOP_LIMIT, "callbacks under way", self.spawner.stop(cancel=False))
        except DeadlineExceeded:
            await self.spawner.stop()

    async def _look(self) -> None:
        """Send what is due and set the timer for the next."""
        work_for(NOTHING)
        with self._under_way_since_now():
            await self._look_and_send()

    async def _look_and_send(self) -> None:
        try:
            self._drop_timer()
            self._sent_meanwhile.clear()
            now = self._now()
            free = max(_AT_ONCE - self._under_way, 0)
            found = await self._database.query(
                lambda tx: (callbacks.due(tx, now, _AT_ONCE * _MOST_TOGETHER), callbacks.next_due_at(tx, now))
            )
            # What has been sent since the question may still look due in the answer
            known = self._sending | self._sent_meanwhile
            due = [pending for pending in found[0] if pending.id not in known]
            groups = [pending for pending in due if isinstance(pending.callback, list)]
            singles = [pending for pending in due if not isinstance(pending.callback, list)]
            while len(singles) > _TOGETHER_FROM and free > 0:
                self._start_together(singles[:_MOST_TOGETHER])
                singles = singles[_MOST_TOGETHER:]
                free -= 1
            for pending in (groups + singles)[:free]:
                self._sending.add(pending.id)
                self.spawner.spawn(f"callback of task {pending.plan_id}", self._send(pending))
            if found[1] is not None and self.running:
                self._set_timer(found[1] - now)
        except BaseException:
            if self.running:
                self._set_timer(_STUMBLE)
            raise
        finally:
            self._looking = False
        if self._look_again:
            self._look_again = False
            self.notify()

    async def _send(self, pending: PendingCallback) -> None:
        work_for(Subject(pending.request_id, pending.plan_id))
        async with self._slot([pending]):
            try:
                write = await self._attempt(pending)
            except CancelledError:
                raise
            except Exception as error:
                write = self._stumbled(pending, error)
            await self._persistence.persist([write])

    @asynccontextmanager
    async def _slot(self, sent: Sequence[PendingCallback]) -> AsyncIterator[None]:
        """A request is under way; afterwards there may be more to send."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            for pending in sent:
                self._sending.discard(pending.id)
                self._sent_meanwhile.add(pending.id)
            self.notify()

    @contextmanager
    def _under_way_since_now(self) -> Iterator[None]:
        mark = object()
        self._begun[mark] = self._clock.seconds()
        try:
            yield
        finally:
            del self._begun[mark]

    def _stumbled(self, pending: PendingCallback, error: Exception) -> Write:
        """It could not even be put together; it is tried again, later and later."""
        self._log.failure("the callback of task {plan_id} cannot be put together", plan_id=pending.plan_id)
        return self._retry(pending, Answer(None, f"{type(error).__name__}: {error}"))

    def _start_together(self, together: Sequence[PendingCallback]) -> None:
        """Send many callbacks in one request: Foreman has been away, or a large launch has ended."""
        self._sending |= {pending.id for pending in together}
        self.spawner.spawn(f"{len(together)} callbacks", self._send_together(together))

    async def _send_together(self, together: Sequence[PendingCallback]) -> None:
        async with self._slot(together):
            bodies: dict[int, dict[str, Any]] = {}
            writes: list[Write] = []
            size = 0
            for pending in together:
                try:
                    body = await self._body(pending)
                except CancelledError:
                    raise
                except Exception as error:
                    writes.append(self._stumbled(pending, error))
                    continue
                size += _MOST_BYTES if is_long(body) else len(encode(body))
                if bodies and size > _MOST_BYTES:
                    break
                bodies[pending.id] = body
            sent = [pending for pending in together if pending.id in bodies]

            async def send(parts: Sequence[PendingCallback]) -> Answer:
                if len(parts) == 1:
                    return await self._send_body(bodies[parts[0].id], parts[0])
                return await self._send_body({"callbacks": [bodies[part.id] for part in parts]}, parts[0])

            refusals = await batch.deliver(sent, send) if sent else []
            refused = {part.id: each.answer for each in refusals for part in each.parts}
            writes += [self._record(pending, refused.get(pending.id, Answer(200, ""))) for pending in sent]
            await self._persistence.persist(writes)

    async def _body(self, pending: PendingCallback) -> dict[str, Any]:
        data = pending.data
        if pending.data_action_id is not None:
            data = await self._load_data(pending.plan_id, pending.data_action_id)
        return {"callback": pending.callback, "data": data if isinstance(data, dict) else {}}

    async def _attempt(self, pending: PendingCallback) -> Write:
        """Send a callback once, and say what is to be remembered of it."""
        if isinstance(pending.callback, list):
            return await self._attempt_batch(pending)
        return self._record(pending, await self._send_body(await self._body(pending), pending))

    async def _attempt_batch(self, pending: PendingCallback) -> Write:
        """Likewise for all plans of a group; those that Foreman took are not sent again."""

        async def send(parts: Sequence[Any]) -> Answer:
            loaded = [
                {"callback": part["callback"], "data": await self._load_data(part["plan_id"], 1)} for part in parts
            ]
            return await self._send_body({"callbacks": loaded}, pending)

        refused = await batch.deliver(pending.callback, send)
        if not refused:
            return self._record(pending, Answer(200, ""))
        again = batch.to_repeat(refused, self._now() - pending.created_at)
        lost = [part["plan_id"] for each in refused for part in each.parts if part not in again]
        if lost:
            self._log.error(
                "Foreman will not take the callbacks of {plan_ids}: HTTP {status}: {said}. Their output stays here.",
                plan_ids=", ".join(lost),
                status=refused[0].answer.status,
                said=refused[0].answer.text,
            )
        if not again:
            return self._record(pending, refused[0].answer)
        blamed = next(each.answer for each in refused if each.parts[0] in again)
        return replace(self._retry(pending, blamed), callback=again)

    async def _send_body(self, body: dict[str, Any], pending: PendingCallback) -> Answer:
        begun = self._clock.seconds()
        with self._under_way_since_now():
            answer = await self._client.callback(body, pending.request_id)
        self._meters.answered(answer.status, self._clock.seconds() - begun)
        return answer

    def _record(self, pending: PendingCallback, answer: Answer) -> Write:
        now = self._now()
        verdict = retry.judge(answer, now - pending.created_at)
        attempts = pending.attempts + 1
        if verdict is not Verdict.RETRY:
            self._meters.outcomes.labels(verdict.value).inc()
        if verdict is Verdict.DELIVERED:
            self._meters.delivery_seconds.observe(max(now - pending.created_at, 0.0))
            self._log.info("callback of task {plan_id} delivered", plan_id=pending.plan_id, attempts=attempts)
            return MarkDelivered(pending.id, now)
        if verdict is Verdict.PARK:
            said = _said(answer)
            self._log.error(
                "Foreman will not take the callback of task {plan_id}, after {attempts} attempts: {said}. "
                "Its output stays here; Foreman finds it when it polls, and `smartdyn tasks resend` sends it again.",
                plan_id=pending.plan_id,
                attempts=attempts,
                said=said,
            )
            return ParkCallback(pending.id, said)
        return self._retry(pending, answer)

    def _retry(self, pending: PendingCallback, answer: Answer) -> RetryCallback:
        attempts = pending.attempts + 1
        self._meters.outcomes.labels(Verdict.RETRY.value).inc()
        delay = retry.delay(attempts, self._random(), answer.retry_after)
        self._log.warn(
            "callback of task {plan_id} not taken ({attempts} attempts): {said}; next try in {delay:.0f} s",
            plan_id=pending.plan_id,
            attempts=attempts,
            said=_said(answer),
            delay=delay,
        )
        return RetryCallback(pending.id, _said(answer), self._now() + delay)

    def _set_timer(self, seconds: float) -> None:
        self._drop_timer()
        self._timer = self._clock.callLater(max(seconds, 0.01), self.notify)

    def _drop_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None


def _said(answer: Answer) -> str:
    return f"HTTP {answer.status}: {answer.text}" if answer.status else answer.text
