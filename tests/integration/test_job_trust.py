"""What jobs and settings say of trust and of the way to a host, on a real OpenSSH host."""

from __future__ import annotations

import subprocess
import uuid
from dataclasses import replace
from pathlib import Path

from twisted.internet.defer import Deferred, gatherResults

from smartdyn.rex.script_runner import ScriptRunner
from smartdyn.ssh.known_hosts_format import parse
from tests.integration.test_script_runner import ScriptTestCase
from tests.integration.test_service import ServiceTestCase
from tests.support.context import MemoryContext
from tests.support.sshd import write_key


class JobTrustTests(ScriptTestCase):
    """Host keys of jobs."""

    def setUp(self) -> None:
        super().setUp()
        self.known = self.settings.known_hosts
        self.public = self.server.folder.joinpath("host_rsa.pub").read_text()
        self.stranger = write_key(Path(self.mktemp()), "ed25519")
        self.name = f"[127.0.0.1]:{self.server.port}"

    async def test_a_host_key_that_comes_with_the_job(self) -> None:
        """Only that one is accepted, on a port other than 22 too, and nothing is learned."""
        accepted = await self.run_script("true", ssh_user="rexssh", host_public_key=self.public)
        refused = await self.run_script("true", ssh_user="rexssh", host_public_key=self.stranger)
        unusable = await self.run_script("true", ssh_user="rexssh", host_public_key="nonsense")
        self.assertEqual([each.status for each in (accepted, refused, unusable)], [0, "EXCEPTION", "EXCEPTION"])
        self.assertIn("REMOTE HOST IDENTIFICATION HAS CHANGED", refused.text("debug"))
        self.assertIn("`host_public_key` must be", unusable.text("debug"))
        self.assertFalse(self.known.exists())

    async def test_a_shared_connection_is_no_way_around(self) -> None:
        """A job with a host key of its own does not use the connection of one without."""
        hosts = self.hosts()
        statuses = []
        for key in (None, self.stranger):
            context = MemoryContext()
            input = {**self.runner("true").input, "ssh_user": "rexssh", "host_public_key": key}
            await ScriptRunner(str(uuid.uuid4()), input, hosts).run(context, resumed=False)
            statuses.append(context.status)
        self.assertEqual(statuses, [0, "EXCEPTION"])
        await hosts.stop()

    async def test_the_first_execution_forgets_this_port_only(self) -> None:
        """A host that was built anew is learned again; what is known of it on another port stays."""
        other = f"[127.0.0.1]:1 {self.stranger}\n"
        self.known.write_text(f"{self.name} {self.stranger}\n{other}")
        changed = await self.run_script("true", ssh_user="rexssh")
        self.assertIn("REMOTE HOST IDENTIFICATION HAS CHANGED", changed.text("debug"))
        self.assertEqual((await self.run_script("true", ssh_user="rexssh", first_execution=True)).status, 0)
        text = self.known.read_text()
        self.assertTrue(text.startswith(other))
        self.assertEqual([entry.patterns for entry in parse(text)], ["[127.0.0.1]:1", self.name])

    async def test_first_executions_at_once(self) -> None:
        """Twenty of them leave a whole file with one line."""
        jobs = [
            Deferred.fromCoroutine(self.run_script("true", ssh_user="rexssh", first_execution=True)) for _ in range(20)
        ]
        self.assertEqual({context.status for context in await gatherResults(jobs)}, {0})
        self.assertEqual([entry.patterns for entry in parse(self.known.read_text())], [self.name])

    async def test_a_ca_file_is_all_that_counts(self) -> None:
        """A host that was learned is not known to it; a plain key in it is."""
        strict = Path(self.mktemp())
        strict.write_text(f"* {self.stranger}\n")
        self.known.write_text(f"{self.name} {self.public}")
        self.settings = replace(self.settings, strict_known_hosts=strict)
        self.assertEqual((await self.run_script("true", ssh_user="rexssh")).status, "EXCEPTION")
        strict.write_text(f"{self.name} {self.public}")
        self.assertEqual((await self.run_script("true", ssh_user="rexssh", first_execution=True)).status, 0)
        self.assertEqual(strict.read_text(), f"{self.name} {self.public}")

    async def test_a_protected_key_in_the_agent(self) -> None:
        """No passphrase is needed; without an agent the text stays as it was."""
        socket = str(self.server.folder / "agent.sock")
        agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
        self.addCleanup(agent.wait, 10)
        self.addCleanup(agent.terminate)
        asker = self.server.folder / "askpass"
        asker.write_text("#!/bin/sh\necho sekret-phrase\n")
        asker.chmod(0o700)
        settings = {"SSH_AUTH_SOCK": socket, "SSH_ASKPASS": str(asker), "SSH_ASKPASS_REQUIRE": "force"}
        key = self.server.key("locked")
        load = ["timeout", "10", "sh", "-c", 'until ssh-add -q "$0"; do :; done', str(key)]
        subprocess.run(load, env={"PATH": "/usr/bin:/bin", **settings}, check=True, capture_output=True)
        self.settings = replace(self.settings, identity_key=key)
        without = await self.run_script("true", ssh_user="rexssh")
        self.assertIn("There are no available authentication methods", without.text("debug"))
        self.settings = replace(self.settings, agent=socket)
        self.assertEqual((await self.run_script("true", ssh_user="rexssh")).status, 0)

    async def test_a_jump_host_of_the_configuration(self) -> None:
        """The job names the host; the file says how to get there."""
        config = Path(self.mktemp())
        config.write_text(
            f"Host inside\nHostName 127.0.0.1\nProxyJump gate\n"
            f"Host gate\nHostName 127.0.0.1\nPort {self.server.port}\nUser rexpw\n"
        )
        self.settings = replace(self.settings, ssh_config=config)
        context = await self.run_script("echo $SSH_CONNECTION; id -un", hostname="inside", ssh_user="rexssh")
        self.assertEqual((context.status, context.text().splitlines()[-1]), (0, "rexssh"))
        self.assertIn("Accepted publickey for rexpw", self.server.log.read_text())


class ScriptModuleTests(ServiceTestCase):
    """A script module that cannot work."""

    async def test_it_is_reported_and_the_rest_runs(self) -> None:
        """Its state is failed, the reason is where Foreman looks for it, and tasks are served."""
        _, client = await self.start(ssh_identity_key_file="nowhere", http_port=None)
        features = (await client.request("GET", "/v2/features")).json
        self.assertEqual((features["script"]["state"], features["dynflow"]["state"]), ("failed", "running"))
        reasons = (await client.request("GET", "/logs")).json["info"]["failed_modules"]
        self.assertRegex(reasons["script"], r"^SSH private key file /.*nowhere doesn't exist\.\nYou can generate one")
        self.assertEqual((await client.request("GET", "/tasks/count")).json["count"], 0)
