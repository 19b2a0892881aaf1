"""The few ways in which coroutines are started, waited for and protected here."""

from __future__ import annotations

import inspect
from collections.abc import Coroutine
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from smartdyn.errors import DeadlineExceeded

T = TypeVar("T")


class Work(NamedTuple):
    """Something that runs in the background.

    @param since: when it began, by the clock of its spawner.
    """

    name: str
    since: float
    coroutine: Coroutine[Any, Any, Any]


class Spawner:
    """Owns every background coroutine of a service: failures are logged, and L{stop} waits for all of them."""

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._running: dict[Deferred[Any], Work] = {}

    def spawn(self, name: str, work: Coroutine[Any, Any, T]) -> None:
        """Run C{work} in the background.

        @param name: what it does, for the log and for whoever asks what is being waited for.
        """
        running: Deferred[T] = Deferred.fromCoroutine(work)
        if running.called and not isinstance(running.result, (Failure, Deferred)):
            return
        self._running[running] = Work(name, self._clock.seconds(), work)
        running.addErrback(self._failed, name)
        running.addBoth(lambda _: self._running.pop(running, None))

    def names(self) -> list[str]:
        """What is running now."""
        return sorted(work.name for work in self._running.values())

    def running(self) -> list[Work]:
        """Likewise with all that is known of it, what began first before the others."""
        return list(self._running.values())

    def count(self) -> int:
        """How much is running."""
        return len(self._running)

    def stop(self, *, cancel: bool = True) -> Deferred[None]:
        """Fires when nothing is running any more, also nothing that was begun meanwhile. May be cancelled.

        @param cancel: tell everything to end first.
        """
        return Deferred.fromCoroutine(self._stop(cancel))

    async def _stop(self, cancel: bool) -> None:
        while self._running:
            waiting = list(self._running)
            if cancel:
                for running in waiting:
                    running.cancel()
            for running in waiting:
                await _observe(running)

    def _failed(self, failure: Failure, name: str) -> None:
        if not failure.check(CancelledError):
            self._log.failure("background work failed: {name}", failure=failure, name=name)


_COROUTINES: WeakKeyDictionary[Deferred[Any], Coroutine[Any, Any, Any]] = WeakKeyDictionary()


def begin(work: Coroutine[Any, Any, T]) -> Deferred[T]:
    """Begin a coroutine that somebody will wait for, so that it can be seen behind the wait: see L{coroutine_of}."""
    begun: Deferred[T] = Deferred.fromCoroutine(work)
    if not begun.called:
        _COROUTINES[begun] = work
    return begun


def coroutine_of(deferred: Deferred[Any]) -> Coroutine[Any, Any, Any] | None:
    """The coroutine whose end a Deferred of L{begin} tells."""
    return _COROUTINES.get(deferred)


def _settle(outer: Deferred[T], result: Any) -> None:
    if isinstance(result, Failure):
        outer.errback(result)
    else:
        outer.callback(result)


def _observe(source: Deferred[Any]) -> Deferred[None]:
    """A Deferred that fires when C{source} does, without taking its result away from anybody."""
    observer: Deferred[None] = Deferred()

    def fire(result: Any) -> Any:
        if not observer.called:
            observer.callback(None)
        return result

    source.addBoth(fire)
    return observer


def shielded(source: Deferred[T]) -> Deferred[T]:
    """A Deferred with the result of C{source} whose cancellation leaves C{source} running.

    Klein cancels a handler when its client goes away (klein #546); what is being committed must be committed all the
    same.
    """
    outer: Deferred[T] = Deferred()

    def relay(result: Any) -> None:
        if not outer.called:
            _settle(outer, result)

    source.addBoth(relay)
    return outer


def cancelled_as_such(source: Deferred[T]) -> Deferred[T]:
    """A Deferred with the result of C{source} that, when cancelled, fails with L{CancelledError} and nothing else.

    Twisted's endpoints report a cancelled connection attempt as one that failed, as if the name had not been found.
    """

    def cancel(outer: Deferred[T]) -> None:
        outer.errback(CancelledError())
        source.cancel()

    outer: Deferred[T] = Deferred(cancel)

    def relay(result: Any) -> None:
        if not outer.called:
            _settle(outer, result)

    source.addBoth(relay)
    return outer


async def settled(value: Any) -> Any:
    """The result of C{value}, which authors may have made by a plain function or by a coroutine function."""
    if inspect.iscoroutine(value):
        return await Deferred.fromCoroutine(value)
    return await value if isinstance(value, Deferred) else value


async def deadline(clock: IReactorTime, seconds: float, what: str, source: Deferred[T]) -> T:
    """Wait for C{source}, cancelling it when C{seconds} have passed.

    @param what: names the wait in the error.
    @raise DeadlineExceeded: it took longer.
    """
    expired = False

    def expire() -> None:
        nonlocal expired
        expired = True
        source.cancel()

    timer = clock.callLater(seconds, expire)
    try:
        return await source
    except Exception as error:
        if expired:
            raise DeadlineExceeded(what, seconds) from error
        raise
    finally:
        if timer.active():
            timer.cancel()


def sleep(clock: IReactorTime, seconds: float) -> Deferred[None]:
    """Fires after C{seconds}; cancelling it drops the timer."""
    if seconds <= 0:
        return succeed(None)
    woken: Deferred[None] = Deferred(lambda _: timer.cancel())
    timer = clock.callLater(seconds, woken.callback, None)
    return woken
