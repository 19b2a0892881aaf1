"""What keeps scripts from being run."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.settings import load_settings
from smartdyn.settings.script import script_problem
from smartdyn.ssh import kerberos


class ScriptProblemTests(SynchronousTestCase):
    """L{script_problem}."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        for name in ("id", "id.pub", "id-cert.pub", "ca.pub", "lonely", "bare", "bare.pub"):
            self.folder.joinpath(name).write_text("x")

    def problem(self, text: str) -> str | None:
        """What these settings lead to, without the folder's name."""
        self.folder.joinpath("settings.yml").write_text(f"---\n{text}\n")
        found = script_problem(load_settings(self.folder))
        return None if found is None else found.replace(f"{self.folder}/", "")

    def test_all_is_well(self) -> None:
        """With a key, and with an authority and the key's certificate."""
        self.assertIsNone(self.problem("ssh_identity_key_file: id"))
        self.assertIsNone(self.problem(":ssh_identity_key_file: id\n:ssh_user_ca_public_key_file: ca.pub"))
        self.assertIsNone(self.problem("ssh_identity_key_file: id\nlog_level: FATAL"))
        self.assertIsNone(self.problem("ssh_identity_key_file: id\nlog_level: WARN\nssh_log_level: debug"))

    def test_kerberos(self) -> None:
        """It needs a package that is an extra; the text says how to get it."""
        self.patch(kerberos, "find_spec", lambda name: None)
        found = self.problem("ssh_identity_key_file: id\nkerberos_auth: true")
        self.assertIn("install smartdyn[kerberos]", found or "")
        self.patch(kerberos, "find_spec", lambda name: name)
        self.assertIsNone(self.problem("ssh_identity_key_file: id\nkerberos_auth: true"))

    def test_every_message(self) -> None:
        """The words are the reference's, and the first problem wins."""
        key = "ssh_identity_key_file: id"
        cases = {
            "mode: push\nssh_identity_key_file: none": "Mode has to be one of ssh, pull, pull-mqtt, given push",
            "mode: pull": "Mode pull is not available in this version; set `mode` to ssh",
            "ssh_identity_key_file: ''": "settings for `ssh_identity_key` not set",
            "ssh_identity_key_file: none": (
                "SSH private key file none doesn't exist.\n"
                "You can generate one with `ssh-keygen -t rsa -b 4096 -f none -N ''`"
            ),
            "ssh_identity_key_file: lonely": "SSH public key file lonely.pub doesn't exist",
            f"{key}\nssh_user_ca_public_key_file: none": "SSH CA public key file 'none' doesn't exist",
            "ssh_identity_key_file: bare\nssh_user_ca_public_key_file: ca.pub": (
                "SSH certificate file 'bare-cert.pub' doesn't exist"
            ),
            f"{key}\nssh_log_level: warn": (
                "Wrong value 'warn' for ssh_log_level, must be one of debug, info, error, fatal"
            ),
            f"{key}\nssh_log_level: debug\nlog_level: ERROR": (
                "ssh_log_level cannot be more verbose than regular log level"
            ),
        }
        for text, expected in cases.items():
            self.assertEqual(self.problem(text), expected, text)
