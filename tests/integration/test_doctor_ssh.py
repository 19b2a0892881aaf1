"""Faults of keys and host keys, of the machine and of the unit."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

from smartdyn.doctor import service as doctor_service
from smartdyn.doctor.context import Ran
from smartdyn.doctor.verdict import Status
from smartdyn.ssh import kerberos
from tests.support.clinic import UNIT, ClinicTestCase
from tests.support.sshd import write_key


class KeyFaultTests(ClinicTestCase):
    """What is wrong with what we log in with."""

    def test_no_key(self) -> None:
        """The fix is the command that makes one, as the service's user."""
        self.clinic.key.unlink()
        self.assert_only("ssh-key", "There is no SSH key", "ssh-keygen -t rsa -b 4096")

    def test_no_key_at_all(self) -> None:
        """A file with something else."""
        self.clinic.key.write_text("nothing\n")
        self.assert_only("ssh-key", "holds no SSH key", "Move it away")

    def test_a_key_for_everybody(self) -> None:
        """OpenSSH would not use it either."""
        self.clinic.key.chmod(0o644)
        self.assert_only("ssh-key-mode", "Others than the service may use", "chmod 0600")

    def test_no_public_key(self) -> None:
        """Foreman has nothing to put on hosts."""
        self.clinic.key.with_name(f"{self.clinic.key.name}.pub").unlink()
        self.assert_only("ssh-key-public", "There is no public key", "ssh-keygen -y -f")

    def test_the_public_key_of_another(self) -> None:
        """Hosts let in another key than ours."""
        other = write_key(self.clinic.ssh / "other", "ecdsa")
        self.clinic.write(f"ssh/{self.clinic.key.name}.pub", f"{other} somebody\n")
        self.assert_only("ssh-key-public", "is not the public key of", "ssh-keygen -y -f")

    def test_a_passphrase(self) -> None:
        """Needs an agent, or comes with each job; in both formats of files."""
        write_key(self.clinic.key, "ecdsa", "secret")
        self.assert_only("ssh-key-passphrase", "protected by a passphrase", "SSH_AUTH_SOCK", Status.WARNING)
        subprocess.run(
            ["openssl", "genpkey", "-algorithm", "RSA", "-aes256", "-pass", "pass:x", "-out", self.clinic.key],
            check=True,
            capture_output=True,
        )
        self.assert_only("ssh-key-passphrase", "protected by a passphrase", "SSH_AUTH_SOCK", Status.WARNING)

    def test_a_short_key(self) -> None:
        """Is let in nowhere."""
        for path in self.clinic.ssh.glob("id_*"):
            path.unlink()
        subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "1024", "-N", "", "-f", self.clinic.key], check=True)
        self.assert_only("ssh-key-kind", "has 1024 bits", "ssh-keygen -t rsa -b 4096")

    def test_a_type_that_fips_forbids(self) -> None:
        """On a machine in FIPS mode."""
        write_key(self.clinic.key, "ed25519")
        self.assertEqual(self.problems(), [])
        self.clinic.write("root/proc/sys/crypto/fips_enabled", "1\n")
        found = {each.id: each.verdict for each in self.problems()}
        self.assertIn("not allowed in FIPS mode", found.pop("ssh-key-kind").text)
        self.assertLessEqual(set(found), {"fips"})

    def test_an_agent_that_is_away(self) -> None:
        """Its socket is not there."""
        self.clinic.environment["SSH_AUTH_SOCK"] = f"{self.clinic.folder}/agent"
        self.assert_only("ssh-agent", "where no agent is", "Start the agent", Status.WARNING)

    def test_an_agent_that_may_not_be_used(self) -> None:
        """Its socket is somebody else's."""
        path = self.clinic.ssh / "agent"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            path.chmod(0o000)
            self.clinic.environment["SSH_AUTH_SOCK"] = str(path)
            self.assert_only("ssh-agent", "may not use the agent", "chown")

    def test_tickets_without_their_package(self) -> None:
        """The extra is missing."""
        self.patch(kerberos, "find_spec", lambda name: None)
        self.clinic.set(kerberos_auth="true")
        self.assert_only("kerberos", "gssapi is not there", "smartdyn[kerberos]")


class UserCertificateFaultTests(ClinicTestCase):
    """What is wrong with the certificate of our key."""

    def setUp(self) -> None:
        super().setUp()
        self.authority = self.clinic.ssh / "ca"
        write_key(self.authority, "ecdsa")
        self.clinic.set(ssh_user_ca_public_key_file=f"{self.authority}.pub")

    def sign(self, *options: str, key: Path | None = None) -> None:
        """Have our key certified."""
        public = f"{key or self.clinic.key}.pub"
        subprocess.run(
            ["ssh-keygen", "-q", "-s", self.authority, "-I", "proxy", "-n", "root", *options, public], check=True
        )

    def test_a_good_one(self) -> None:
        """Nothing is wrong with it."""
        self.sign()
        self.assertEqual(self.problems(), [])

    def test_none(self) -> None:
        """Hosts that trust the authority let in nothing else."""
        self.assert_only("ssh-certificate", "There is no certificate", "ssh-keygen -s CA-KEY")

    def test_an_expired_one(self) -> None:
        """Says since when."""
        self.sign("-V", "20200101:20210101")
        self.assert_only("ssh-certificate", "has expired on 202", "ssh-keygen -s CA-KEY")

    def test_one_of_a_host(self) -> None:
        """Is for something else."""
        self.sign("-h")
        self.assert_only("ssh-certificate", "certificate for a host", "ssh-keygen -s CA-KEY")

    def test_one_of_another_authority(self) -> None:
        """Hosts do not trust it."""
        self.sign()
        write_key(self.authority, "ecdsa")
        self.assert_only("ssh-certificate", "was not signed by the authority", "ssh-keygen -s CA-KEY")

    def test_one_of_another_key(self) -> None:
        """It stands beside the wrong key."""
        other = self.clinic.ssh / "other"
        write_key(other, "ecdsa")
        self.sign(key=other)
        other.with_name("other-cert.pub").rename(f"{self.clinic.key}-cert.pub")
        self.assert_only("ssh-certificate", "certificate of another key", "ssh-keygen -s CA-KEY")


class HostKeyFaultTests(ClinicTestCase):
    """What is wrong with what hosts are known by."""

    def test_a_file_that_cannot_be_written(self) -> None:
        """No host key could be learned."""
        self.clinic.known_hosts.chmod(0o400)
        self.assert_only("known-hosts", "may not write to", "chown")

    def test_a_broken_line(self) -> None:
        """Is named with its number."""
        good = (self.clinic.key.with_name(f"{self.clinic.key.name}.pub")).read_text()
        self.clinic.known_hosts.write_text(f"# hosts\n\nh1 {good}h2 ssh-rsa AAAA====\n@revoked * {good}")
        self.assert_only("known-hosts-lines", "known_hosts:4 is no host key", "sed -i 4d", Status.WARNING)

    def test_a_missing_file_of_authorities(self) -> None:
        """Then no host is believed."""
        self.clinic.set(ssh_ca_known_hosts_file="/nowhere/ssh_known_hosts")
        self.assert_only("known-hosts", "no host is believed", "Put the keys")

    def test_what_is_not_understood_of_ssh_config(self) -> None:
        """Is passed over by the service, which is worth a word."""
        self.clinic.write("ssh/config", "Host *.example.org\n  ProxyCommand nc %h %p\n")
        self.assert_only("ssh-config", "ProxyCommand is not supported", "ProxyJump", Status.WARNING)


class MachineFaultTests(ClinicTestCase):
    """What is wrong with the machine."""

    def test_a_clock_without_battery(self) -> None:
        """Shows the year 1970."""
        self.change(now=lambda: 1000.0)
        self.assertIn("clock", [each.id for each in self.problems()])

    def test_a_clock_that_nobody_sets(self) -> None:
        """Is noticed before it is wrong."""
        self.clinic.commands["timedatectl"] = Ran(0, "NTP=no\nNTPSynchronized=no\n")
        self.assert_only("clock-synchronised", "not synchronised", "chronyd", Status.WARNING)

    def test_few_files(self) -> None:
        """Counted against the connections that may be open at once; of the unit, and of the process that runs."""
        self.change(unit={**UNIT, "LimitNOFILE": "524288", "LimitNOFILESoft": "512"})
        self.assert_only("open-files", "may open 512 files", "LimitNOFILE=65536", Status.WARNING)

    def test_few_files_of_the_running_service(self) -> None:
        """The process counts, not its unit."""
        limits = (
            "Limit  Soft Limit  Hard Limit  Units\nMax open files            256                  4096      files\n"
        )
        self.clinic.write("root/proc/77/limits", limits)
        self.change(pid=77)
        self.assertIn("may open 256 files", {each.id: each.verdict.text for each in self.problems()}["open-files"])

    def test_little_memory(self) -> None:
        """Is an error before the kernel ends the service."""
        self.clinic.write("root/proc/meminfo", "MemAvailable: 20000 kB\n")
        self.assert_only("memory", "20 MB of memory are free", "ps --sort=-rss")

    def test_a_label_that_selinux_does_not_let_read(self) -> None:
        """Keys in a directory of another type, while the service is confined."""
        self.clinic.write("root/sys/fs/selinux/enforce", "1")
        self.clinic.write("root/proc/77/attr/current", "system_u:system_r:unconfined_service_t:s0")
        self.change(pid=77)
        self.assertNotIn("selinux-labels", [each.id for each in self.problems()])
        self.clinic.write("root/proc/77/attr/current", "system_u:system_r:foreman_proxy_t:s0")
        self.clinic.commands["stat"] = Ran(0, "system_u:object_r:var_lib_t:s0\n")
        found = {each.id: each.verdict for each in self.problems()}["selinux-labels"]
        self.assertIn("system_u:object_r:var_lib_t:s0", found.text)
        self.assertIn("restorecon -Rv", found.fix)

    def test_denials(self) -> None:
        """Of the service, in the last minutes."""
        self.clinic.write("root/sys/fs/selinux/enforce", "1")
        line = 'type=AVC msg=audit(1.2:3): avc:  denied  { read } for  pid=9 comm="smartdyn" name="id_rsa"\n'
        self.clinic.commands["ausearch"] = Ran(0, line + line.replace("smartdyn", "httpd"))
        self.assert_only("selinux-denials", "has denied 1 things", "audit2why")

    def test_an_old_interpreter(self) -> None:
        """The file was started with the system's python3."""
        self.change(python=(3, 9, 18))
        self.assert_only("python", "This is Python 3.9.18", "python3.11")

    def test_a_place_to_unpack_that_is_noexec(self) -> None:
        """The one-file program loads its libraries from there."""
        self.clinic.environment["SHIV_ROOT"] = f"{self.clinic.state}/lib"
        noexec = SimpleNamespace(
            f_frsize=4096, f_blocks=10**7, f_bavail=10**6, f_files=0, f_favail=0, f_flag=os.ST_NOEXEC
        )
        self.change(filesystem=lambda path: noexec)
        self.assert_only("unpacked", "is mounted noexec", "SHIV_ROOT")


class UnitFaultTests(ClinicTestCase):
    """What is wrong with the unit."""

    def unit(self, **properties: str) -> None:
        """What systemd says."""
        self.change(unit={**UNIT, **properties})

    def test_masked(self) -> None:
        """It cannot be started."""
        self.unit(LoadState="masked")
        self.assert_only("unit", "is masked", "systemctl unmask")

    def test_failed(self) -> None:
        """With the reason that systemd has."""
        self.unit(ActiveState="failed", Result="exit-code", ExecMainStatus="1")
        self.assert_only("unit", "has failed (exit-code, status 1)", "journalctl -u smartdyn")

    def test_not_enabled(self) -> None:
        """It would not run after the next boot."""
        self.unit(ActiveState="active", UnitFileState="disabled")
        self.assert_only("unit-enabled", "will not after the next boot", "systemctl enable", Status.WARNING)

    def test_restarted_often(self) -> None:
        """Something ends it again and again."""
        self.unit(NRestarts="12")
        self.assert_only("unit-restarts", "12 times", "journalctl", Status.WARNING)

    def test_changed_on_disk(self) -> None:
        """systemd has not read its files again."""
        self.unit(NeedDaemonReload="yes")
        self.assert_only("unit-fresh", "have changed", "systemctl daemon-reload", Status.WARNING)

    def test_no_watchdog(self) -> None:
        """A service that hangs would stay."""
        self.unit(ActiveState="active", WatchdogUSec="0")
        self.assert_only("unit-watchdog", "watchdog is off", "WatchdogSec=0", Status.WARNING)

    def test_a_sandbox_that_is_too_narrow(self) -> None:
        """The unit lets the service write in few places, whatever the modes of files say; links are followed."""
        writable = f"-/nowhere {self.clinic.state} {self.clinic.ssh}"
        self.unit(ProtectSystem="strict", ReadWritePaths=writable)
        self.assertEqual(self.problems(), [])
        self.clinic.folder.joinpath("link").symlink_to(self.clinic.etc)
        self.clinic.set(ssh_known_hosts_file=f"{self.clinic.folder}/link/known_hosts")
        self.clinic.write("etc/known_hosts", "").chmod(0o666)
        text = f"does not let the service write to {self.clinic.etc}/known_hosts (`ssh_known_hosts_file`)"
        self.assert_only("unit-sandbox", text, f"ReadWritePaths={self.clinic.etc}")

    def test_a_key_that_the_sandbox_hides(self) -> None:
        """Home directories are not there for the service."""
        self.unit(
            ProtectSystem="strict", ProtectHome="yes", StateDirectory="smartdyn", ReadWritePaths=str(self.clinic.folder)
        )
        self.patch(doctor_service, "_HOMES", (self.clinic.ssh,))
        self.assert_only("unit-sandbox", "(`ssh_identity_key_file`)", "ProtectHome=no")

    def test_an_agent_that_the_sandbox_hides(self) -> None:
        """So is C{/run/user}, where agents often are."""
        self.unit(ProtectSystem="strict", ProtectHome="yes", ReadWritePaths=str(self.clinic.folder))
        self.clinic.environment["SSH_AUTH_SOCK"] = "/run/user/0/agent"
        found = {each.id: each.verdict for each in self.problems()}
        self.assertIn("/run/user/0/agent (SSH_AUTH_SOCK)", found["unit-sandbox"].text)

    def test_settings_that_have_changed_since(self) -> None:
        """The running service listens elsewhere; the fix is to restart it."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.change(pid=os.getpid(), root=Path("/"))
            found = {each.id: each.verdict for each in self.problems()}["ready"]
            self.assertIn(str(listener.getsockname()[1]), found.text)
            self.assertEqual(found.fix, "systemctl restart smartdyn")

    def test_a_service_that_does_not_answer(self) -> None:
        """It has its lock, and nobody listens."""
        self.change(pid=os.getpid())
        self.clinic.write(f"root/proc/{os.getpid()}/limits", "")
        self.assert_only("ready", "does not answer", "systemctl restart smartdyn")


class TimeTests(ClinicTestCase):
    """How long it may take."""

    def test_who_does_not_answer_is_not_waited_for(self) -> None:
        """A name server that is away holds up nothing: its check says so, and the others are done."""

        def slow() -> str:
            time.sleep(30)
            return ""

        self.change(hostname=slow)
        self.patch(self.clinic, "limit", 0.5)
        self.assert_only("tls-host-name", "no answer within 0.5 s", "name servers", Status.WARNING)

    def test_a_check_that_breaks(self) -> None:
        """Is named, and the others are done."""

        def broken() -> str:
            raise RuntimeError("boom")

        self.change(hostname=broken)
        self.assert_only("tls-host-name", "RuntimeError: boom", "report it", Status.WARNING)
