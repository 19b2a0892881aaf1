"""Real TLS: certificates of a test CA, Python's ssl and curl as clients."""

from __future__ import annotations

import http.client
import json
import shutil
import ssl
import subprocess
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.support.certificates import Authority
from tests.support.service import ServiceProcess
from tests.support.sshd import free_port

NAME = "localhost"


class TLSTestCase(TestCase):
    """Has a CA and a service with TLS."""

    timeout = 300

    def setUp(self) -> None:
        self.authority = Authority(Path(self.mktemp()).absolute())
        self.foreign = Authority(Path(self.mktemp()).absolute())
        self.foreman = self.authority.issue("foreman.example.org")

    async def start(self, *, rsa_key: bool = False, **settings: Any) -> None:
        """Start a service whose smart-proxy port speaks TLS."""
        self.port = free_port()
        self.own = self.authority.issue(NAME, rsa_key=rsa_key, file="server")
        chosen = {
            "https_port": self.port,
            "bind_host": "127.0.0.1",
            "ssl_ca_file": str(self.authority.path),
            "ssl_certificate": str(self.own[0]),
            "ssl_private_key": str(self.own[1]),
            **settings,
        }
        self.service = service = ServiceProcess(chosen)
        if "http_port" in settings:
            self.service.url = f"http://127.0.0.1:{settings['http_port']}"
        self.addCleanup(lambda: Deferred.fromCoroutine(service.stop()))
        await service.start()

    async def get(
        self, path: str, certificate: tuple[Path, Path] | None = None, *, port: int | None = None, limits: Any = None
    ) -> tuple[int, Any]:
        """Status and body; 0 and the error when the connection fails."""
        return await deferToThread(self._get, path, certificate, port or self.port, limits or {})

    def _get(self, path: str, certificate: tuple[Path, Path] | None, port: int, limits: Any) -> tuple[int, Any]:
        context = ssl.create_default_context(cafile=str(self.authority.path))
        for name, value in limits.items():
            setattr(context, name, value)
        if certificate is not None:
            context.load_cert_chain(*certificate)
        connection = http.client.HTTPSConnection(NAME, port, context=context, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            return 0, str(error)
        finally:
            connection.close()


class ProxyTests(TLSTestCase):
    """The smart proxy's port."""

    async def test_who_is_let_in(self) -> None:
        """A certificate of our CA with a trusted name, in the subject or beside it; everybody else hears why not."""
        await self.start(trusted_hosts=["foreman.example.org"])
        path = "/dynflow/tasks/count"
        self.assertEqual(json.loads((await self.get(path, self.foreman))[1]), {"count": 0, "state": "all"})
        beside = self.authority.issue("shown.example.org", alternative="foreman.example.org")
        self.assertEqual((await self.get(path, beside))[0], 200)
        trick = self.authority.issue(
            "evil.example.org CN=foreman.example.org", alternative="evil.example.org", file="trick"
        )
        for certificate, text in (
            (None, "could not read client cert"),
            (self.authority.issue("other.example.org"), "Untrusted client other.example.org"),
            (trick, "Untrusted client"),
        ):
            status, body = await self.get(path, certificate)
            self.assertEqual(status, 403)
            self.assertIn(text, body)
        expired = self.authority.issue("foreman.example.org", valid="expired", file="old")
        for certificate in (self.foreign.issue("foreman.example.org"), expired):
            self.assertEqual((await self.get(path, certificate))[0], 0)

    async def test_what_is_open(self) -> None:
        """What Foreman asks before it is known needs no certificate; the rest does. The core's paths are not here."""
        await self.start()
        for path in ("/features", "/version", "/ssh/pubkey", "/health/live"):
            self.assertEqual((await self.get(path))[0], 200, path)
        for path in ("/v2/features", "/metrics", "/dynflow/tasks/count", "/dynflow/console"):
            self.assertEqual((await self.get(path))[0], 403, path)
            self.assertEqual((await self.get(path, self.foreman))[0], 200, path)
        for path in ("/tasks/count", "/console"):
            self.assertEqual((await self.get(path, self.foreman))[0], 404, path)

    async def test_versions_and_ciphers(self) -> None:
        """TLS 1.2 and 1.3 with keys of both kinds; nothing older; what is disabled is."""
        for rsa_key in (False, True):
            await self.start(rsa_key=rsa_key)
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                limits = {"minimum_version": version, "maximum_version": version}
                self.assertEqual((await self.get("/version", limits=limits))[0], 200, (rsa_key, version))
            old = {"minimum_version": ssl.TLSVersion.TLSv1, "maximum_version": ssl.TLSVersion.TLSv1_1}
            self.assertEqual((await self.get("/version", limits=old))[0], 0)
        await self.start(tls_disabled_versions=["1.2"])
        only_12 = {"maximum_version": ssl.TLSVersion.TLSv1_2}
        self.assertEqual([(await self.get("/version", limits=limits))[0] for limits in ({}, only_12)], [200, 0])

    async def test_new_certificates(self) -> None:
        """Are used without a restart; files that do not fit together are not, and the log says so."""
        await self.start()
        before = ssl.get_server_certificate((NAME, self.port))
        good = self.own[0].read_bytes(), self.own[1].read_bytes()
        self.own[0].write_bytes(self.authority.issue(NAME, file="fresh")[0].read_bytes())
        self.assertEqual((await self.get("/version"))[0], 200)
        self.assertEqual(await deferToThread(ssl.get_server_certificate, (NAME, self.port)), before)
        self.assertIn("new TLS files are not used", self.service.log.read_text())
        self.own[1].write_bytes((self.authority.folder / "fresh.key").read_bytes())
        self.assertNotEqual(await deferToThread(ssl.get_server_certificate, (NAME, self.port)), before)
        self.assertNotEqual(good[0], self.own[0].read_bytes())

    async def test_curl(self) -> None:
        """Another client agrees."""
        curl = shutil.which("curl")
        if curl is None:
            self.skipTest("curl is not here")
        await self.start()
        certificate, key = map(str, self.foreman)
        arguments = ["--cacert", str(self.authority.path), "--cert", certificate, "--key", key]
        done = await deferToThread(
            subprocess.run,
            [curl, "-sS", *arguments, f"https://{NAME}:{self.port}/v2/features"],
            capture_output=True,
            text=True,
            check=True,
        )
        self.assertTrue(json.loads(done.stdout)["dynflow"]["https_enabled"])

    async def test_an_expired_certificate_of_ours(self) -> None:
        """Is no surprise: the log and the monitor say so."""
        await self.start()
        expired = self.authority.issue(NAME, valid="expired", file="server")
        self.assertEqual(expired[0], self.own[0])
        await self.service.stop()
        await self.service.start(health=503)
        self.assertIn("expires on", self.service.log.read_text())


class CoreTests(TLSTestCase):
    """A core with TLS behind a smart proxy."""

    async def test_one_certificate(self) -> None:
        """Only the proxy's own is let in, also on the console."""
        proxy = self.authority.issue("proxy.example.org")
        core = free_port()
        await self.start(
            use_https=True,
            port=core,
            http_port=free_port(),
            foreman_ssl_cert=str(proxy[0]),
            foreman_ssl_key=str(proxy[1]),
        )
        for path in ("/tasks/count", "/console"):
            self.assertEqual((await self.get(path, proxy, port=core))[0], 200)
            status, body = await self.get(path, self.foreman, port=core)
            self.assertEqual(status, 403)
            self.assertIn("unexpected serial", body)
            self.assertIn("No client SSL certificate supplied", (await self.get(path, port=core))[1])

    async def test_a_renewed_certificate(self) -> None:
        """Is the one that is let in from then on, without a restart; a file that cannot be read changes nothing."""
        proxy, core = self.authority.issue("proxy.example.org"), free_port()
        files: dict[str, Any] = {"foreman_ssl_cert": str(proxy[0]), "foreman_ssl_key": str(proxy[1])}
        await self.start(use_https=True, port=core, http_port=free_port(), **files)
        former = self.authority.folder / "former.pem", proxy[1]
        former[0].write_bytes(proxy[0].read_bytes())
        proxy[0].write_text("half")
        self.assertEqual((await self.get("/tasks/count", former, port=core))[0], 200)
        renewed = self.authority.issue("proxy.example.org", file="renewed")
        proxy[0].write_bytes(renewed[0].read_bytes())
        self.assertEqual((await self.get("/tasks/count", renewed, port=core))[0], 200)
        status, said = await self.get("/tasks/count", former, port=core)
        self.assertEqual((status, "unexpected serial" in said), (403, True))
