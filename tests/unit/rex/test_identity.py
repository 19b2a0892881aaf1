"""What the proxy logs in to hosts with."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.rex.failures import NoCredentials
from smartdyn.rex.identity import ProxyIdentity
from smartdyn.rex.job import ScriptJob
from smartdyn.rex.settings import RunnerSettings
from smartdyn.secret import Secret
from tests.support.sshd import write_key


class IdentityTests(SynchronousTestCase):
    """L{ProxyIdentity}."""

    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.key = folder / "id"
        write_key(self.key, "ed25519")
        self.settings = RunnerSettings(known_hosts=folder / "known_hosts", identity_key=self.key)
        self.identity = ProxyIdentity(Clock())

    def blobs(self, **input: object) -> list[bytes]:
        """The public keys that a job may log in with."""
        job = ScriptJob.from_input({"hostname": "h", "script": "true", **input}, self.settings)
        return [key.blob for key in self.identity.credentials(job, self.settings).keys]

    def test_a_replaced_key(self) -> None:
        """The next job after the key's file was replaced logs in with the new one, without a restart."""
        first = self.blobs()
        self.assertEqual(self.blobs(), first)
        write_key(self.key, "ed25519")
        os.utime(self.key, ns=(1, 1))
        self.assertNotEqual(self.blobs(), first)

    def test_other_settings(self) -> None:
        """The settings of the moment say which key it is: they may have been reloaded."""
        first = self.blobs()
        other = self.key.with_name("other")
        write_key(other, "ecdsa")
        self.settings = replace(self.settings, identity_key=other)
        self.assertNotEqual(self.blobs(), first)

    def test_nothing_to_log_in_with(self) -> None:
        """A job without a password says which key cannot be used; one with a password goes on with that."""
        self.key.unlink()
        error = self.assertRaises(NoCredentials, self.blobs)
        self.assertIn(str(self.key), str(error))
        self.assertEqual(self.blobs(secrets={"ssh_password": Secret("hidden")}), [])
