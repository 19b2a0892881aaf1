"""Callbacks to a Foreman over real HTTP and TLS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from twisted.internet import reactor, ssl
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from smartdyn.errors import SettingsError
from smartdyn.foreman.client import ForemanClient
from smartdyn.foreman.retry import Answer
from smartdyn.foreman.tls import ForemanCertificates, ForemanPolicy
from tests.support.certificates import Authority

BODY = {"callback": {"task_id": "t", "step_id": 3}, "data": {"exit_status": 0}}


class Foreman(Resource):
    """Says who called, and where."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.status = 200
        self.paths: list[str] = []
        self.ids: list[str] = []
        self.clients: list[str | None] = []

    def render_POST(self, request: Any) -> bytes:
        self.paths.append(request.uri.decode())
        self.ids.append((request.getHeader(b"x-request-id") or b"").decode())
        certificate = request.transport.getPeerCertificate() if request.isSecure() else None
        self.clients.append(certificate.get_subject().CN if certificate else None)
        request.setResponseCode(self.status)
        if self.status == 503:
            request.setHeader(b"retry-after", b"7")
        return b"said"


class Silent(Protocol):
    """Cuts the connection at the first word."""

    def dataReceived(self, data: bytes) -> None:
        transport: Any = self.transport
        transport.abortConnection()


def no_pieces(body: Any) -> AsyncIterator[bytes]:
    """Nothing here is long."""
    raise AssertionError(body)


class ClientTests(TestCase):
    """L{ForemanClient}."""

    timeout = 300

    def setUp(self) -> None:
        self.foreman = Foreman()
        self.authority = Authority(Path(self.mktemp()))

    def listen(self, name: str | None = None, factory: Any = None) -> int:
        """Listen on loopback, with TLS when the certificate's name is given."""
        site, core = factory or Site(self.foreman), self.reactor()
        if name is None:
            port = core.listenTCP(0, site, interface="127.0.0.1")
        else:
            certificate, key = self.authority.issue(name)
            own = ssl.PrivateCertificate.loadPEM(certificate.read_bytes() + key.read_bytes())
            trusted = ssl.Certificate.loadPEM(self.authority.path.read_bytes())
            port = core.listenSSL(0, site, own.options(trusted), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        number: int = port.getHost().port
        return number

    def reactor(self) -> Any:
        """The reactor, whose interface depends on the platform."""
        return reactor

    async def post(self, url: str, **certificates: Path | None) -> Answer:
        """Send a callback."""
        client = ForemanClient(reactor, url, ForemanPolicy(ForemanCertificates(**certificates)), no_pieces)
        answer = await client.callback(BODY, "request-1")
        closed: Deferred[None] = client.close()
        await closed
        return answer

    async def test_the_path_of_the_url_is_kept(self) -> None:
        """A Foreman below a path gets the callback there, with the request's id."""
        port = self.listen()
        for url in (f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port}/", f"http://127.0.0.1:{port}/foreman/"):
            self.assertEqual((await self.post(url)).status, 200)
        path = "/foreman_tasks/api/tasks/callback"
        self.assertEqual(self.foreman.paths, [path, path, f"/foreman{path}"])
        self.assertEqual(self.foreman.ids, ["request-1"] * 3)

    async def test_answers_are_reported(self) -> None:
        """With status, text and how long to wait."""
        self.foreman.status = 503
        self.assertEqual(await self.post(f"http://127.0.0.1:{self.listen()}"), Answer(503, "said", 7.0))

    async def test_nobody_there(self) -> None:
        """Is an answer too, with the reason."""
        answer = await self.post("http://127.0.0.1:1")
        self.assertIsNone(answer.status)
        self.assertIn("refused", answer.text)

    async def test_tls_with_both_certificates(self) -> None:
        """Foreman is verified, and sees ours."""
        port = self.listen("localhost")
        certificate, key = self.authority.issue("proxy.example.org")
        answer = await self.post(f"https://localhost:{port}", ca=self.authority.path, certificate=certificate, key=key)
        self.assertEqual((answer.status, self.foreman.clients), (200, ["proxy.example.org"]))

    async def test_a_certificate_with_its_chain(self) -> None:
        """Foreman knows the CA only, so it needs what stands between it and our certificate."""
        between = Authority(Path(self.mktemp()), name="Intermediate CA", parent=self.authority)
        certificate, key = between.issue("proxy.example.org")
        certificate.write_bytes(certificate.read_bytes() + between.path.read_bytes())
        own = {"ca": self.authority.path, "certificate": certificate, "key": key}
        answer = await self.post(f"https://localhost:{self.listen('localhost')}", **own)
        self.assertEqual((answer.status, self.foreman.clients), (200, ["proxy.example.org"]))

    async def test_renewed_certificates(self) -> None:
        """Count from the next connection on; while only one of two files is new, the former ones do."""
        certificate, key = self.authority.issue("proxy.example.org")
        policy = ForemanPolicy(ForemanCertificates(self.authority.path, certificate, key))
        client = ForemanClient(reactor, f"https://localhost:{self.listen('localhost')}", policy, no_pieces)
        renewed = self.authority.issue("renewed.example.org")
        for path, fresh in ((certificate, certificate), (certificate, renewed[0]), (key, renewed[1])):
            path.write_bytes(fresh.read_bytes())
            self.assertEqual((await client.callback(BODY, None)).status, 200)
            await client.close()
        self.assertEqual(self.foreman.clients, ["proxy.example.org", "proxy.example.org", "renewed.example.org"])

    async def test_an_unknown_foreman_is_told_nothing(self) -> None:
        """Another CA, another name, or no CA at all: no body is sent."""
        certificate, key = self.authority.issue("proxy.example.org")
        own = {"certificate": certificate, "key": key}
        other = Authority(Path(self.mktemp()))
        right, wrong = self.listen("localhost"), self.listen("elsewhere.example.org")
        for port, ca in ((right, other.path), (wrong, self.authority.path), (right, None)):
            answer = await self.post(f"https://localhost:{port}", ca=ca, **own)
            self.assertIsNone(answer.status)
            self.assertIn("ertificate", answer.text)
        self.assertEqual(self.foreman.paths, [])

    async def test_our_certificate_is_refused(self) -> None:
        """The words are about certificates, whether the alert comes or the connection's end overtakes it."""
        port, (certificate, key) = self.listen("localhost"), Authority(Path(self.mktemp())).issue("proxy.example.org")
        for own in ({}, {"certificate": certificate, "key": key}):
            answer = await self.post(f"https://localhost:{port}", ca=self.authority.path, **own)
            self.assertIsNone(answer.status)
            self.assertIn("certificate", answer.text)
        self.assertEqual(self.foreman.paths, [])

    async def test_a_connection_that_ends_without_an_answer(self) -> None:
        """Is told in words for people; with TLS the probable reason is a certificate that is not accepted."""
        for name, said in (
            ("localhost", "Foreman ended the connection without an answer. Perhaps it does not accept our certificate"),
            (None, "Foreman ended the connection without an answer"),
        ):
            port = self.listen(name, Factory.forProtocol(Silent))
            scheme = "https" if name else "http"
            certificate, key = self.authority.issue("proxy.example.org")
            own = {"ca": self.authority.path, "certificate": certificate, "key": key}
            answer = await self.post(f"{scheme}://localhost:{port}", **own)
            self.assertEqual((answer.status, answer.text.partition(";")[0]), (None, said))

    def test_files_that_cannot_be_used(self) -> None:
        """Are named when the service starts."""
        missing = Path(self.mktemp())
        error = self.assertRaises(SettingsError, ForemanPolicy, ForemanCertificates(ca=missing))
        self.assertIn(str(missing), str(error))
        missing.write_text("no certificate")
        error = self.assertRaises(SettingsError, ForemanPolicy, ForemanCertificates(ca=missing))
        self.assertIn("holds no certificate", str(error))
