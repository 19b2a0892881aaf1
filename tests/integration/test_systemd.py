"""The service and its surroundings as systemd makes them: a socket to tell, signals, sockets that are handed over."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import socket
import ssl
import threading
import uuid
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from cryptography import x509
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from smartdyn.aio import sleep
from tests.support.certificates import Authority
from tests.support.http import Client
from tests.support.notify import NotifySocket
from tests.support.service import ServiceProcess
from tests.support.sshd import free_port

CLOCK: Any = reactor
NAME = "localhost"


class SystemdTestCase(TestCase):
    """Has a socket that the service tells how it is."""

    timeout = 300

    def setUp(self) -> None:
        self.heard = NotifySocket(f"@smartdyn-{uuid.uuid4()}")
        self.addCleanup(self.heard.close)

    async def start(
        self,
        environment: dict[str, str] | None = None,
        sockets: dict[str, socket.socket] | None = None,
        **settings: Any,
    ) -> None:
        """Start a service."""
        told = {"NOTIFY_SOCKET": self.heard.address, **(environment or {})}
        self.service = service = ServiceProcess(settings, told, sockets=sockets)
        self.addCleanup(lambda: Deferred.fromCoroutine(service.stop()))
        await service.start()

    async def until_heard(self, wanted: str) -> list[str]:
        """What is said up to a line that begins like this."""
        lines: list[str] = await deferToThread(self.heard.wait, wanted)
        return lines

    async def until_logged(self, wanted: str, path: Path | None = None) -> None:
        """Wait for a text in the log."""
        path = path or self.service.log
        for _ in range(300):
            if path.exists() and wanted in path.read_text():
                return
            await sleep(CLOCK, 0.05)
        self.fail(f"no {wanted!r} in:\n{self.service.log.read_text()}")

    async def reload(self) -> None:
        """Have the settings read again, and wait until they count."""
        self.service.signal(signal.SIGHUP)
        await self.until_heard("RELOADING=1")
        await self.until_heard("READY=1")


class LifeTests(SystemdTestCase):
    """From the start to the end."""

    async def test_a_life(self) -> None:
        """It says when it is ready, that it moves, what it does, and when it ends."""
        await self.start({"WATCHDOG_USEC": "2000000"})
        await self.until_heard("READY=1")
        lines = await self.until_heard("STATUS=")
        self.assertIn("STATUS=0 jobs on hosts, 0 tasks in all, 0 callbacks wait for Foreman", lines)
        await self.until_heard("WATCHDOG=1")
        await self.until_heard("WATCHDOG=1")
        self.assertEqual(await self.service.stop(), -signal.SIGTERM)
        await self.until_heard("STOPPING=1")

    async def test_stacks(self) -> None:
        """They are in the log when somebody asks for them, and when a watchdog has enough of us."""
        await self.start()
        self.service.signal(signal.SIGTTIN)
        await self.until_logged("Thread 0x")
        self.service.signal(signal.SIGABRT)
        await self.until_logged("Fatal Python error: Aborted")


class ReloadTests(SystemdTestCase):
    """C{SIGHUP} and C{SIGUSR1}."""

    def setUp(self) -> None:
        super().setUp()
        self.authority = Authority(Path(self.mktemp()).absolute())
        self.client_certificate = self.authority.issue("foreman.example.org")
        self.own = self.authority.issue(NAME, file="server")
        self.port = free_port()

    def connect(self) -> http.client.HTTPSConnection:
        """A client that the CA has signed."""
        context = ssl.create_default_context(cafile=str(self.authority.path))
        context.load_cert_chain(*self.client_certificate)
        return http.client.HTTPSConnection(NAME, self.port, context=context, timeout=20)

    def shown(self) -> int:
        """The serial number of the certificate that new connections get to see."""
        connection = self.connect()
        with closing(connection):
            connection.connect()
            assert isinstance(connection.sock, ssl.SSLSocket)
            shown = connection.sock.getpeercert(binary_form=True)
            assert shown is not None
            return x509.load_der_x509_certificate(shown).serial_number

    def ask(self, connection: http.client.HTTPSConnection) -> int:
        """The status of an answer."""
        connection.request("GET", "/dynflow/tasks/count")
        answer = connection.getresponse()
        answer.read()
        return answer.status

    async def start_with_tls(self, **settings: Any) -> None:
        """Start a service with TLS on a smart proxy's port beside the core's."""
        await self.start(
            https_port=self.port,
            bind_host="127.0.0.1",
            ssl_ca_file=str(self.authority.path),
            ssl_certificate=str(self.own[0]),
            ssl_private_key=str(self.own[1]),
            **settings,
        )
        await self.until_heard("READY=1")

    def keep_asking(self, stop: threading.Event, statuses: Counter[int], *, kept: bool) -> None:
        """Send requests one after another, on a connection that is kept or on one for each."""
        connection = self.connect()
        with closing(connection):
            while not stop.is_set():
                statuses[self.ask(connection)] += 1
                if not kept:
                    connection.close()

    async def test_under_load(self) -> None:
        """Each of ten reloads brings another certificate and settings; not one request fails, no connection is lost."""
        await self.start_with_tls()
        stop = threading.Event()
        counts: list[Counter[int]] = [Counter() for _ in range(6)]
        asking = [
            deferToThread(self.keep_asking, stop, count, kept=number % 2 == 0) for number, count in enumerate(counts)
        ]
        serials = {await deferToThread(self.shown)}
        for number in range(10):
            before = sum(sum(count.values()) for count in counts)
            shutil.copy(self.authority.issue(NAME, file="next")[0], self.own[0])
            shutil.copy(self.authority.folder / "next.key", self.own[1])
            self.service.set("trusted_hosts", ["foreman.example.org", f"{number}.example.org"])
            await self.reload()
            serials.add(await deferToThread(self.shown))
            while sum(sum(count.values()) for count in counts) < before + 30:
                await sleep(CLOCK, 0.02)
        stop.set()
        await gatherResults(asking, consumeErrors=True)
        self.assertEqual(len(serials), 11)
        self.assertEqual({status for count in counts for status in count}, {200})

    async def test_who_is_let_in_changes(self) -> None:
        """On a connection that was open before, too; the port stays, and the log says that it needs a restart."""
        await self.start_with_tls(trusted_hosts=["foreman.example.org"])
        connection = self.connect()
        self.addCleanup(connection.close)
        self.assertEqual(await deferToThread(self.ask, connection), 200)
        self.service.set("trusted_hosts", ["other.example.org"])
        self.service.set("https_port", free_port())
        await self.reload()
        self.assertEqual(await deferToThread(self.ask, connection), 403)
        await self.until_logged("changed: trusted_hosts")
        await self.until_logged("count only after a restart: https_port")

    async def test_settings_that_cannot_be_used(self) -> None:
        """A key that does not fit, a setting that there is not: the former ones stay in force; the log says why."""
        await self.start_with_tls(trusted_hosts=["foreman.example.org"])
        serial = await deferToThread(self.shown)
        self.service.set("trusted_hosts", ["other.example.org"])
        self.service.set("ssl_private_key", str(self.client_certificate[1]))
        await self.reload()
        await self.until_logged("the former settings stay in force")
        self.service.set("prot", 8008)
        await self.reload()
        await self.until_logged("there is no setting `prot`")
        self.assertEqual(await deferToThread(self.shown), serial)
        self.assertEqual(await deferToThread(self.ask, self.connect()), 200)

    async def test_the_log_is_rolled(self) -> None:
        """After C{USR1} a log that was moved away goes on in a new file."""
        path = Path(self.mktemp()).absolute()
        await self.start(log_file=str(path))
        path.rename(f"{path}.1")
        self.service.signal(signal.SIGUSR1)
        await self.until_logged("Logging file reopened via USR1 signal", path)


class ActivationTests(SystemdTestCase):
    """Sockets that are open before the service is."""

    def listen(self) -> socket.socket:
        """A socket that systemd would have opened."""
        found = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(found.close)
        return found

    async def test_both_kinds(self) -> None:
        """Whoever connected before the start, or during a restart, is answered, over HTTP and over TLS."""
        authority = Authority(Path(self.mktemp()).absolute())
        certificate, key = authority.issue(NAME)
        sockets = {"core": self.listen(), "https": self.listen()}
        ports = {name: each.getsockname()[1] for name, each in sockets.items()}
        context = ssl.create_default_context(cafile=str(authority.path))
        early = http.client.HTTPConnection("127.0.0.1", ports["core"], timeout=30)
        secured = http.client.HTTPSConnection(NAME, ports["https"], context=context, timeout=30)
        for connection in (early, secured):
            self.addCleanup(connection.close)

        def ask(connection: http.client.HTTPConnection) -> Any:
            connection.close()
            connection.request("GET", "/version")
            return json.load(connection.getresponse())["version"]

        asking = [deferToThread(ask, connection) for connection in (early, secured)]
        self.service = ServiceProcess(
            {
                "https_port": 1,
                "ssl_ca_file": str(authority.path),
                "ssl_certificate": str(certificate),
                "ssl_private_key": str(key),
            },
            sockets=sockets,
        )
        self.service.url = f"http://127.0.0.1:{ports['core']}"
        self.addCleanup(lambda: Deferred.fromCoroutine(self.service.stop()))
        await self.service.start()
        self.assertEqual(len(set(await gatherResults(asking))), 1)
        await self.service.stop()
        waiting = [deferToThread(ask, connection) for connection in (early, secured)]
        await self.service.start()
        await gatherResults(waiting)

    async def test_a_socket_that_nobody_wants(self) -> None:
        """The log names it, and the service does its work."""
        await self.start(sockets={"https": self.listen()})
        await self.until_logged("systemd handed over the socket `https`")
        self.assertEqual((await Client(reactor, self.service.url).request("GET", "/version")).status, 200)
