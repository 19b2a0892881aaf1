"""Recordings of callbacks over TLS: whom Foreman sees, and to which Foreman nothing is said."""

from __future__ import annotations

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from tests.support.certificates import Authority
from tests.support.http import Client
from tests.support.replay import GOLDEN, later
from tests.support.service import ServiceProcess
from tests.support.sshd import free_port

ADDRESS = "127.0.0.1"


class TLSForeman:
    """Records what it is sent, and by whom; it wants a client certificate of its CA, and does without."""

    def __init__(self, own: tuple[Path, Path], ca: Path) -> None:
        self.received: list[dict[str, Any]] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*own)
        context.load_verify_locations(ca)
        context.verify_mode = ssl.CERT_OPTIONAL
        foreman = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                foreman.received.append(_seen(self))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *arguments: Any) -> None:
                """Nothing is said on the terminal."""

        self._server = _Server((ADDRESS, 0), Handler)
        # The handshake belongs to the thread of its connection
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.port = self._server.server_address[1]

    def stop(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that do not know this Foreman end in the handshake."""


def _seen(handler: BaseHTTPRequestHandler) -> dict[str, Any]:
    connection: Any = handler.connection
    shown = connection.getpeercert()
    return {
        "method": handler.command,
        "path": handler.path,
        "content_type": handler.headers["Content-Type"],
        "version": connection.version(),
        "client": dict(part[0] for part in shown["subject"])["commonName"] if shown else None,
        "body": json.loads(handler.rfile.read(int(handler.headers["Content-Length"]))),
    }


class CallbackTests(TestCase):
    """Replays them: the settings, the launch, and what Foreman received."""

    timeout = 300

    def setUp(self) -> None:
        authority = Authority(Path(self.mktemp()).absolute())
        foreign = Authority(Path(self.mktemp()).absolute(), name="Foreign CA")
        name = "proxy.example.test"
        server, client = authority.issue(name, file="server"), authority.issue(name, file="proxyclient")
        self.files = {
            "ca/ca.crt": authority.path,
            "ca/foreignca.crt": foreign.path,
            "ca/server.crt": server[0],
            "ca/server.key": server[1],
            "ca/proxyclient.crt": client[0],
            "ca/proxyclient.key": client[1],
        }
        self.foremen = {
            "foreman": authority.issue("foreman.example.test", alternative=ADDRESS),
            "evil": authority.issue("evil.example.test"),
        }

    async def replay(self, name: str, *, path: str | None = None, refused: str | None = None) -> None:
        """Replay one.

        @param path: where the callback goes, when it is not where the reference sent it.
        @param refused: why nothing is sent to this Foreman, when nothing is.
        """
        recorded = json.loads((GOLDEN / f"{name}.json").read_text())
        foreman = TLSForeman(self.foremen[recorded["foreman_cert"]], self.files["ca/ca.crt"])
        self.addCleanup(foreman.stop)
        port = free_port()
        settings: dict[str, Any] = {
            key: str(self.files.get(value, value)) for key, value in recorded["settings"].items()
        }
        settings["foreman_url"] = settings["foreman_url"].replace(":3143", f":{foreman.port}")
        for key in settings.keys() & {"http_port", "https_port"}:
            settings[key] = port if key == "http_port" else free_port()
        service = ServiceProcess({**settings, "bind_host": ADDRESS})
        self.addCleanup(lambda: Deferred.fromCoroutine(service.stop()))
        await service.start()
        client = Client(reactor, f"http://{ADDRESS}:{port}")
        task = (await client.request("POST", "/dynflow/tasks/launch", recorded["launch"])).json["task_id"]
        ended = await client.until(f"/dynflow/tasks/{task}/status", lambda found: found["state"] == "stopped", 60)
        # Where the reference could not reach Foreman, it paused the task with an error
        self.assertEqual((ended.json["result"], ended.json["actions"][0]["output"]), ("success", recorded["output"]))
        if refused is not None:
            own = Client(reactor, service.url)
            await own.until(f"/api/tasks/{task}", lambda found: refused in str(found["callbacks"]), 60)
            self.assertEqual(foreman.received, [])
            return
        for _ in range(300):
            if foreman.received:
                break
            await later(0.1)
        (wanted,) = recorded["callbacks"]
        wanted["path"] = path or wanted["path"].rstrip("?")
        self.assertEqual(foreman.received, [{key: wanted[key] for key in foreman.received[0]}])

    async def test_our_certificate_for_foreman(self) -> None:
        """Is shown when there is one."""
        await self.replay("tls-callback-foreman-ssl-settings")

    async def test_our_certificate_as_a_server(self) -> None:
        """Is shown when there is no other."""
        await self.replay("tls-callback-ssl-settings")

    async def test_a_foreman_below_a_path(self) -> None:
        """The reference forgets the path."""
        await self.replay("tls-callback-subpath", path="/sub/uri/foreman_tasks/api/tasks/callback")

    async def test_another_ca(self) -> None:
        """Nothing is sent, and the page of the task says why."""
        await self.replay("tls-callback-foreman-ssl-verify-fail", refused="TLS failed: certificate verify failed")

    async def test_another_name(self) -> None:
        """Likewise."""
        await self.replay("tls-callback-wrong-hostname", refused="the certificate of Foreman is not for the name")

    async def test_no_ca(self) -> None:
        """The reference believes everybody then; here the system's authorities decide."""
        await self.replay("tls-callback-http-only-no-ca", refused="TLS failed: certificate verify failed")
