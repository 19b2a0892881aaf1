"""Whom the SSH client trusts and how it logs in, against real OpenSSH servers."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from smartdyn.aio import sleep
from smartdyn.secret import Secret
from smartdyn.ssh import Connection, Credentials, Deadlines, HostTrust, KnownHosts, PinnedKey, Target, connect
from smartdyn.ssh.agent import agent_key
from smartdyn.ssh.certificates import read_certificate
from smartdyn.ssh.config import SshConfig
from smartdyn.ssh.errors import AuthenticationFailed, ConnectFailed, ConnectionLost, HostKeyRejected
from smartdyn.ssh.jump import connect_by_way
from smartdyn.ssh.keys import CertifiedKey, Identity, load_private_key
from tests.integration.test_ssh import run
from tests.support import sshd
from tests.support.sshd import PASSPHRASE, password_of, write_key

HOST = "127.0.0.1"
CLOCK: Any = reactor


def sign(authority: Path, public: Path, *options: str) -> None:
    """Have an authority certify a key."""
    command = ["ssh-keygen", "-q", "-s", str(authority), "-I", "test", *options, str(public)]
    subprocess.run(command, check=True, capture_output=True)


class TrustTestCase(TestCase):
    """Has a server, and a folder for its own keys."""

    timeout = 300

    def setUp(self) -> None:
        if reason := sshd.missing():
            self.skipTest(reason)
        self.folder = Path(tempfile.mkdtemp(prefix="smartdyn-trust-"))
        self.addCleanup(lambda: subprocess.run(["rm", "-rf", str(self.folder)], check=True))
        self.known = self.folder / "known_hosts"
        self.extra = self.prepare()
        self.server = sshd.Sshd(self.extra)
        self.server.start()
        self.addCleanup(self.server.stop)
        self.connections: list[Connection] = []
        self.addCleanup(lambda: Deferred.fromCoroutine(self.close()))

    def prepare(self) -> str:
        """More lines for the server's configuration."""
        return ""

    async def close(self) -> None:
        """Close all connections of the test."""
        for connection in self.connections:
            await connection.close()

    async def log_in(
        self, *keys: Identity, password: str | None = None, trust: HostTrust | None = None, user: str = "rexssh"
    ) -> Connection:
        """Log in."""
        credentials = Credentials(Secret(password) if password else None, keys)
        target = Target(HOST, self.server.port, user)
        limits = Deadlines(authentication=30)
        connection = await connect(reactor, target, credentials, trust or KnownHosts(self.known), limits)
        self.connections.append(connection)
        return connection

    async def refused(self, *keys: Identity, **options: Any) -> AuthenticationFailed:
        """Try to log in, and say why that failed."""
        with self.assertRaises(AuthenticationFailed) as caught:
            await self.log_in(*keys, **options)
        error: AuthenticationFailed = caught.exception
        return error

    def key(self, kind: str = "ed25519") -> Identity:
        """A key that is let in."""
        return load_private_key(self.server.key(kind), Secret(PASSPHRASE))


class HostCertificateTests(TrustTestCase):
    """A host that an authority vouches for."""

    def prepare(self) -> str:
        for name, kind in (("authority", "rsa"), ("other", "ed25519"), ("host", "rsa"), ("stranger", "ed25519")):
            write_key(self.folder / name, kind)
        sign(self.folder / "authority", self.folder / "host.pub", "-h", "-n", HOST)
        return f"HostKey {self.folder}/host\nHostCertificate {self.folder}/host-cert.pub"

    def strict(self, authority: str = "authority", marker: str = "@cert-authority") -> KnownHosts:
        """Trusts what an authority says, and nothing else."""
        line = self.folder.joinpath(f"{authority}.pub").read_text()
        self.known.write_text(f"{marker} * {line}")
        return KnownHosts(self.known, learn=False)

    async def test_a_certified_host_is_accepted(self) -> None:
        """Its certificate is asked for, its signature with SHA-2 checked, and nothing is written down."""
        trust = self.strict()
        before = self.known.read_text()
        connection = await self.log_in(self.key(), trust=trust)
        self.assertEqual((await run(connection, "id -un"))[0], b"rexssh\n")
        self.assertEqual(self.known.read_text(), before)

    async def test_every_key_exchange_checks_it(self) -> None:
        """Elliptic curves and groups that the server chooses: all end with the same check."""
        for name in ("curve25519-sha256", "ecdh-sha2-nistp256", "diffie-hellman-group-exchange-sha256"):
            server = sshd.Sshd(f"{self.extra}\nKexAlgorithms {name}")
            server.start()
            self.addCleanup(server.stop)
            target = Target(HOST, server.port, "rexssh")
            credentials = Credentials(Secret(password_of("rexssh")))
            self.connections.append(await connect(reactor, target, credentials, self.strict()))
            with self.assertRaises(HostKeyRejected):
                await connect(reactor, target, credentials, self.strict("other"))

    async def test_another_authority_says_nothing(self) -> None:
        """With strict checking, a host of another authority is not logged in to."""
        with self.assertRaises(HostKeyRejected) as caught:
            await self.log_in(self.key(), trust=self.strict("other"))
        self.assertIn("requested strict checking", str(caught.exception))

    async def test_a_revoked_authority(self) -> None:
        """What it signed is refused."""
        line = self.folder.joinpath("authority.pub").read_text()
        trust = self.strict()
        self.known.write_text(f"@cert-authority * {line}@revoked * {line}")
        with self.assertRaises(HostKeyRejected) as caught:
            await self.log_in(self.key(), trust=trust)
        self.assertIn("revoked", str(caught.exception))

    async def test_a_pinned_key(self) -> None:
        """A job's own host key is asked for and accepted on this port; another is refused; nothing is learned."""
        public = self.server.folder.joinpath("host_ecdsa.pub").read_text()
        await self.log_in(self.key(), trust=PinnedKey(public))
        with self.assertRaises(HostKeyRejected):
            await self.log_in(self.key(), trust=PinnedKey(self.folder.joinpath("stranger.pub").read_text()))
        self.assertFalse(self.known.exists())


class UserCertificateTests(TrustTestCase):
    """A server that lets in whom an authority certified."""

    def prepare(self) -> str:
        write_key(self.folder / "authority", "ed25519")
        for kind in ("ed25519", "rsa", "ecdsa"):
            write_key(self.folder / kind, kind)
            sign(self.folder / "authority", self.folder / f"{kind}.pub", "-n", "rexssh", "-V", "+1h")
        return f"TrustedUserCAKeys {self.folder}/authority.pub"

    def certified(self, kind: str) -> CertifiedKey:
        """A key with its certificate."""
        certificate = read_certificate(self.folder / f"{kind}-cert.pub")
        assert certificate is not None
        return CertifiedKey(load_private_key(self.folder / kind, None), certificate)

    async def test_a_certificate_logs_in(self) -> None:
        """Each kind of key does; the host has none of the keys themselves."""
        for kind in ("ed25519", "rsa", "ecdsa"):
            connection = await self.log_in(self.certified(kind))
            self.assertEqual((await run(connection, "id -un"))[0], b"rexssh\n", kind)

    async def test_the_bare_key_comes_after_the_certificate(self) -> None:
        """A certificate for somebody else is refused once, then the key logs in."""
        sign(self.folder / "authority", self.folder / "ed25519.pub", "-n", "nobody")
        await self.log_in(self.certified("ed25519"), self.key())
        error = await self.refused(self.certified("ed25519"))
        self.assertEqual([attempt.method for attempt in error.attempts], ["publickey"])


class AgentTests(TrustTestCase):
    """Keys that an ssh-agent keeps."""

    def setUp(self) -> None:
        super().setUp()
        self.socket = str(self.folder / "agent")
        self.agent = subprocess.Popen(["ssh-agent", "-D", "-a", self.socket], stdout=subprocess.DEVNULL)
        self.addCleanup(self.stop_agent)
        asker = self.folder / "askpass"
        asker.write_text(f"#!/bin/sh\necho {PASSPHRASE}\n")
        asker.chmod(0o700)
        self.environment = {**os.environ, "SSH_AUTH_SOCK": self.socket, "SSH_ASKPASS": str(asker)}
        self.environment["SSH_ASKPASS_REQUIRE"] = "force"

    def stop_agent(self) -> None:
        """End it."""
        self.agent.terminate()
        self.agent.wait(10)

    def load(self, kind: str) -> None:
        """Give a key to the agent, once it is there."""
        command = ["timeout", "10", "sh", "-c", 'until ssh-add -q "$0"; do :; done', str(self.server.key(kind))]
        subprocess.run(command, env=self.environment, check=True, capture_output=True)

    def in_agent(self, kind: str) -> Identity:
        """A key that only the agent can use."""
        key = agent_key(reactor, self.socket, self.server.key(kind))
        assert key is not None
        return key

    async def test_keys_in_the_agent(self) -> None:
        """A protected key needs no passphrase, and an RSA key signs with SHA-2."""
        for kind in ("locked", "rsa", "ecdsa"):
            self.load(kind)
            await self.log_in(self.in_agent(kind))

    async def test_a_key_that_the_agent_does_not_have(self) -> None:
        """The text says how to load it; others that the agent has are not tried."""
        self.load("rsa")
        error = await self.refused(self.in_agent("ed25519"))
        self.assertIn("load it with `ssh-add", error.attempts[0].text)

    async def test_an_agent_that_is_gone(self) -> None:
        """Named with its socket; the way that comes after it is still tried."""
        self.load("rsa")
        self.stop_agent()
        error = await self.refused(self.in_agent("rsa"))
        self.assertIn(f"There is no ssh-agent at {self.socket}", error.attempts[0].text)
        await self.log_in(self.in_agent("rsa"), self.key())


class SeveralMethodsTests(TrustTestCase):
    """A server that wants a key and a password."""

    def prepare(self) -> str:
        return "AuthenticationMethods publickey,password"

    async def test_both(self) -> None:
        """Each is given when it is asked for."""
        await self.log_in(self.key(), password=password_of("rexssh"))

    async def test_only_one(self) -> None:
        """The text says that the key was accepted and what is missing."""
        error = await self.refused(self.key())
        self.assertIn("wants more: password", error.attempts[0].text)

    async def test_a_wrong_password(self) -> None:
        """Tried once, and listed first, as always."""
        error = await self.refused(self.key(), password="wrong")
        self.assertEqual([attempt.method for attempt in error.attempts], ["password", "publickey"])
        self.assertEqual(self.server.failed_logins("password"), 1)


class PromptTests(TrustTestCase):
    """A server that asks for the password by way of PAM only."""

    def setUp(self) -> None:
        super().setUp()
        config = self.server.folder / "sshd_config"
        text = config.read_text().replace("PasswordAuthentication yes", "PasswordAuthentication no")
        config.write_text(text.replace("KbdInteractiveAuthentication no", "KbdInteractiveAuthentication yes"))
        self.server.reload()

    async def test_the_password_answers_the_prompt(self) -> None:
        """As a person would."""
        await run(await self.log_in(password=password_of("rexssh")), "true")
        self.assertIn("Accepted keyboard-interactive", self.server.log.read_text())

    async def test_a_wrong_password_is_tried_once(self) -> None:
        """One attempt in the host's log."""
        error = await self.refused(password="wrong")
        self.assertEqual([attempt.method for attempt in error.attempts], ["password"])
        self.assertEqual(self.server.failed_logins("keyboard-interactive"), 1)


class BannerTests(TrustTestCase):
    """What a host says to all who come."""

    def prepare(self) -> str:
        return f"Banner {self.folder}/banner"

    async def test_it_is_logged(self) -> None:
        """With the host, before anybody is logged in; it does not get into the output of commands."""
        self.folder.joinpath("banner").write_text("Authorised use only\nGr\u00fc\u00dfe\n")
        events: list[Any] = []
        observer: Any = events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        connection = await self.log_in(password=password_of("rexssh"))
        found = [(each["host"], each["text"]) for each in events if "banner" in (each["log_format"] or "")]
        self.assertEqual(
            [(host, text.strip()) for host, text in found], [(HOST, "Authorised use only\nGr\u00fc\u00dfe")]
        )
        self.assertEqual((await run(connection, "echo hello"))[0], b"hello\n")


class PasswordTests(TrustTestCase):
    """Passwords with all sorts of characters."""

    async def test_odd_characters(self) -> None:
        """Signs of regular expressions and letters outside ASCII are what they are."""
        user = "rexodd"
        if subprocess.run(["id", user], capture_output=True, check=False).returncode:
            subprocess.run(["useradd", "-m", "-s", "/bin/sh", user], check=True)
        for password in ("a.*[b", "pässwörd-密码", "with space \\ and 'quotes'\""):
            subprocess.run(["chpasswd"], input=f"{user}:{password}\n", text=True, check=True)
            await self.log_in(password=password, user=user)


class JumpTests(TrustTestCase):
    """Hosts that are reached through others."""

    def setUp(self) -> None:
        super().setUp()
        self.hop = sshd.Sshd()
        self.hop.start()
        self.addCleanup(self.hop.stop)
        keys = self.hop.folder / "authorized_keys"
        keys.write_text(keys.read_text() + self.server.folder.joinpath("id_ed25519.pub").read_text())

    async def connect_through(
        self, *, jump: str = "hop", port: int | None = None, password: str | None = None
    ) -> Connection:
        """Log in to the server by way of the hop."""
        config = self.folder / "config"
        config.write_text(
            f"Host far\n  HostName {HOST}\n  ProxyJump {jump}\n"
            f"Host hop second\n  HostName {HOST}\n  Port {self.hop.port}\n  User rexssh\n"
        )
        route = SshConfig(config, "nobody").route(Target("far", port or self.server.port, "rexpw"))
        credentials = Credentials(Secret(password) if password else None, (self.key(),))
        trust = KnownHosts(self.known)
        connection = await connect_by_way(reactor, route, credentials, trust, trust)
        self.connections.append(connection)
        return connection

    async def test_through_one_and_two(self) -> None:
        """Each hop is logged in to with our key and its host key is learned."""
        for jump in ("hop", "hop,second"):
            connection = await self.connect_through(jump=jump)
            self.assertEqual((await run(connection, "id -un"))[0], b"rexpw\n")
        self.assertIn(f"[{HOST}]:{self.hop.port} ", self.known.read_text())

    async def test_much_output(self) -> None:
        """Twenty megabytes come whole, however slowly they are taken."""
        session = await (await self.connect_through()).execute("head -c 20000000 /dev/zero")
        total = 0
        while data := await session.stdout.read():
            total += len(data)
            self.assertLess(session.stdout.buffered, 300_000)
        self.assertEqual(total, 20_000_000)

    async def test_closing_closes_the_hop(self) -> None:
        """Nothing of it is left."""
        connection = await self.connect_through()
        await run(connection, "true")
        await connection.close()
        await self.until(self.hop, "Disconnected from user rexssh")

    async def test_a_hop_that_breaks(self) -> None:
        """What waits on the far host fails at once."""
        connection = await self.connect_through()
        session = await connection.execute("echo here; sleep 60")
        self.assertEqual(await session.stdout.read(), b"here\n")
        waiting = session.wait()
        self.hop.kill_sessions()
        await self.assertFailure(waiting, ConnectionLost)

    async def test_a_hop_that_does_not_get_there(self) -> None:
        """The error names the hop."""
        with self.assertRaises(ConnectFailed) as caught:
            await self.connect_through(port=sshd.free_port())
        self.assertIn(f"the jump host {HOST} does not connect there", str(caught.exception))

    async def test_a_hop_that_lets_nobody_in(self) -> None:
        """It gets our key only, never the host's password; the refusal says who refused."""
        self.hop.folder.joinpath("authorized_keys").write_text("")
        with self.assertRaises(AuthenticationFailed) as caught:
            await self.connect_through(password=password_of("rexssh"))
        self.assertIn(f"rexssh@{HOST}", str(caught.exception))
        self.assertNotIn("password for", self.hop.log.read_text())

    async def until(self, server: sshd.Sshd, text: str) -> None:
        """Wait for a line in a server's log."""
        for _ in range(200):
            if text in server.log.read_text():
                return
            await sleep(CLOCK, 0.05)
        self.fail(f"{text!r} is not in {server.log.read_text()}")
