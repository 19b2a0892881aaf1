"""What systemd is told."""

from __future__ import annotations

import tempfile
import uuid
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.systemd.notify import Notifier
from tests.support.notify import NotifySocket


class NotifierTests(SynchronousTestCase):
    """L{Notifier}."""

    def listen(self, address: str) -> tuple[NotifySocket, Notifier]:
        """A socket, and who was told of it by the environment."""
        heard = NotifySocket(address)
        self.addCleanup(heard.close)
        return heard, Notifier.from_environment({"NOTIFY_SOCKET": address}, lambda: 12.5)

    def test_both_kinds_of_sockets(self) -> None:
        """A path and an abstract name are both understood."""
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(folder.rmdir)
        for address in (str(folder / "notify"), f"@smartdyn-{uuid.uuid4()}"):
            heard, notifier = self.listen(address)
            notifier.ready()
            self.assertEqual(heard.read(), ["READY=1"])

    def test_what_is_said(self) -> None:
        """A reload carries the monotonic time, a status is one line whatever is in it, the end says so."""
        heard, notifier = self.listen(f"@smartdyn-{uuid.uuid4()}")
        notifier.reloading()
        notifier.alive()
        notifier.status("one\nREADY=1")
        notifier.stopping()
        self.assertEqual(
            heard.read(),
            [
                "RELOADING=1",
                "MONOTONIC_USEC=12500000",
                "WATCHDOG=1",
                "STATUS=one READY=1",
                "STOPPING=1",
                "STATUS=Stopping; jobs go on on their hosts.",
            ],
        )

    def test_nobody_listens(self) -> None:
        """Without systemd nothing is sent, and a socket that is gone disturbs nobody."""
        silent = Notifier.from_environment({}, lambda: 0.0)
        self.assertFalse(silent.is_wanted)
        silent.ready()
        gone = Notifier("/nowhere/notify", lambda: 0.0)
        gone.ready()
        self.assertTrue(gone.is_wanted)
