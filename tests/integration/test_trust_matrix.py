"""Who is let in where: the recorded matrices of paths and client certificates, replayed over real TLS."""

from __future__ import annotations

import http.client
import json
import ssl
from pathlib import Path
from typing import Any

from cryptography.x509.oid import ExtendedKeyUsageOID
from twisted.internet.threads import deferToThread

from tests.integration.test_tls import NAME, TLSTestCase
from tests.support.certificates import Authority, common_name
from tests.support.sshd import free_port

GOLDEN = Path(__file__).parents[1] / "golden"
TRUSTED = ["foreman.example.test", "two", "localhost"]
"""C{trusted_hosts} of the recording: "two" is the first word of a certificate's name."""

REFUSED = None
"""The status of an exchange that ended in the handshake."""

MISREAD = {"trick", "foremanspace"}
"""Certificates that the reference's search in the subject takes for a trusted host."""

OPEN_THERE = {"/dynflow/console", "/dynflow/tasks/x/done", "/dynflow/tasks/x/update"}
"""The reference shows the console to any certificate of the CA, and takes reports without a password from everybody;
here they are authorized like the rest."""


def expected(path: str, certificate: str | None, recorded: int | None, rest: int | None) -> int | None:
    """The status that this service answers.

    @param rest: what the reference answers on a path that is guarded as it should be.
    """
    if recorded is REFUSED:
        return REFUSED
    if path in OPEN_THERE:
        recorded = rest if rest == 403 else recorded
    if certificate in MISREAD and rest == 200 and path not in {"/version", "/nonsense"}:
        # A name inside another attribute, and the first word of a name, are not the name
        return 403
    return recorded


class TrustMatrixTests(TLSTestCase):
    """Replays the matrices."""

    timeout = 300

    def setUp(self) -> None:
        super().setUp()
        issue, name = self.authority.issue, "foreman.example.test"
        intermediate = Authority(Path(self.mktemp()).absolute(), name="Intermediate CA", parent=self.authority)
        below = intermediate.issue("viainter.example.test", subject=common_name(name))
        with_chain = below[0].with_suffix(".chain.pem")
        with_chain.write_bytes(below[0].read_bytes() + intermediate.path.read_bytes())
        nameless = common_name("x", ORGANIZATION_NAME="nobody")
        self.certificates = {
            "foreman": issue(name),
            "evil": issue("evil.example.test"),
            "foreign": self.foreign.issue(name),
            "expired": issue(name, valid="expired", file="expired"),
            "future": issue(name, valid="future", file="future"),
            "foremanUP": issue(name.upper(), alternative="other.example.test"),
            "foremanspace": issue("two words.example.test", alternative="words.example.test"),
            "nocn": issue("x", subject=type(nameless)(list(nameless)[:1]), alternative="nocn.example.test"),
            "sanonly": issue("other.example.test", alternative="other.example.test", file="sanonly"),
            "trick": issue(
                "evil.example.test",
                subject=common_name("evil.example.test", ORGANIZATION_NAME=f"CN={name} x"),
                file="trick",
            ),
            "serveronly": issue(name, usage=ExtendedKeyUsageOID.SERVER_AUTH, file="serveronly"),
            "viainter": below,
            "viainterchain": (with_chain, below[1]),
        }

    async def replay(self, name: str, **settings: Any) -> None:
        """Send every request of a recording with the certificate it was sent with, and compare the status."""
        self.plain_port = free_port()
        await self.start(http_port=self.plain_port, **settings)
        exchanges = json.loads((GOLDEN / f"{name}.json").read_text())["exchanges"]
        guarded = {self._peer(each): each["status"] for each in exchanges if each["path"] == "/dynflow/tasks/count"}
        wrong = []
        for each in exchanges:
            path, (scheme, certificate) = each["path"], self._peer(each)
            status, text = await deferToThread(self._send, each)
            wanted = expected(path, certificate, each["status"], guarded.get((scheme, certificate)))
            if certificate in MISREAD and "trusted_hosts" not in settings:
                wanted = each["status"]
            if status != wanted:
                wrong.append((path, scheme, certificate, each["status"], status, text[:200]))
        self.assertEqual(wrong, [])

    def _peer(self, exchange: dict[str, Any]) -> tuple[str, str | None]:
        return exchange["scheme"], exchange["client_cert"]

    def _send(self, exchange: dict[str, Any]) -> tuple[int | None, str]:
        connection: http.client.HTTPConnection
        if exchange["scheme"] == "http":
            connection = http.client.HTTPConnection("127.0.0.1", self.plain_port, timeout=10)
        else:
            context = ssl.create_default_context(cafile=str(self.authority.path))
            if exchange["client_cert"]:
                context.load_cert_chain(*self.certificates[exchange["client_cert"]])
            connection = http.client.HTTPSConnection(NAME, self.port, context=context, timeout=10)
        try:
            connection.request(exchange["method"], exchange["path"], exchange["body"], exchange["headers"])
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            return REFUSED, str(error)
        finally:
            connection.close()

    async def test_the_core_of_old(self) -> None:
        """Lets in one certificate; here also where the reference lets in everybody, and its words are the same."""
        proxy, core = self.authority.issue("proxy.example.test", file="proxyclient"), free_port()
        files: dict[str, Any] = {"foreman_ssl_cert": str(proxy[0]), "foreman_ssl_key": str(proxy[1])}
        await self.start(use_https=True, port=core, http_port=free_port(), **files)
        self.port = core
        self.certificates |= {"proxyclient": proxy, "server": self.own}
        exchanges = json.loads((GOLDEN / "core-v0.3.3-https.json").read_text())["exchanges"]
        errors = {each["client_cert"]: each.get("error", "") for each in exchanges if each["path"] == "/tasks/count"}
        for each in exchanges:
            certificate, wanted = each["client_cert"], each["status"]
            if each["path"] == "/tasks/x/done" and errors[certificate]:
                wanted = 403
            if each["path"].endswith(".css") and wanted == 200:
                # Style sheets are open here too, and called otherwise
                wanted = 404
            status, text = await deferToThread(self._send, each)
            self.assertEqual(status, wanted, (each["path"], certificate, text[:200]))
            if wanted == 403:
                self.assertIn(errors[certificate], text)

    async def test_trusted_hosts(self) -> None:
        """With a list of hosts only those get in, by their whole name in the subject or beside it."""
        await self.replay("tls-trusted-hosts", trusted_hosts=TRUSTED)

    async def test_every_certificate(self) -> None:
        """Without a list every certificate of the CA gets in, and nobody without one."""
        await self.replay("tls-no-trusted-hosts")
