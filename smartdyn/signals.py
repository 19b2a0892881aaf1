"""Signals that ask for something other than the end."""

from __future__ import annotations

import faulthandler
import signal
import sys
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from twisted.application.service import Service


class Signals(Service):
    """Calls what belongs to a signal, in the reactor's thread and never in the middle of something else."""

    def __init__(self, reactor: Any, wanted: Mapping[signal.Signals, Callable[[], None]]) -> None:
        self._reactor = reactor
        self._wanted = wanted

    def startService(self) -> None:
        super().startService()
        for number in self._wanted:
            signal.signal(number, self._came)

    def stopService(self) -> None:
        super().stopService()
        for number in self._wanted:
            # To be told of anything while we stop must not end us
            signal.signal(number, signal.SIG_IGN)

    def _came(self, number: int, frame: FrameType | None) -> None:
        self._reactor.callFromThread(self._wanted[signal.Signals(number)])


def show_stacks() -> None:
    """Have the stacks of all threads written to standard error when they are of interest.

    That is when the process crashes, when a watchdog ends it (C{SIGABRT}), and when somebody asks (C{SIGTTIN}, as with
    the smart proxy).
    """
    if sys.__stderr__ is not None:
        faulthandler.enable(sys.__stderr__)
        faulthandler.register(signal.SIGTTIN, sys.__stderr__)
