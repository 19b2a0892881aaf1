"""Faults of the network, of Foreman and of certificates: real ports, real servers, real certificates."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from unittest import mock

from cryptography.x509.oid import ExtendedKeyUsageOID

from smartdyn.doctor import foreman as doctor_foreman
from smartdyn.doctor.context import Ran
from smartdyn.doctor.verdict import Status
from tests.support.certificates import Authority
from tests.support.clinic import HOST, ClinicTestCase, ForemanStub
from tests.support.sshd import free_port

_LISTEN = """
import socket, sys, time
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("", flush=True)
time.sleep(60)
"""


class OccupiedTestCase(ClinicTestCase):
    """With somebody else on our port."""

    def occupy(self, name: str = "") -> int:
        """Another process has our port."""
        self.change(root=Path("/"))
        holder = subprocess.Popen(
            [sys.executable, "-c", _LISTEN, str(self.clinic.port), name], stdout=subprocess.PIPE, text=True
        )
        self.addCleanup(holder.wait)
        self.addCleanup(holder.kill)
        assert holder.stdout is not None
        self.addCleanup(holder.stdout.close)
        holder.stdout.readline()
        return holder.pid


class PortFaultTests(OccupiedTestCase):
    """What the service cannot listen on."""

    def test_a_port_that_is_taken(self) -> None:
        """The process that has it is named."""
        pid = self.occupy()
        self.assert_only("ports", f"Port {self.clinic.port} is in use by pid {pid}", "set another port")

    def test_the_ruby_service(self) -> None:
        """Is named as what it is, with the command that ends it."""
        self.occupy("/usr/bin/smart_proxy_dynflow_core")
        self.assert_only("ports", "The Ruby service", "systemctl disable --now smart_proxy_dynflow_core.service")

    def test_our_own_port(self) -> None:
        """The port that the running service has is not in its way."""
        pid = self.occupy()
        self.change(pid=pid)
        self.assertNotIn("ports", [each.id for each in self.problems()])

    def test_the_former_service_is_enabled(self) -> None:
        """It would take the port after the next boot."""
        self.clinic.commands["systemctl"] = Ran(0, "enabled\n")
        self.assert_only("former-service", "still enabled", "systemctl disable --now", Status.WARNING)

    def test_a_privileged_port(self) -> None:
        """Needs a capability of the unit."""
        self.clinic.set(https_port=443)
        self.clinic.write("root/proc/sys/net/ipv4/ip_unprivileged_port_start", "1024\n")
        self.assert_only("ports-privileged", "may not listen on port 443", "CAP_NET_BIND_SERVICE")

    def test_an_address_of_another_machine(self) -> None:
        """Cannot be listened on."""
        self.clinic.set(bind_host="[192.0.2.77]")
        self.assert_only("listen-address", "`bind_host` 192.0.2.77 is no address of this machine", "ip addr")

    def test_foreman_is_not_trusted(self) -> None:
        """Its name is missing among those who are let in."""
        self.clinic.set(trusted_hosts="[other.example.org]")
        self.assert_only("trusted-foreman", "localhost, the host of `foreman_url`", "Add localhost", Status.WARNING)

    def test_a_proxy_in_the_environment(self) -> None:
        """It is not used, so Foreman must be reached without it; NO_PROXY says that this is known."""
        self.clinic.environment["HTTPS_PROXY"] = "http://proxy:3128"
        self.assert_only("proxy", "goes to Foreman directly", "NO_PROXY", Status.WARNING)
        self.clinic.environment["NO_PROXY"] = "127.0.0.1,localhost"
        self.assertEqual(self.problems(), [])

    def test_a_core_that_is_away(self) -> None:
        """Relayed requests would fail."""
        self.clinic.set(core_url=f"http://127.0.0.1:{free_port()}")
        self.assert_only("core", "refuses connections", "`core_url`")


class SecrecyTests(OccupiedTestCase):
    """What must not be seen in a report, which people send around."""

    def test_planted_secrets(self) -> None:
        """Of the environment, of the command lines of others, of addresses and keys: nothing."""
        self.occupy("--password=planted")
        self.clinic.environment.update(HTTPS_PROXY="http://jane:planted@proxy", SSH_AUTH_SOCK="/nowhere")
        self.clinic.vault_key.write_text("planted")
        self.clinic.vault_key.chmod(0o644)
        self.clinic.set(core_url="http://jane:planted@localhost:0", foreman_url="https://jane:planted@")
        self.clinic.key.write_text("planted")
        found = self.problems()
        self.assertGreater(len(found), 4)
        for each in found:
            self.assertNotIn("planted", repr(each))


class ForemanFaultTests(ClinicTestCase):
    """What keeps reports from Foreman; each reason by its name."""

    def test_refused(self) -> None:
        """Nobody listens there."""
        self.clinic.set(foreman_url=f"https://localhost:{free_port()}")
        self.assert_only("foreman-reachable", "refuses connections", "correct the port in `foreman_url`")

    def test_no_such_name(self) -> None:
        """The name cannot be resolved."""
        self.clinic.set(foreman_url="https://foreman.invalid", trusted_hosts="[foreman.invalid]")
        unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        with mock.patch("smartdyn.doctor.foreman.create_connection", side_effect=unknown):
            self.assert_only("foreman-reachable", "foreman.invalid in `foreman_url` cannot be resolved", "resolv.conf")

    def test_no_url(self) -> None:
        """Only a name was written."""
        self.clinic.set(foreman_url="foreman")
        said = {each.id: each.verdict.text for each in self.problems()}
        self.assertIn("must be an address such as https://", said["settings-valid"])

    def test_silence(self) -> None:
        """A server takes the connection and says nothing."""
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        self.change(wait=0.3)
        self.clinic.set(foreman_url=f"https://localhost:{silent.getsockname()[1]}")
        self.assert_only("foreman-certificate", "takes connections and says nothing", "whether that is Foreman's port")

    def test_an_expired_certificate(self) -> None:
        """Of Foreman."""
        self.clinic.connect_to(ForemanStub(self.clinic.authority.issue("localhost", valid="expired", file="old")))
        self.assert_only("foreman-certificate", "The certificate of localhost has expired", "Renew it")

    def test_a_certificate_of_tomorrow(self) -> None:
        """Our clock is probably wrong."""
        self.clinic.connect_to(ForemanStub(self.clinic.authority.issue("localhost", valid="future", file="new")))
        self.assert_only("foreman-certificate", "is not valid yet", "Set our clock")

    def test_an_unknown_authority(self) -> None:
        """The file that does not know it is named."""
        other = Authority(self.clinic.folder / "other", name="Other CA")
        self.clinic.connect_to(ForemanStub(other.issue("localhost")))
        self.assert_only("foreman-certificate", "signed by a CA that", "Set `foreman_ssl_ca`")

    def test_another_name(self) -> None:
        """The certificate is for another host."""
        self.clinic.connect_to(ForemanStub(self.clinic.authority.issue("elsewhere.example.org")))
        self.assert_only("foreman-certificate", "is for another name", "Set `foreman_url` to a name")

    def test_our_certificate_is_not_accepted(self) -> None:
        """Foreman trusts another authority."""
        other = Authority(self.clinic.folder / "other", name="Other CA")
        files = self.clinic.authority.issue("localhost", file="foreman-again")
        self.clinic.connect_to(ForemanStub(files, client_ca=other.path))
        self.assert_only("foreman-answers", "does not accept our certificate", "`foreman_ssl_cert`")

    def test_a_refusal_that_is_lost(self) -> None:
        """The end of the connection overtakes the alert with which Foreman refuses our certificate."""
        self.clinic.connect_to(ForemanStub(self.clinic.authority.issue("localhost", file="again"), resets=True))
        self.assert_only("foreman-answers", "does not accept our certificate", "`foreman_ssl_cert`")

    def test_no_answer(self) -> None:
        """Foreman hangs up on a request without TLS."""
        self.clinic.connect_to(ForemanStub(None, resets=True), "http")
        self.assert_only("foreman-answers", "ends the connection without an answer", "log of Foreman's web server")

    def test_foreman_is_broken(self) -> None:
        """Its web server answers for it."""
        self.clinic.foreman.status = 503
        self.assert_only("foreman-answers", "Foreman answers with 503", "systemctl status foreman")

    def test_plain_http(self) -> None:
        """Output would be read on the way, unless that stays on this machine."""
        self.clinic.connect_to(ForemanStub(None), "http")
        self.assertEqual(self.problems(), [])
        self.patch(doctor_foreman._Address, "is_here", False)
        self.assert_only("foreman-certificate", "without TLS", "https:// address", Status.WARNING)

    def test_clocks_that_differ(self) -> None:
        """By the time that Foreman tells."""
        self.clinic.foreman.skew = 1000
        self.assert_only("foreman-clock", "s behind Foreman's", "chronyc")


class CertificateFaultTests(ClinicTestCase):
    """What is wrong with our certificates."""

    def use(self, files: tuple[Path, Path]) -> None:
        """Have another certificate; Foreman does not ask for it."""
        self.clinic.connect_to(ForemanStub(self.clinic.authority.issue("localhost", file="foreman-again")))
        files[1].chmod(0o640)
        self.clinic.set(ssl_certificate=files[0], ssl_private_key=files[1])

    def test_a_missing_file(self) -> None:
        """Is named with its setting."""
        self.clinic.set(ssl_ca_file="/nowhere/ca.pem")
        self.assert_only("tls-files", "There is no file /nowhere/ca.pem (`ssl_ca_file`)", "`ssl_ca_file`")

    def test_a_setting_that_is_missing(self) -> None:
        """TLS needs three files."""
        text = self.clinic.settings.read_text()
        self.clinic.settings.write_text("".join(f"{line}\n" for line in text.splitlines() if "private_key" not in line))
        self.clinic.connect_to(ForemanStub(self.clinic.authority.issue("localhost", file="foreman-again")))
        self.assert_only("tls-files", "`ssl_private_key` is not set", "Set `ssl_private_key`")

    def test_a_key_that_the_service_cannot_read(self) -> None:
        """The fix is a command."""
        files = self.clinic.authority.issue(HOST, file="again")
        self.use(files)
        files[1].chmod(0)
        self.assert_only("tls-files", "cannot read", "chmod g+r")

    def test_a_key_of_another_certificate(self) -> None:
        """Both files are named."""
        certificate, _ = self.clinic.authority.issue(HOST, file="one")
        _, key = self.clinic.authority.issue(HOST, file="two")
        self.use((certificate, key))
        self.assert_only("tls-match", "two.key (`ssl_private_key`) is not the key of", "made together")

    def test_an_expired_certificate(self) -> None:
        """Says since when."""
        self.use(self.clinic.authority.issue(HOST, valid="expired", file="old"))
        self.assert_only("tls-valid", "has expired on", "without a restart")

    def test_a_certificate_that_expires(self) -> None:
        """A month before."""
        self.use(self.clinic.authority.issue(HOST, lifetime=timedelta(days=90), file="long"))
        self.change(now=lambda: time.time() + 80 * 86400)
        found = {each.id: each.verdict for each in self.problems()}
        self.assertIn("expires on", found["tls-valid"].text)
        self.assertEqual(found["tls-valid"].status, Status.WARNING)

    def test_a_chain_with_a_gap(self) -> None:
        """The certificate in between is not in the file."""
        between = Authority(self.clinic.etc / "between", name="Between CA", parent=self.clinic.authority)
        self.use(between.issue(HOST))
        self.assert_only("tls-chain", "cannot be followed to a CA", "CN=Between CA", Status.WARNING)

    def test_a_whole_chain(self) -> None:
        """With the certificate in between, all is well."""
        between = Authority(self.clinic.etc / "between", name="Between CA", parent=self.clinic.authority)
        certificate, key = between.issue(HOST)
        certificate.write_bytes(certificate.read_bytes() + between.path.read_bytes())
        self.use((certificate, key))
        self.assertEqual(self.problems(), [])

    def test_a_certificate_for_another_host(self) -> None:
        """Foreman would not believe it."""
        self.use(self.clinic.authority.issue("other.example.org"))
        self.assert_only("tls-host-name", "is for other.example.org", "name under which Foreman", Status.WARNING)

    def test_a_certificate_for_clients_only(self) -> None:
        """It cannot be shown to those who connect."""
        self.use(self.clinic.authority.issue(HOST, usage=ExtendedKeyUsageOID.CLIENT_AUTH, file="client"))
        self.assert_only("tls-purpose", "is not for a server", "serverAuth")

    def test_a_short_key(self) -> None:
        """OpenSSL refuses it."""
        self.use(self.clinic.authority.issue(HOST, rsa_key=1024, file="short"))
        self.assert_only("tls-strength", "RSA key of 1024 bits", "2048")
