"""The runner's decisions about hosts that go away, with hosts that the test plays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.rex.hosts import Hosts
from smartdyn.rex.script_runner import ScriptRunner
from smartdyn.rex.settings import RunnerSettings
from smartdyn.secret import Secret
from smartdyn.ssh.errors import (
    Attempt,
    AuthenticationFailed,
    ConnectFailed,
    ConnectionLost,
    HandshakeFailed,
    KnownHostsUnusable,
)
from tests.support.context import MemoryContext


class AwayTests(SynchronousTestCase):
    """Hosts that cannot be reached.

    Connections are played by the test: what is tried here is when they are asked for, which a real host cannot show
    without hours of waiting.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.attempts: list[Deferred[Any]] = []
        self.context = MemoryContext()
        settings = RunnerSettings(known_hosts=Path(self.mktemp()), connections_at_once=2)
        self.hosts = Hosts(self.clock, settings, lambda: 0.5, self.connect)

    async def connect(self, *args: Any, **options: Any) -> Any:
        """A connection attempt that the test decides."""
        attempt: Deferred[Any] = Deferred()
        self.attempts.append(attempt)
        return await attempt

    def run_job(
        self, *, resumed: bool = False, host: str = "h1", user: str = "root", **more: Any
    ) -> tuple[ScriptRunner, Deferred[None]]:
        """Begin a job."""
        input = {"hostname": host, "ssh_user": user, "script": "true", "secrets": {"ssh_password": Secret("x")}}
        runner = ScriptRunner("r", {**input, **more}, self.hosts)
        return runner, Deferred.fromCoroutine(runner.run(self.context, resumed=resumed))

    def test_where_no_job_may_go_over_ssh(self) -> None:
        """No host is contacted, and the job says why; what was begun before is followed to its end."""
        self.hosts.settings = replace(self.hosts.settings, refusal="Mode pull is not available; set `mode` to ssh")
        _, running = self.run_job()
        self.successResultOf(running)
        self.assertEqual((self.context.status, self.attempts), ("EXCEPTION", []))
        self.assertIn("Mode pull is not available; set `mode` to ssh", self.context.text("debug"))
        self.run_job(resumed=True)
        self.assertEqual(len(self.attempts), 1)

    def test_a_host_that_refuses_is_told_at_once(self) -> None:
        """Nothing has been run: the user hears of it now."""
        _, running = self.run_job()
        self.attempts[0].errback(ConnectFailed("h1", 22, "Connection refused"))
        self.successResultOf(running)
        self.assertEqual(self.context.status, "EXCEPTION")
        self.assertIn("ssh: connect to host h1 port 22: Connection refused", self.context.text("debug"))

    def test_an_sshd_that_is_asked_by_too_many_is_asked_again(self) -> None:
        """Being turned away has run nothing: it is tried again as long as connecting may take, a minute."""
        _, running = self.run_job()
        number = 0
        while not running.called and self.clock.seconds() < 100:
            if number < len(self.attempts):
                self.attempts[number].errback(HandshakeFailed("h1", 22, "closed", is_passing=True))
                number += 1
            self.clock.advance(0.5)
        self.successResultOf(running)
        self.assertEqual(self.context.status, "EXCEPTION")
        self.assertTrue(10 < number < 20, number)
        self.assertTrue(50 < self.clock.seconds() <= 60, self.clock.seconds())

    def test_a_server_that_will_not_change_is_not_asked_again(self) -> None:
        """No algorithm in common, a bad signature: the user hears of it at once."""
        _, running = self.run_job()
        self.attempts[0].errback(HandshakeFailed("h1", 22, "no cipher in common"))
        self.successResultOf(running)
        self.assertEqual((len(self.attempts), self.context.status), (1, "EXCEPTION"))

    def test_host_keys_that_cannot_be_written_down(self) -> None:
        """Our own file is no host that is away: the user hears of it at once, also after a restart."""
        for resumed in (False, True):
            self.context, self.attempts = MemoryContext(), []
            _, running = self.run_job(resumed=resumed)
            self.attempts[0].errback(KnownHostsUnusable(Path("known_hosts"), "written", "No space left on device"))
            self.successResultOf(running)
            self.assertEqual((len(self.attempts), self.context.status), (1, "EXCEPTION"))
            self.assertIn(
                "RuntimeError - The host keys in known_hosts cannot be written: No space left on device.",
                self.context.text("debug"),
            )

    def test_host_keys_that_cannot_be_read_when_a_host_is_new(self) -> None:
        """C{first_execution} needs them before anybody connects."""
        self.hosts.settings.known_hosts.mkdir()
        _, running = self.run_job(first_execution=True)
        self.successResultOf(running)
        self.assertEqual((self.attempts, self.context.status), ([], "EXCEPTION"))
        self.assertIn("cannot be read: Is a directory.", self.context.text("debug"))

    def test_a_job_that_may_be_running_is_looked_for_until_the_limit(self) -> None:
        """Ten minutes by default; then what is known is said."""
        _, running = self.run_job(resumed=True)
        number = 0
        while self.clock.seconds() < 599:
            if number < len(self.attempts):
                self.attempts[number].errback(ConnectionLost("h1", "no route"))
                number += 1
            self.assertNoResult(running)
            self.clock.advance(1)
        while not running.called and self.clock.seconds() < 700:
            if number < len(self.attempts):
                self.attempts[number].errback(ConnectionLost("h1", "no route"))
                number += 1
            self.clock.advance(1)
        self.successResultOf(running)
        self.assertEqual(self.context.status, "EXCEPTION")
        self.assertIn("was not reachable for 600 s", self.context.text("debug"))
        self.assertLess(number, 40)

    def test_a_running_job_is_looked_for_whatever_keeps_us_out(self) -> None:
        """A host that boots may turn away the right password for a while; it is said how often it did."""
        self.context.begun = True
        _, running = self.run_job(resumed=True)
        refused = AuthenticationFailed("root", "h1", [Attempt("password", "no")], ["password"])
        self.attempts[0].errback(refused)
        self.clock.advance(3)
        self.assertEqual(len(self.attempts), 2)
        self.assertNoResult(running)
        self.assertTrue(any("Permission denied" in note for note in self.context.notes))
        self.attempts[1].errback(refused)
        self.assertTrue(self.context.notes[-1].endswith(", 2 times. The script goes on there meanwhile."))

    def test_stopping_while_connecting(self) -> None:
        """The attempt is dropped, and the job is over."""
        runner, running = self.run_job()
        self.successResultOf(Deferred.fromCoroutine(runner.kill()))
        self.successResultOf(running)
        self.assertEqual(self.context.status, 255)

    def test_stopping_a_job_whose_host_stays_away(self) -> None:
        """After the kill limit it is given up, and that it may still be running is said."""
        runner, running = self.run_job(resumed=True)
        self.successResultOf(Deferred.fromCoroutine(runner.kill()))
        self.clock.advance(59)
        self.assertNoResult(running)
        self.clock.advance(1)
        self.successResultOf(running)
        self.assertEqual(self.context.status, "EXCEPTION")
        self.assertIn("may still be running", self.context.text("debug"))

    def test_one_host_does_not_hold_up_another(self) -> None:
        """The limit of jobs being started is per host."""
        for user in ("a", "b", "c"):
            self.run_job(host="slow", user=user)
        self.run_job(host="other")
        self.assertEqual(len(self.attempts), 3)
        self.attempts[0].errback(ConnectFailed("slow", 22, "Connection timed out"))
        self.assertEqual(len(self.attempts), 4)

    def test_jobs_share_one_way_in(self) -> None:
        """A wrong password is tried once, however many jobs were launched with it."""
        running = [self.run_job()[1] for _ in range(2)]
        self.assertEqual(len(self.attempts), 1)
        self.attempts[0].errback(AuthenticationFailed("root", "h1", [Attempt("password", "no")], ["password"]))
        for each in running:
            self.successResultOf(each)
        self.assertEqual(self.context.text("debug").count("Could not establish connection"), 2)
