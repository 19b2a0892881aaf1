"""Logging in with tickets, from a KDC of our own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SkipTest, TestCase

from smartdyn.ssh import Credentials, KnownHosts, Target, connect
from smartdyn.ssh.errors import AuthenticationFailed
from smartdyn.ssh.kerberos import Kerberos
from tests.integration.test_ssh import run
from tests.support import sshd

REALM = "TEST.EXAMPLE"
TOOLS = ("krb5kdc", "kdb5_util", "kadmin.local", "kinit")

KRB5_CONF = """[libdefaults]
default_realm = {realm}
dns_canonicalize_hostname = false
rdns = false
dns_lookup_kdc = false
[realms]
{realm} = {{
  kdc = 127.0.0.1:{port}
}}
"""

KDC_CONF = """[kdcdefaults]
kdc_listen = 127.0.0.1:{port}
kdc_tcp_listen = 127.0.0.1:{port}
[realms]
{realm} = {{
  database_name = {folder}/principal
  key_stash_file = {folder}/stash
  acl_file = {folder}/acl
}}
"""


class KerberosTests(TestCase):
    """C{kerberos_auth}; C{make kerberos} installs what this needs."""

    timeout = 300

    def setUp(self) -> None:
        missing = [tool for tool in TOOLS if shutil.which(tool) is None]
        if missing or find_spec("gssapi") is None or sshd.missing():
            raise SkipTest("`make kerberos` installs what this needs and runs it")
        self.folder = Path(tempfile.mkdtemp(prefix="smartdyn-krb-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.start_kdc()
        self.server = sshd.Sshd("GSSAPIAuthentication yes\nGSSAPIStrictAcceptorCheck no")
        self.server.start()
        self.addCleanup(self.server.stop)

    def start_kdc(self) -> None:
        """A realm with a host and a user."""
        port = sshd.free_port()
        self.folder.joinpath("krb5.conf").write_text(KRB5_CONF.format(realm=REALM, port=port))
        self.folder.joinpath("kdc.conf").write_text(KDC_CONF.format(realm=REALM, port=port, folder=self.folder))
        self.set("KRB5_CONFIG", "krb5.conf")
        self.set("KRB5_KDC_PROFILE", "kdc.conf")
        self.set("KRB5_KTNAME", "keytab")
        self.set("KRB5CCNAME", "tickets")
        self.tool("kdb5_util", "create", "-s", "-P", "master")
        for command in (
            "addprinc -randkey host/localhost",
            "ktadd -k {0}/keytab host/localhost",
            "addprinc -randkey rexssh",
            "ktadd -k {0}/user.keytab rexssh",
        ):
            self.tool("kadmin.local", "-q", command.format(self.folder))
        kdc = subprocess.Popen(["krb5kdc", "-n"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(kdc.wait, 10)
        self.addCleanup(kdc.terminate)

    def set(self, name: str, file: str) -> None:
        """Let the Kerberos libraries, here and in the server, use a file."""
        before = os.environ.get(name)
        os.environ[name] = str(self.folder / file)

        def restore() -> None:
            os.environ.pop(name)
            if before is not None:
                os.environ[name] = before

        self.addCleanup(restore)

    def tool(self, *command: str) -> None:
        """Run one of Kerberos' tools."""
        subprocess.run(command, check=True, capture_output=True, timeout=30)

    async def log_in(self) -> bytes:
        """What the host calls us."""
        credentials = Credentials(kerberos=Kerberos(deferToThread))
        known = KnownHosts(self.folder / "known_hosts")
        connection = await connect(reactor, Target("localhost", self.server.port, "rexssh"), credentials, known)
        try:
            output, _, _ = await run(connection, "id -un")
        finally:
            await connection.close()
        return output

    async def test_tickets(self) -> None:
        """With one we are let in; without, the library's words say what is missing."""
        with self.assertRaises(AuthenticationFailed) as caught:
            await self.log_in()
        attempt = caught.exception.attempts[0]
        self.assertEqual(attempt.method, "gssapi-with-mic")
        self.assertTrue(attempt.text.startswith("Kerberos: "), attempt.text)
        await Deferred.fromCoroutine(self.get_ticket())
        self.assertEqual(await self.log_in(), b"rexssh\n")
        self.assertIn("Accepted gssapi-with-mic for rexssh", self.server.log.read_text())

    async def get_ticket(self) -> None:
        """As an administrator's timer would, from a keytab."""
        await deferToThread(self.tool, "kinit", "-k", "-t", str(self.folder / "user.keytab"), "rexssh")
