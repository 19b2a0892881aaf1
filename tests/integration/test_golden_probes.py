"""Recordings of what openssl s_client finds at a port with TLS: versions, ciphers, groups, chains, renegotiation."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SkipTest, TestCase

from tests.support.certificates import Authority
from tests.support.replay import GOLDEN
from tests.support.service import ServiceProcess
from tests.support.sshd import free_port

NAME = "proxy.example.test"
CBC = {"AES128-SHA", "AES256-SHA", "AES128-SHA256", "AES256-SHA256"}
HANDSHAKE_FAILURE = 40
PATTERNS = {
    "protocol": r"^New, (TLSv1\.\d), Cipher is",
    "cipher": r"^New, TLSv1\.\d, Cipher is (\S+)",
    "temp_key": r"^Server Temp Key: (.*)",
    "peer_sig": r"^Peer signature type: (.*)",
    "application": r"^ALPN protocol: (.*)",
    "alert": r"SSL alert number (\d+)",
}


class ProbeTests(TestCase):
    """Replays them; what is not as recorded is said where it is."""

    timeout = 480

    def setUp(self) -> None:
        if shutil.which("openssl") is None:
            raise SkipTest("openssl is not here")
        authority = Authority(Path(self.mktemp()).absolute())
        between = Authority(Path(self.mktemp()).absolute(), name="Intermediate CA", parent=authority)
        server, curve = authority.issue(NAME, rsa_key=True, file="server"), authority.issue(NAME, file="serverec")
        chained = between.issue(NAME, rsa_key=True, file="serverinter")
        chained[0].write_bytes(chained[0].read_bytes() + between.path.read_bytes())
        self.files = {"ca/ca.crt": authority.path}
        for name, (certificate, key) in {"server": server, "serverec": curve, "serverinter": chained}.items():
            self.files |= {f"ca/{name}.crt": certificate, f"ca/{name}.key": key}

    async def replay(self, name: str) -> list[tuple[list[str], dict[str, Any], dict[str, Any]]]:
        """Send every probe.

        @return: arguments, what was recorded and what is found now.
        """
        recorded = json.loads((GOLDEN / f"{name}.json").read_text())
        port = free_port()
        settings = {
            key: str(self.files[value]) if isinstance(value, str) else value
            for key, value in recorded["settings"].items()
        }
        service = ServiceProcess({**settings, "https_port": port, "bind_host": "127.0.0.1"})
        self.addCleanup(lambda: Deferred.fromCoroutine(service.stop()))
        await service.start()
        self.log = service.log
        return [(probe["args"], probe, await deferToThread(self._probe, port, probe)) for probe in recorded["probes"]]

    def _probe(self, port: int, probe: dict[str, Any]) -> dict[str, Any]:
        word = "R\n" if "renegotiation" in probe.get("note", "") else "Q\n"
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-showcerts", *probe["args"]]
        done = subprocess.run(command, input=word, capture_output=True, text=True, timeout=60, check=False)
        said = done.stdout + done.stderr
        found: dict[str, Any] = {key: _found(pattern, said) for key, pattern in PATTERNS.items()}
        found["alert"] = int(found["alert"]) if found["alert"] else None
        found["chain"] = re.findall(r"^ *\d+ s:(.*)", said, re.MULTILINE)
        return {**found, "rc": done.returncode, "said": said}

    def assert_as_recorded(self, recorded: dict[str, Any], found: dict[str, Any]) -> None:
        """Both got as far, with the same outcome."""
        if recorded["cipher"] in {None, "(NONE)"}:
            self.assertNotEqual(found["rc"], 0, found["said"])
            self.assertEqual(found["alert"], recorded.get("alert"), found["said"])
            return
        for key in ("cipher", "temp_key", "peer_sig"):
            self.assertEqual(found[key], recorded[key], (key, recorded["args"], found["said"]))
        self.assertEqual(found["rc"], recorded["rc"], (recorded["args"], found["said"]))
        # The reference takes no notice of what clients offer, and speaks what we choose
        self.assertIn(found["application"], {None, "http/1.1"})
        self.assertNotIn("Acceptable client certificate CA names", found["said"])

    async def test_a_key_of_rsa(self) -> None:
        """As recorded, without the suites that have CBC."""
        for arguments, recorded, found in await self.replay("tls-probe-rsa"):
            if recorded["cipher"] in CBC:
                self.assertEqual(found["alert"], HANDSHAKE_FAILURE, arguments)
            else:
                self.assert_as_recorded(recorded, found)

    async def test_a_key_on_a_curve(self) -> None:
        """As recorded with TLS 1.3; with 1.2 the reference can do nothing, and this service can."""
        for arguments, recorded, found in await self.replay("tls-probe-ec"):
            if arguments in (["-tls1_2", "-cipher", "ALL:@SECLEVEL=0"], ["-tls1_2"]):
                self.assertEqual(found["cipher"], "ECDHE-ECDSA-AES128-GCM-SHA256", found["said"])
            else:
                self.assert_as_recorded(recorded, found)

    async def test_what_is_disabled(self) -> None:
        """Is not spoken; the reference speaks TLS 1.3 with a disabled cipher all the same."""
        disabled = "TLS_AES_256_GCM_SHA384"
        for arguments, recorded, found in await self.replay("tls-probe-rsa-disabled"):
            if arguments[-1] == disabled:
                self.assertEqual(found["alert"], HANDSHAKE_FAILURE, found["said"])
            elif recorded["cipher"] == disabled:
                self.assertEqual(found["rc"], 0, found["said"])
                self.assertNotEqual(found["cipher"], disabled)
                self.assertEqual(found["temp_key"], recorded["temp_key"])
            else:
                self.assert_as_recorded(recorded, found)

    async def test_a_chain(self) -> None:
        """Is sent; the reference sends the first certificate of the file only."""
        for _, recorded, found in await self.replay("tls-probe-chain"):
            if recorded["chain"]:
                self.assertEqual(recorded["chain"], [f"CN = {NAME}"])
                if found["cipher"] not in {None, "(NONE)"}:
                    self.assertEqual(found["chain"], [f"CN = {NAME}", "CN = Intermediate CA"], found["said"])


def _found(pattern: str, text: str) -> str | None:
    match = re.search(pattern, text, re.MULTILINE)
    return match and match.group(1)
