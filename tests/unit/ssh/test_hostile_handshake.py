"""Servers that break the rules before the connection is secure."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from twisted.conch.ssh.common import NS
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.ssh.errors import HandshakeFailed, KnownHostsUnusable
from smartdyn.ssh.known_hosts import KnownHosts
from smartdyn.ssh.transport import ClientTransport
from tests.support.ssh_server import (
    DEBUG,
    DISCONNECT,
    IGNORE,
    KEX_REPLY,
    KEXINIT,
    NEWKEYS,
    SERVICE_ACCEPT,
    VERSION,
    AnyKey,
    PlayedServer,
)

FAREWELL = (2).to_bytes(4, "big") + NS(b"Too many\x1b[31m guests") + NS(b"")


class DeferredJudge(ClientTransport):
    """Judges a host key when the test says so."""

    def __init__(self) -> None:
        self.judgement: Deferred[Any] = Deferred()
        super().__init__(Clock(), "h1", 22, AnyKey())

    def verifyHostKey(self, hostKey: bytes, fingerprint: bytes) -> Deferred[Any]:
        return self.judgement


class OwnFileTests(SynchronousTestCase):
    """Trouble of ours that comes up while a server is being judged."""

    def test_a_key_that_cannot_be_written_down(self) -> None:
        """The file is blamed, not the server; the connection ends all the same."""
        path = Path(self.mktemp())
        path.symlink_to("nowhere/known_hosts")
        server = PlayedServer(client=ClientTransport(Clock(), "h1", 22, KnownHosts(path)))
        server.greet()
        server.propose()
        server.reply()
        self.assertTrue(server.is_ended())
        self.successResultOf(server.client.lost)
        error = self.failureResultOf(server.client.secure, KnownHostsUnusable).value
        self.assertIn(f"The host keys in {path} cannot be written: No such file or directory.", str(error))


class HostileHandshakeTests(SynchronousTestCase):
    """Each ends the connection, with words."""

    def failure(self, server: PlayedServer) -> HandshakeFailed:
        """Why there is no connection; it is closed, and all timers are gone."""
        server.advance(10)
        self.assertTrue(server.is_ended())
        error = self.failureResultOf(server.client.secure, HandshakeFailed).value
        self.successResultOf(server.client.lost)
        self.assertEqual(server.clock.getDelayedCalls(), [])
        assert isinstance(error, HandshakeFailed)
        self.assertFalse(error.is_passing)
        return error

    def test_garbage_instead_of_a_version(self) -> None:
        """Other protocols, endless lines and endlessly many lines are told from an SSH server, in bounded memory."""
        for sent in (b"\0" * 1000, b"SSH-2.0-" + b"x" * 200, b"welcome\r\n" * 100, b"\r\n" * 500):
            server = PlayedServer()
            fed = 0
            while not server.is_ended():
                server.feed(sent)
                fed += len(sent)
            self.assertLess(fed, 20_000)
            self.assertIn("no SSH server", str(self.failure(server)))

    def test_hanging_up_early(self) -> None:
        """Before the version it is worth trying again, after it not."""
        for words, again in ((b"", True), (b"Exceeded MaxStartups\r\n", True), (VERSION + b"\r\n", False)):
            server = PlayedServer()
            server.feed(words)
            server.hang_up()
            error = self.failureResultOf(server.client.secure, HandshakeFailed).value
            assert isinstance(error, HandshakeFailed)
            self.assertIs(error.is_passing, again, words)

    def test_lengths_out_of_bounds(self) -> None:
        """A packet that is too long, too short or not of whole blocks is refused at its head."""
        for length in (0, 1, 4, 13, 2**18 + 4, 2**32 - 4):
            server = PlayedServer()
            server.greet()
            server.feed(length.to_bytes(4, "big") + bytes(12))
            self.assertIn("claims", str(self.failure(server)))

    def test_messages_that_must_not_come(self) -> None:
        """Before the proposals and between them and the keys nothing of the services to come is taken."""
        for number in (NEWKEYS, KEX_REPLY, SERVICE_ACCEPT, 51, 52, 80, 94, 255):
            for proposed in (False, True):
                server = PlayedServer()
                server.greet()
                if proposed:
                    server.propose()
                server.send(number, b"" if number == KEX_REPLY and proposed else NS(b"x"))
                self.assertIn(f"message {number}", str(self.failure(server)))

    def test_a_flood_of_proposals(self) -> None:
        """The second one is refused."""
        server = PlayedServer()
        server.greet()
        server.propose()
        server.propose()
        self.assertIn(f"message {KEXINIT}", str(self.failure(server)))

    def test_what_strict_key_exchange_forbids(self) -> None:
        """Harmless messages before the first keys are how Terrapin shifts the numbers of packets."""
        for number in (IGNORE, DEBUG):
            payload = NS(b"") if number == IGNORE else b"\0" + NS(b"") * 2
            for stage in range(3):
                server = PlayedServer()
                server.greet()
                if stage:
                    server.propose()
                if stage == 2:
                    server.reply()
                server.send(number, payload)
                if not stage:
                    server.propose()
                self.assertRegex(str(self.failure(server)), f"message {number}|strict key exchange forbids")

    def test_numbers_that_do_not_begin_again(self) -> None:
        """A server that agrees on strict key exchange and does not keep to it is not understood."""
        server = PlayedServer()
        server.shake_hands()
        self.successResultOf(server.client.secure)
        packet = server.writer.seal(bytes((IGNORE,)) + NS(b""))
        server.feed(packet)
        self.assertFalse(server.is_ended())
        server.feed(packet)
        self.assertIn("changed on the way", self.successResultOf(server.client.lost))

    def test_without_strict_key_exchange(self) -> None:
        """Old servers may send harmless messages meanwhile."""
        server = PlayedServer(strict=False)
        server.greet()
        server.send(IGNORE, NS(b""))
        server.propose()
        server.send(DEBUG, b"\1" + NS(b"hello") + NS(b""))
        server.reply()
        server.change_keys()
        self.successResultOf(server.client.secure)

    def test_a_proposal_that_makes_no_sense(self) -> None:
        """Cut short, or with names that are none."""
        for payload in (b"", bytes(16), bytes(16) + b"\xff" * 4, bytes(16) + NS(b"\xff,,") * 10 + bytes(5)):
            server = PlayedServer()
            server.greet()
            server.send(KEXINIT, payload)
            self.assertRegex(str(self.failure(server)), "makes no sense|in common")

    def test_a_bad_signature(self) -> None:
        """The key is not the server's own."""
        for signature in (NS(b"ssh-ed25519") + NS(bytes(64)), b"\0", NS(b"ssh-rsa") + NS(bytes(64))):
            server = PlayedServer()
            server.greet()
            server.propose()
            server.reply(signature=signature)
            self.assertIn("sign", str(self.failure(server)))

    def test_numbers_that_keep_no_secret(self) -> None:
        """A public number of the wrong length or of no order is refused."""
        for number in (b"", bytes(31), bytes(32), bytes(33)):
            server = PlayedServer()
            server.greet()
            server.propose()
            server.send(KEX_REPLY, NS(b"key") + NS(number) + NS(b"signature"))
            self.assertIn("makes no sense", str(self.failure(server)))

    def test_a_farewell_without_an_end(self) -> None:
        """The server's words are passed on, fit for a log, and we close if it does not."""
        server = PlayedServer()
        server.greet()
        server.send(DISCONNECT, FAREWELL)
        self.assertTrue(server.is_ended())
        self.assertIn("Too many?[31m guests", str(self.failure(server)))

    def test_a_farewell_that_makes_no_sense(self) -> None:
        """It is an end all the same."""
        for payload in (b"", bytes(4), FAREWELL[:10]):
            server = PlayedServer()
            server.greet()
            server.send(DISCONNECT, payload)
            self.failure(server)


class JudgingTests(SynchronousTestCase):
    """A host key that takes its time to be judged."""

    def judged(self) -> tuple[PlayedServer, DeferredJudge]:
        """A server whose key lies before the judge."""
        judge = DeferredJudge()
        server = PlayedServer(client=judge)
        server.greet()
        server.propose()
        server.reply()
        return server, judge

    def test_it_is_good(self) -> None:
        """What the server sends meanwhile waits for the keys, and no keys are used before."""
        server, judge = self.judged()
        server.send(NEWKEYS)
        self.assertEqual(server.take(), [])
        self.assertNoResult(judge.secure)
        judge.judgement.callback(True)
        self.successResultOf(judge.secure)

    def test_it_is_bad(self) -> None:
        """The words of the judge are the reason."""
        server, judge = self.judged()
        judge.judgement.errback(ValueError("not on the list"))
        server.settle()
        self.assertIn("not on the list", str(self.failureResultOf(judge.secure, HandshakeFailed).value))

    def test_the_server_is_gone_meanwhile(self) -> None:
        """The judgement comes too late, and changes nothing."""
        server, judge = self.judged()
        server.hang_up()
        self.failureResultOf(judge.secure, HandshakeFailed)
        judge.judgement.callback(True)

    def test_the_server_talks_meanwhile(self) -> None:
        """It may send so much and no more."""
        server, judge = self.judged()
        fed = 0
        while not server.is_ended() and fed < 2**24:
            server.feed(bytes(2**16))
            fed += 2**16
        self.assertLess(fed, 5 * 2**20)
        self.assertIn("went on and on", str(self.failureResultOf(judge.secure, HandshakeFailed).value))
        judge.judgement.callback(True)


class FIPSTests(SynchronousTestCase):
    """Machines on which MD5 and SHA-1 are switched off."""

    def test_no_weak_hash(self) -> None:
        """From the first byte to the login neither is asked for."""
        asked: list[str] = []
        new = hashlib.new

        def watched(name: str, *args: Any, **options: Any) -> Any:
            asked.append(name)
            return new(name, *args, **options)

        def forbidden(*args: Any, **options: Any) -> Any:
            raise ValueError("disabled for FIPS")

        self.patch(hashlib, "new", watched)
        for place in ("hashlib", "twisted.conch.ssh.transport", "twisted.conch.ssh.keys"):
            self.patch(__import__(place, fromlist=["md5"]), "md5", forbidden)
        server = PlayedServer()
        server.shake_hands()
        self.successResultOf(server.client.secure)
        self.assertEqual(set(asked), {"sha256"})
