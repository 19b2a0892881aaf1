"""Servers that break the rules once the connection is secure, and keys that grow old."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.conch.ssh.common import NS
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.ssh import Connection, Credentials, Deadlines
from smartdyn.ssh.client import Target, log_in
from smartdyn.ssh.errors import ChannelFailed, ConnectionLost, SSHError
from smartdyn.ssh.packets import RekeyLimits
from smartdyn.ssh.session import Session
from tests.support.ssh_server import (
    DEBUG,
    DISCONNECT,
    EXT_INFO,
    IGNORE,
    KEX_INIT,
    KEXINIT,
    NEWKEYS,
    SERVICE_ACCEPT,
    UNIMPLEMENTED,
    PlayedServer,
)

AUTH_FAILURE, AUTH_SUCCESS, BANNER, REQUEST_60, REQUEST_61 = 51, 52, 53, 60, 61
GLOBAL, SUCCESS, FAILURE, OPEN, CONFIRMATION, OPEN_FAILURE = 80, 81, 82, 90, 91, 92
ADJUST, DATA, EXTENDED, EOF, CLOSE, REQUEST, CHANNEL_SUCCESS, CHANNEL_FAILURE = range(93, 101)
ACCEPTED = NS(b"ssh-userauth")


def u32(*numbers: int) -> bytes:
    """Numbers of four bytes."""
    return b"".join(number.to_bytes(4, "big") for number in numbers)


CHANNEL = u32(0)
CONFIRMED = u32(0, 7, 2**20, 2**15)


class SecureTestCase(SynchronousTestCase):
    """A server and a client that trust each other, so far."""

    def setUp(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Shake hands."""
        self.server = PlayedServer()
        self.server.shake_hands()
        self.client = self.server.client

    def begin_login(self) -> Deferred[Any]:
        """Ask for the login, which the server has yet to grant."""
        target = Target("h1", 22, "u")
        return Deferred.fromCoroutine(log_in(self.server.clock, target, self.client, Credentials(), 60.0))

    def log_in(self) -> Connection:
        """Get in."""
        logging_in = self.begin_login()
        self.server.send(SERVICE_ACCEPT, ACCEPTED)
        self.server.send(AUTH_SUCCESS)
        service = self.successResultOf(logging_in)
        self.server.take()
        return Connection(self.server.clock, "h1", self.client, service, Deadlines().channel, 15.0)

    def execute(self, connection: Connection) -> Deferred[Session]:
        """Run a command, which the server has yet to take."""
        return Deferred.fromCoroutine(connection.execute("true"))

    def session(self) -> Session:
        """A command that runs."""
        executing = self.execute(self.log_in())
        self.server.send(CONFIRMATION, CONFIRMED)
        self.server.send(CHANNEL_SUCCESS, CHANNEL)
        return self.successResultOf(executing)

    def assert_refused(self, words: str = "makes no sense|must not") -> None:
        """The connection has ended, for this reason, and nothing ticks any more."""
        self.server.settle()
        self.assertTrue(self.server.is_ended())
        self.assertRegex(self.successResultOf(self.client.lost), words)
        self.assertEqual(self.server.clock.getDelayedCalls(), [])


class HostileLoginTests(SecureTestCase):
    """While we log in."""

    def test_a_service_that_nobody_asked_for(self) -> None:
        """Another one, or the same once more: the login does not begin anew."""
        logging_in = self.begin_login()
        self.server.send(SERVICE_ACCEPT, NS(b"ssh-other"))
        self.failureResultOf(logging_in, ConnectionLost)
        self.assert_refused("service that it was not asked for")
        self.begin()
        self.log_in()
        self.server.send(SERVICE_ACCEPT, ACCEPTED)
        self.assert_refused("service that it was not asked for")

    def test_malformed_answers(self) -> None:
        """They end the login, which says why."""
        for number, payload in (
            (AUTH_FAILURE, b""),
            (AUTH_FAILURE, NS(b"password")),
            (AUTH_FAILURE, u32(2**31)),
            (BANNER, b"\0\0"),
            (EXT_INFO, u32(2**31)),
        ):
            self.begin()
            logging_in = self.begin_login()
            self.server.send(SERVICE_ACCEPT, ACCEPTED)
            self.server.send(number, payload)
            error = self.failureResultOf(logging_in, ConnectionLost).value
            self.assertIn("makes no sense", str(error))
            self.assert_refused()

    def test_success_twice(self) -> None:
        """The second one means nothing to the connection that is running."""
        self.log_in()
        self.server.send(AUTH_SUCCESS)
        self.assertEqual([message[0] for message in self.server.take()], [UNIMPLEMENTED])

    def test_a_server_that_is_gone(self) -> None:
        """The login ends with the connection."""
        logging_in = self.begin_login()
        self.server.hang_up()
        self.failureResultOf(logging_in, ConnectionLost)


class HostileChannelTests(SecureTestCase):
    """While a command runs."""

    def test_malformed_messages(self) -> None:
        """Each ends the connection; the session hears of it."""
        for number, payload in (
            (GLOBAL, b""),
            (GLOBAL, NS(b"x")),
            (SUCCESS, b""),
            (FAILURE, b""),
            (OPEN, NS(b"session")),
            (CONFIRMATION, CONFIRMED),
            (CONFIRMATION, u32(1, 7, 100, 100)),
            (OPEN_FAILURE, CHANNEL + u32(1) + NS(b"late")),
            (ADJUST, CHANNEL),
            (ADJUST, u32(9, 9)),
            (DATA, u32(9) + NS(b"x")),
            (DATA, CHANNEL + u32(100)),
            (DATA, CHANNEL + NS(bytes(40_000))),
            (EXTENDED, CHANNEL + NS(b"x")),
            (EOF, b""),
            (CLOSE, u32(9)),
            (REQUEST, CHANNEL + NS(b"exit-status")),
            (REQUEST, CHANNEL + NS(b"exit-status") + b"\0\1"),
            (REQUEST, CHANNEL + NS(b"exit-signal") + b"\0" + u32(9)),
            (REQUEST, CHANNEL + NS(b"\xff\xfe") + b"\1"),
            (CHANNEL_SUCCESS, CHANNEL),
            (CHANNEL_FAILURE, CHANNEL),
        ):
            self.begin()
            session = self.session()
            ending, reading = session.wait(), session.stdout.read()
            self.server.send(number, payload)
            self.assert_refused(f"message {number} that makes no sense")
            self.failureResultOf(ending, ConnectionLost)
            self.failureResultOf(reading, ConnectionLost)

    def test_more_data_than_was_allowed(self) -> None:
        """A stream with a hole in it is worse than none: the connection ends, with all that was allowed read."""
        session = self.session()
        sent = 0
        while not self.server.is_ended():
            self.server.send(DATA, CHANNEL + NS(bytes(32_768)))
            sent += 32_768
        self.assertEqual(sent, 256 * 1024 + 32_768)
        self.assertEqual(len(self.successResultOf(session.stdout.read())), 256 * 1024)
        self.failureResultOf(session.stdout.read(), ConnectionLost)

    def test_packets_of_no_bytes(self) -> None:
        """A channel that takes nothing in a packet is refused when it is opened."""
        executing = self.execute(self.log_in())
        self.server.send(CONFIRMATION, u32(0, 7, 2**20, 0))
        self.assert_refused()
        self.failureResultOf(executing, ConnectionLost)

    def test_lost_while_a_channel_is_being_opened(self) -> None:
        """Whoever waits for it is told."""
        executing = self.execute(self.log_in())
        self.server.hang_up()
        self.failureResultOf(executing, ConnectionLost)
        self.successResultOf(self.client.lost)

    def test_closed_before_the_command(self) -> None:
        """Between the opening of a session and a request, and between two requests."""
        for confirm in (True, False):
            self.begin()
            connection = self.log_in()
            executing: Deferred[Session] = Deferred.fromCoroutine(connection.execute("true", pty=True))
            self.server.send(CONFIRMATION, CONFIRMED)
            answers = (CHANNEL_SUCCESS, CLOSE) if confirm else (CLOSE,)
            self.server.feed(b"".join(self.server.writer.seal(bytes((number,)) + CHANNEL) for number in answers))
            self.failureResultOf(executing, ChannelFailed)
            self.assertEqual(connection.sessions, 0)

    def test_a_command_that_does_not_read_its_input(self) -> None:
        """What waits for room is given up when the host closes the channel, which is closed then."""
        session = self.session()
        writing, ending = session.write(bytes(2**21)), session.wait()
        self.server.send(REQUEST, CHANNEL + NS(b"exit-status") + b"\0" + u32(3))
        self.server.send(CLOSE, CHANNEL)
        self.failureResultOf(writing, ChannelFailed)
        self.assertEqual(self.successResultOf(ending).code, 3)

    def test_a_server_that_opens_channels(self) -> None:
        """Is refused each, quietly."""
        self.log_in()
        self.server.send(OPEN, NS(b"x11") + u32(3, 2**20, 2**15))
        (answer,) = self.server.take()
        self.assertEqual((answer[0], answer[1:9]), (OPEN_FAILURE, u32(3, 1)))

    def test_a_server_that_asks_and_does_not_read(self) -> None:
        """Its answers do not pile up."""
        self.log_in()
        self.client._backlog.pauseProducing()
        asked = 0
        while not self.server.is_ended() and asked < 100_000:
            self.server.send(GLOBAL, NS(b"keepalive@openssh.com") + b"\1")
            asked += 1
        self.assert_refused("does not read the answers")
        self.assertLess(len(self.server.wire.value()), 2**21)

    def test_a_server_that_asks_and_reads(self) -> None:
        """May ask as often as it likes."""
        self.log_in()
        for _ in range(3):
            self.client._backlog.pauseProducing()
            for _ in range(20_000):
                self.server.send(GLOBAL, NS(b"keepalive@openssh.com") + b"\1")
            self.client._backlog.resumeProducing()
            self.server.take()
        self.assertFalse(self.server.is_ended())


class KeepaliveTests(SecureTestCase):
    """Peers that are gone without a word."""

    def session(self) -> Session:
        session = super().session()
        self.server.take()
        return session

    def pass_over(self, signs: int) -> None:
        """Time passes, and signs of life are asked for."""
        for _ in range(signs):
            self.server.advance(15)
            self.assertEqual([message[0] for message in self.server.take()], [GLOBAL])

    def test_a_host_that_does_not_answer(self) -> None:
        """After three signs of life that were asked for in vain the connection is lost, and whoever waits is told."""
        ending = self.session().wait()
        self.pass_over(3)
        self.server.advance(14.9)
        self.assertNoResult(ending)
        self.server.advance(0.2)
        error = self.failureResultOf(ending, ConnectionLost).value
        self.assertEqual(str(error), "The connection to h1 was lost: the host did not answer for 45 s")
        self.assert_refused("did not answer for 45 s")

    def test_a_host_that_answers_late(self) -> None:
        """Any answer will do, also a refusal, and begins the count anew."""
        ending = self.session().wait()
        for answer in (FAILURE, SUCCESS, FAILURE):
            self.pass_over(3)
            self.server.send(answer)
        self.pass_over(3)
        self.assertNoResult(ending)
        self.server.advance(15)
        self.failureResultOf(ending, ConnectionLost)
        self.assert_refused("did not answer for 45 s")


class RekeyTests(SecureTestCase):
    """Fresh keys."""

    def test_every_hour(self) -> None:
        """We ask for them after an hour, and an hour after that again."""
        for _ in range(2):
            self.server.advance(3599)
            self.assertEqual(self.server.take(), [])
            self.server.advance(1)
            self.assertEqual(self.server.wire.connected, True)
            self.server.propose()
            self.server.reply()
            self.server.change_keys()
        self.server.send(IGNORE, NS(b""))
        self.assertFalse(self.server.is_ended())

    def test_the_server_does_not_answer(self) -> None:
        """At any stage of it, the connection ends after a minute, and says so."""
        steps: tuple[Callable[[], None], ...] = (self.server_proposes, self.server_replies)
        for count in range(3):
            self.begin()
            self.server.advance(3600)
            for step in steps[:count]:
                step()
            self.server.advance(59)
            self.assertFalse(self.server.is_ended())
            self.server.advance(1)
            self.assert_refused("did not renew its keys in time")

    def server_proposes(self) -> None:
        """The first step."""
        self.server.propose()

    def server_replies(self) -> None:
        """The second."""
        self.server.reply()

    def test_the_server_begins_and_stops(self) -> None:
        """Its own exchange has the same limit."""
        self.server.propose()
        self.assertEqual([message[0] for message in self.server.take()], [KEXINIT, KEX_INIT])
        self.server.advance(60)
        self.assert_refused("did not renew its keys in time")

    def test_by_size(self) -> None:
        """When either direction has carried enough; nothing of the services is sent until the keys are there."""
        for limits, count in ((RekeyLimits(packets=5), 5), (RekeyLimits(octets=400), 9)):
            self.begin()
            self.client.rekey_limits = limits
            sent = 0
            while not (found := [message[0] for message in self.server.take()]):
                self.server.send(IGNORE, NS(b"x"))
                sent += 1
            self.assertEqual(found, [KEXINIT])
            self.assertLessEqual(sent, count + 4)
            self.client.sendPacket(GLOBAL, NS(b"waits") + b"\0")
            self.assertEqual(self.server.take(), [])

    def test_another_service_message_in_the_middle(self) -> None:
        """After the server's proposal it may send nothing else until its keys are there."""
        self.log_in()
        self.server.propose()
        self.server.send(GLOBAL, NS(b"x") + b"\0")
        self.assert_refused("must not")

    def test_a_flood_of_proposals(self) -> None:
        """A second one before the keys is refused."""
        self.server.propose()
        self.server.propose()
        self.assert_refused("must not")


_NUMBERS = [
    *(DISCONNECT, IGNORE, UNIMPLEMENTED, DEBUG, SERVICE_ACCEPT, EXT_INFO, KEXINIT, NEWKEYS, 31),
    *(AUTH_FAILURE, AUTH_SUCCESS, BANNER, REQUEST_60, REQUEST_61, 64),
    *(GLOBAL, SUCCESS, FAILURE, *range(OPEN, CHANNEL_FAILURE + 1)),
]
_PARTS = st.sampled_from(
    [CHANNEL, u32(1), u32(2**32 - 1), NS(b"x"), NS(b"exit-status"), NS(b"password"), b"\0", b"\1", NS(bytes(300))]
)
_WELL_FORMED = st.sampled_from(
    [
        (AUTH_FAILURE, NS(b"password,publickey") + b"\0"),
        (AUTH_SUCCESS, b""),
        (SERVICE_ACCEPT, ACCEPTED),
        (CONFIRMATION, CONFIRMED),
        (CHANNEL_SUCCESS, CHANNEL),
        (CHANNEL_FAILURE, CHANNEL),
        (DATA, CHANNEL + NS(b"some output")),
        (EXTENDED, CHANNEL + u32(1) + NS(b"some error")),
        (ADJUST, CHANNEL + u32(1000)),
        (EOF, CHANNEL),
        (CLOSE, CHANNEL),
        (REQUEST, CHANNEL + NS(b"exit-status") + b"\0" + u32(0)),
        (OPEN_FAILURE, CHANNEL + u32(1) + NS(b"no") + NS(b"")),
    ]
)
_ANY = st.tuples(
    st.sampled_from(_NUMBERS), st.lists(st.one_of(_PARTS, st.binary(max_size=9)), max_size=4).map(b"".join)
)


class AnyMessagesTests(SecureTestCase):
    """Whatever a server says."""

    @settings(max_examples=150)
    @given(st.lists(st.one_of(_WELL_FORMED, _ANY), max_size=12), st.integers(0, 3))
    def test_nobody_waits_for_ever(self, messages: list[tuple[int, bytes]], progress: int) -> None:
        """Nothing is raised into the network, and when the connection has ended nothing is left waiting for it."""
        self.begin()
        waits: list[Deferred[Any]] = [self.client.secure]
        if progress == 0:
            waits.append(self.begin_login())
        elif progress < 3:
            connection = self.log_in()
            waits.append(Deferred.fromCoroutine(connection.execute("true", pty=progress == 1)))
        else:
            session = self.session()
            waits += [session.wait(), session.stdout.read(), session.stderr.read(), session.write(bytes(2**21))]
        for number, payload in messages:
            self.server.send(number, payload)
        if self.server.wire.connected:
            self.server.hang_up()
        for waiting in waits:
            self.assertTrue(waiting.called)
            waiting.addErrback(lambda failure: failure.trap(SSHError))
            self.successResultOf(waiting)
        self.successResultOf(self.client.lost)
        self.assertEqual(self.server.clock.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])
