"""What users are told when a job fails on our side."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.rex.failures import no_status, remote_error
from smartdyn.rex.protocol import Marker


class TextTests(SynchronousTestCase):
    """Words that people search for, and advice."""

    def test_a_noexec_directory(self) -> None:
        """Status 126 is its sign; 127 is not."""
        text = str(remote_error(Marker("error", ("exec", "126", "Permission", "denied")), "/var/tmp/x"))
        self.assertIn("Failed to execute script on remote machine, exit code: 126.\nPermission denied", text)
        self.assertIn("/var/tmp/x is mounted noexec, set another `remote_working_dir`", text)
        self.assertNotIn("noexec", str(remote_error(Marker("error", ("exec", "127")), "/var/tmp/x")))

    def test_a_script_that_was_killed_with_its_supervisor(self) -> None:
        """logind may do that at the end of each session: the advice names the setting."""
        self.assertIn("KillUserProcesses=yes", str(no_status("dead", "h1")))
        self.assertNotIn("KillUserProcesses", str(no_status("reboot", "h1")))
