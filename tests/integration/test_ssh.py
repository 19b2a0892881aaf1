"""The SSH client against a real OpenSSH server."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any, ClassVar

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from smartdyn.secret import Secret
from smartdyn.ssh import Connection, Credentials, Deadlines, KnownHosts, Session, Target, connect, load_private_key
from smartdyn.ssh.errors import (
    AuthenticationFailed,
    ConnectFailed,
    ConnectionLost,
    HandshakeFailed,
    HostKeyRejected,
    KeyUnusable,
)
from tests.support import sshd
from tests.support.sshd import PASSPHRASE, password_of, write_key


async def read_all(stream: Any) -> bytes:
    """Everything that comes on a stream."""
    found = b""
    while data := await stream.read():
        found += data
    return found


async def run(connection: Connection, command: str, **options: Any) -> tuple[bytes, bytes, Any]:
    """A command's output, errors and end."""
    session = await connection.execute(command, **options)
    return await read_all(session.stdout), await read_all(session.stderr), await session.wait()


class OpenSSHTestCase(TestCase):
    """Has a server."""

    extra: ClassVar[str] = ""
    timeout = 300

    def setUp(self) -> None:
        self.server = sshd.shared(self.extra)
        self.known_hosts = Path(self.mktemp())
        self.connections: list[Connection] = []
        self.addCleanup(lambda: Deferred.fromCoroutine(self.close()))

    async def close(self) -> None:
        """Close all connections of the test."""
        for connection in self.connections:
            await connection.close()

    async def connect(
        self, user: str = "rexssh", key: str | None = "ed25519", password: str | None = None, **options: Any
    ) -> Connection:
        """Log in."""
        keys = (load_private_key(self.server.key(key), Secret(PASSPHRASE)),) if key else ()
        credentials = Credentials(Secret(password) if password else None, keys)
        target = Target("127.0.0.1", options.pop("port", self.server.port), user)
        connection = await connect(reactor, target, credentials, KnownHosts(self.known_hosts), **options)
        self.connections.append(connection)
        return connection


class LoginTests(OpenSSHTestCase):
    """Ways in, and ways not in."""

    async def test_keys(self) -> None:
        """Each kind of key logs in; an RSA key signs with SHA-2, as OpenSSH demands."""
        for kind in ("ed25519", "rsa", "ecdsa", "locked"):
            output, _, status = await run(await self.connect(key=kind), "id -un")
            self.assertEqual((output, status.code), (b"rexssh\n", 0), kind)

    async def test_password(self) -> None:
        """A password logs in."""
        connection = await self.connect("rexssh", None, password_of("rexssh"))
        self.assertEqual((await run(connection, "id -un"))[0], b"rexssh\n")

    async def test_a_wrong_password_is_tried_once(self) -> None:
        """One bad credential is one failed attempt in the host's log, not a dozen."""
        before = self.server.failed_logins("password")
        with self.assertRaises(AuthenticationFailed) as caught:
            await self.connect("rexssh", None, "wrong")
        self.assertEqual(self.server.failed_logins("password") - before, 1)
        self.assertEqual([attempt.method for attempt in caught.exception.attempts], ["password"])

    async def test_a_password_that_fails_is_followed_by_the_key(self) -> None:
        """The password comes first, then the key."""
        connection = await self.connect("rexssh", "ed25519", "wrong")
        self.assertEqual((await run(connection, "id -un"))[0], b"rexssh\n")

    async def test_an_unknown_user(self) -> None:
        """The refusal has OpenSSH's words."""
        with self.assertRaises(AuthenticationFailed) as caught:
            await self.connect("nosuchuser")
        self.assertEqual(
            caught.exception.attempts[0].text, "nosuchuser@127.0.0.1: Permission denied (publickey,password)."
        )

    def test_passphrases(self) -> None:
        """A missing and a wrong passphrase are told apart."""
        path = self.server.key("locked")
        self.assertIn("none was given", str(self.assertRaises(KeyUnusable, load_private_key, path, None)))
        self.assertIn("wrong", str(self.assertRaises(KeyUnusable, load_private_key, path, Secret("no"))))

    async def test_a_refused_port(self) -> None:
        """Nobody listens: said at once, in OpenSSH's words."""
        port = sshd.free_port()
        with self.assertRaises(ConnectFailed) as caught:
            await self.connect(port=port)
        self.assertEqual(str(caught.exception), f"ssh: connect to host 127.0.0.1 port {port}: Connection refused")

    async def test_a_silent_server(self) -> None:
        """A server that accepts and says nothing is given up on."""
        with socket.create_server(("127.0.0.1", 0)) as silent, self.assertRaises(HandshakeFailed):
            await self.connect(port=silent.getsockname()[1], deadlines=Deadlines(handshake=0.3))


class HostKeyTests(OpenSSHTestCase):
    """Knowing a host again."""

    async def test_a_new_host_is_learned(self) -> None:
        """The first key is remembered, and accepted from then on."""
        await self.connect()
        self.assertIn(f"[127.0.0.1]:{self.server.port} ssh-ed25519 ", self.known_hosts.read_text())
        await self.connect()
        self.assertEqual(self.known_hosts.read_text().count("\n"), 1)

    async def test_the_known_type_is_asked_for(self) -> None:
        """A host known by its RSA key is asked for that one."""
        blob = self.server.folder.joinpath("host_rsa.pub").read_text().strip()
        self.known_hosts.write_text(f"[127.0.0.1]:{self.server.port} {blob}\n")
        await self.connect()
        self.assertEqual(self.known_hosts.read_text().count("\n"), 1)

    async def test_a_changed_key_is_refused(self) -> None:
        """A host with another key than the one we know is not logged in to."""
        other = write_key(Path(self.mktemp()), "ed25519")
        self.known_hosts.write_text(f"[127.0.0.1]:{self.server.port} {other}\n")
        with self.assertRaises(HostKeyRejected) as caught:
            await self.connect()
        self.assertIn("REMOTE HOST IDENTIFICATION HAS CHANGED", str(caught.exception))


class CommandTests(OpenSSHTestCase):
    """Running commands."""

    async def test_output_errors_and_exit_status(self) -> None:
        """Stdout and stderr come apart, and the status is the command's."""
        result = await run(await self.connect(), "echo out; echo err >&2; exit 3")
        self.assertEqual((result[0], result[1], result[2].code), (b"out\n", b"err\n", 3))

    async def test_exit_signal(self) -> None:
        """A command that dies by a signal says which."""
        _, _, status = await run(await self.connect("rexssh"), "kill -KILL $$")
        self.assertEqual((status.code, status.signal), (None, "KILL"))

    async def test_all_of_stdin_arrives_before_its_end(self) -> None:
        """The end of stdin does not overtake data that waits for the host's window."""
        session = await (await self.connect()).execute("wc -c")
        written = session.write(b"x" * 3_000_000)
        await session.write_eof()
        await written
        self.assertEqual(await read_all(session.stdout), b"3000000\n")

    async def test_a_slow_reader_slows_the_host(self) -> None:
        """What is not read is not sent: memory stays bounded, and nothing is lost."""
        session = await (await self.connect()).execute("head -c 20000000 /dev/zero")
        first = await session.stdout.read()
        await later(0.5)
        self.assertLess(session.stdout.buffered, 300_000)
        rest = await read_all(session.stdout)
        self.assertEqual(len(first) + len(rest), 20_000_000)

    async def test_a_terminal(self) -> None:
        """With a terminal the command sees one."""
        output, _, _ = await run(await self.connect(), "test -t 0 && echo tty", pty=True)
        self.assertIn(b"tty", output)

    async def test_many_sessions(self) -> None:
        """Fifty sessions share one connection."""
        connection = await self.connect()
        results = await gatherResults(
            [Deferred.fromCoroutine(run(connection, f"echo {number}")) for number in range(50)]
        )
        self.assertEqual([int(output) for output, _, _ in results], list(range(50)))

    async def test_a_connection_that_breaks(self) -> None:
        """Everything that waits on it fails, and nothing hangs."""
        connection = await self.connect()
        session: Session = await connection.execute("echo here; sleep 60")
        self.assertEqual(await session.stdout.read(), b"here\n")
        reading, waiting = session.stdout.read(), session.wait()
        self.server.kill_sessions()
        await self.assertFailure(reading, ConnectionLost)
        await self.assertFailure(waiting, ConnectionLost)
        await self.assertFailure(Deferred.fromCoroutine(connection.execute("true")), ConnectionLost)


class RekeyTests(OpenSSHTestCase):
    """A server that renews its keys all the time."""

    extra: ClassVar[str] = "RekeyLimit 1M"

    async def test_rekeying_loses_nothing(self) -> None:
        """Twenty megabytes come whole through many key exchanges."""
        output, _, status = await run(await self.connect(), "head -c 20000000 /dev/zero")
        self.assertEqual((len(output), status.code), (20_000_000, 0))


def later(seconds: float) -> Deferred[None]:
    """Fires after a while."""
    waiting: Deferred[None] = Deferred()
    clock: Any = reactor
    clock.callLater(seconds, waiting.callback, None)
    return waiting
