"""What benchmarks of script jobs stand on: a real sshd, a service as a process of its own, and a Foreman."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from tests.support import sshd
from tests.support.foreman import RecordingForeman
from tests.support.http import Client
from tests.support.service import ServiceProcess

USER = "rexssh"
"""An account whose shell starts without detours; what root's does is this machine's affair."""


class Rig:
    """All of it."""

    def __init__(self, reactor: Any, extra: str) -> None:
        """
        @param extra: more lines for sshd_config.
        """
        self.reactor = reactor
        self.server = sshd.shared(extra)
        self.foreman = RecordingForeman()
        settings = {"ssh_identity_key_file": str(self.server.key()), "log_level": "WARN"}
        self.service = ServiceProcess({"foreman_url": self.foreman.start(reactor), **settings})
        self.client = Client(reactor, self.service.url)


def run(name: str, measure: Callable[[Rig], Awaitable[None]], extra: str = "") -> None:
    """Measure something; needs what the tests need.

    @param name: what is not measured, when it is not.
    """
    if reason := sshd.missing():
        print(f"{name}: not measured, {reason}")
        return

    async def work(reactor: Any) -> None:
        rig = Rig(reactor, extra)
        await rig.service.start()
        try:
            await measure(rig)
        finally:
            await rig.service.stop()
            await rig.foreman.stop()

    try:
        react(lambda reactor: Deferred.fromCoroutine(work(reactor)))
    except SystemExit as ending:
        if ending.code:
            raise
