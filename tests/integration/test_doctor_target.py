"""Faults of hosts, on real ones: C{doctor --host} names each with its fix."""

from __future__ import annotations

import shutil
import socket
import tempfile
from dataclasses import replace
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from smartdyn.doctor import visit as doctor_visit
from smartdyn.doctor.context import Context
from smartdyn.doctor.gather import gather
from smartdyn.doctor.target import findings
from smartdyn.doctor.verdict import Finding, Status
from smartdyn.doctor.visit import Destination, visit
from smartdyn.errors import InvalidRequest
from tests.support.sshd import Sshd, free_port, shared, write_key

_BAD = (Status.ERROR, Status.WARNING)


class TargetTests(TestCase):
    """L{visit} and L{findings}."""

    timeout = 300

    def setUp(self) -> None:
        self.server = shared()
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.values = {
            "ssh_known_hosts_file": self.folder / "known_hosts",
            "ssh_config_file": self.folder / "config",
            "database": self.folder / "smartdyn.sqlite",
        }

    def context(self) -> Context:
        """With these settings."""
        text = "".join(f"{key}: {value}\n" for key, value in self.values.items())
        self.folder.joinpath("settings.yml").write_text(text)
        return replace(gather(self.folder), environment={})

    async def look(
        self, user: str = "root", effective: str | None = None, method: str = "sudo", server: Sshd | None = None
    ) -> list[Finding]:
        """What is said of a host."""
        server = server or self.server
        place = f"{user}@127.0.0.1:{server.port}"
        self.values.setdefault("ssh_identity_key_file", server.key())
        context = self.context()
        return findings(context, await visit(reactor, context, Destination(place, effective, method)))

    def assert_only(self, found: list[Finding], id: str, text: str, fix: str) -> None:
        """One check finds something."""
        bad = [each for each in found if each.verdict.status in _BAD]
        self.assertEqual([each.id for each in bad], [id], bad)
        self.assertIn(text, bad[0].verdict.text)
        self.assertIn(fix, bad[0].verdict.fix)

    async def test_all_is_well(self) -> None:
        """For root, and for one who may become anybody; nothing is learned and nothing is left behind."""
        base = Path(tempfile.mkdtemp(prefix="smartdyn-test-", dir="/var/tmp"))
        self.addCleanup(shutil.rmtree, base)
        base.chmod(0o1777)
        self.values["remote_working_dir"] = base
        for user, effective in (("root", "rexeff"), ("rexssh", "root"), ("rexssh", "rexeff"), ("rexssh", "rexssh")):
            found = await self.look(user, effective)
            self.assertEqual([each for each in found if each.verdict.status in _BAD], [], user)
            self.assertEqual(len(found), 12)
        self.assertEqual(list(base.iterdir()), [])
        self.assertFalse(self.folder.joinpath("known_hosts").exists())

    async def test_host_keys_that_cannot_be_read(self) -> None:
        """The file is named; nothing is said of the host."""
        path = self.folder / "known_hosts"
        path.mkdir()
        self.assert_only(
            await self.look(), "target-host-key", f"The host keys in {path} cannot be read", f"ls -ld {path}"
        )

    async def test_nobody_listens(self) -> None:
        """The port may be wrong, or sshd not there."""
        self.values["ssh_identity_key_file"] = self.server.key()
        context = self.context()
        found = findings(context, await visit(reactor, context, Destination(f"127.0.0.1:{free_port()}")))
        self.assert_only(found, "target-reached", "Connection refused", "systemctl start sshd")

    async def test_nothing_answers(self) -> None:
        """A host that takes connections and says nothing is not waited for long."""
        self.patch(doctor_visit, "_STAGE_LIMIT", 0.3)
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        self.values["ssh_identity_key_file"] = self.server.key()
        context = self.context()
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        found = findings(context, await visit(reactor, context, Destination(place)))
        self.assert_only(found, "target-reached", "took longer than 0.3 s", "sshd's port")

    async def test_another_host_key(self) -> None:
        """The fix is the command that forgets the former one."""
        other = write_key(self.folder / "other", "ed25519")
        self.folder.joinpath("known_hosts").write_text(f"[127.0.0.1]:{self.server.port} {other}\n")
        found = await self.look()
        self.assert_only(found, "target-host-key", "The host key is not accepted", "ssh-keygen -R '[127.0.0.1]:")

    async def test_a_key_that_is_not_let_in(self) -> None:
        """The fix is the command that puts it there."""
        key = self.folder / "id"
        write_key(key, "ed25519")
        self.values["ssh_identity_key_file"] = key
        self.assert_only(await self.look(), "target-login", "root is not let in with our key", "ssh-copy-id")

    async def test_nothing_to_log_in_with(self) -> None:
        """Without a key there is no way in."""
        self.values["ssh_identity_key_file"] = self.folder / "nothing"
        self.assert_only(await self.look(), "target-login", "nothing to log in with", "checks of the SSH key")

    async def test_a_missing_directory(self) -> None:
        """Of the setting C{remote_working_dir}."""
        self.values["remote_working_dir"] = self.folder / "gone"
        found = await self.look()
        self.assert_only(found, "target-directory", "There is no directory", "mkdir")

    async def test_a_directory_that_cannot_be_written(self) -> None:
        """By who logs in."""
        self.values["remote_working_dir"] = Path("/etc")
        self.assert_only(await self.look("rexssh", "root"), "target-directory", "may not write to /etc", "chmod 1777")

    async def test_noexec(self) -> None:
        """Scripts could not be executed."""
        server = shared(mounts="mount -t tmpfs -o noexec tmpfs /var/tmp")
        found = await self.look(server=server)
        self.assert_only(found, "target-executable", "mounted noexec", "`remote_working_dir`")

    async def test_a_full_disk(self) -> None:
        """Scripts could not be written."""
        server = shared(mounts="mount -t tmpfs -o size=8m tmpfs /var/tmp")
        self.assert_only(await self.look(server=server), "target-room", "Only 8 MB are free", "Make room")

    async def test_sudo_wants_a_password(self) -> None:
        """Which jobs then have to carry."""
        found = await self.look("rexpw", "root")
        self.assert_only(found, "target-user", "sudo wants a password", "NOPASSWD")

    async def test_a_method_that_is_not_there(self) -> None:
        """Nobody has dzdo."""
        found = await self.look("rexssh", "root", "dzdo")
        self.assert_only(found, "target-user", "There is no dzdo there", "Install dzdo")

    async def test_a_user_that_is_not_there(self) -> None:
        """Whom scripts are to be run as."""
        found = await self.look("rexssh", "nosuchuser")
        bad = {each.id: each.verdict for each in found if each.verdict.status in _BAD}
        self.assertEqual(list(bad), ["target-user"])
        self.assertIn("There is no user nosuchuser", bad["target-user"].text)

    async def test_few_sessions(self) -> None:
        """MaxSessions is found out by trying."""
        server = shared("Match all\nMaxSessions 3")
        found = await self.look(server=server)
        self.assert_only(found, "target-sessions", "may have 3 sessions, and 8 jobs", "MaxSessions 10")

    async def test_few_connections(self) -> None:
        """MaxStartups is found out by trying."""
        server = shared("MaxStartups 2:100:3")
        found = await self.look(server=server)
        bad = {each.id: each.verdict for each in found if each.verdict.status in _BAD}
        self.assertEqual(list(bad), ["target-startups"])
        self.assertIn("of 10 connections at once", bad["target-startups"].text)

    async def test_no_commands(self) -> None:
        """An account that is for something else."""
        server = shared("Match all\nForceCommand /bin/echo files only")
        self.assert_only(await self.look(server=server), "target-shell", "did not run what we sent", "login shell")

    async def test_no_place(self) -> None:
        """What is no host name is refused before anything is done."""
        for place in ("a b", "h1:port", ""):
            context = self.context()
            refused = Deferred.fromCoroutine(visit(reactor, context, Destination(place)))
            await self.assertFailure(refused, InvalidRequest)
