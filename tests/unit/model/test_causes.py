"""Why tasks fail, as far as it can be told from what is known of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.model.causes import Evidence, by_key, why, why_untold, why_waiting
from smartdyn.rex.failures import no_connection, no_status, remote_error, silent_host
from smartdyn.rex.protocol import Marker
from smartdyn.ssh.errors import Attempt, AuthenticationFailed, ConnectFailed, HandshakeFailed, HostKeyRejected
from smartdyn.ssh.trust import CHANGED

DENIED = AuthenticationFailed(
    "root", "h", [Attempt("publickey", "root@h: Permission denied (publickey).")], ["publickey"]
)
JOBS = {
    "refused": no_connection(ConnectFailed("h", 22, "Connection refused"), ["publickey"]),
    "unreachable": no_connection(ConnectFailed("h", 22, "Connection timed out"), ["publickey"]),
    "unknown-name": no_connection(
        ConnectFailed("h", 22, "Could not resolve hostname: Name or service not known"), ["x"]
    ),
    "silent": no_connection(HandshakeFailed("h", 22, "the key exchange took longer than 30 s"), ["publickey"]),
    "handshake": no_connection(HandshakeFailed("h", 22, "the connection was closed"), ["publickey"]),
    "host-key-changed": no_connection(HostKeyRejected("h", "ssh-ed25519", f"{CHANGED}The key differs."), ["publickey"]),
    "host-key": no_connection(HostKeyRejected("h", "ssh-ed25519", "It is marked as revoked."), ["publickey"]),
    "authentication": no_connection(DENIED, ["publickey"]),
    "effective-user": remote_error(Marker("error", ("auth", "1", "Sorry,", "try", "again.")), "/var/tmp"),
    "noexec": remote_error(Marker("error", ("exec", "126", "Permission", "denied")), "/var/tmp"),
    "interpreter": remote_error(Marker("error", ("exec", "127", "not", "found")), "/var/tmp"),
    "disk-full": remote_error(Marker("error", ("write", "No", "space", "left", "on", "device")), "/var/tmp"),
    "working-directory": remote_error(Marker("error", ("mkdir", "Permission", "denied")), "/var/tmp"),
    "restarted": no_status("reboot", "h"),
    "killed": no_status("dead", "h"),
    "login-shell": silent_host("root", 60),
}


class CauseTests(SynchronousTestCase):
    """L{why} and its like."""

    def test_each_failure_of_a_job(self) -> None:
        """The texts that jobs fail with are told apart, each with something to do next."""
        for key, error in JOBS.items():
            found = why(Evidence("EXCEPTION", said=str(error)))
            self.assertEqual(found.key, key, str(error))
            self.assertRegex(found.advice, r"^[A-Z].*\.$")

    def test_scripts(self) -> None:
        """A script that failed is known by its status, unless it said that the disk is full."""
        self.assertEqual(why(Evidence(3, printed="oops")).key, "exit-3")
        self.assertEqual(why(Evidence(1, printed="cp: x: No space left on device")).key, "disk-full")
        self.assertEqual(why(Evidence(1, printed="ssh: connect to host db port 22: Connection refused")).key, "exit-1")

    def test_ends_that_were_wanted(self) -> None:
        """Who cancelled it and whose time was up are told apart, also when the script was killed for either."""
        self.assertEqual(why(Evidence(255, cancelled=True)).key, "cancelled")
        late = Evidence(255, said="Timeout for execution passed, trying to stop the job", cancelled=True)
        self.assertEqual(why(late).key, "timeout")

    def test_without_a_job(self) -> None:
        """A step's error is what is left when there was no job."""
        self.assertEqual(why(Evidence(errors=("division by zero",))).key, "step-error")
        self.assertEqual(why(Evidence("EXCEPTION", said="something new")).key, "not-started")

    def test_foreman(self) -> None:
        """What kept a result from Foreman is told apart, and whether somebody has to send it again."""
        for error, key in (
            ("HTTP 404: no such task", "foreman-refuses"),
            ("HTTP 502: Bad Gateway", "foreman-fails"),
            ("TLS failed: certificate has expired.", "foreman-certificate"),
            ("ConnectionRefusedError: Connection was refused by other side", "foreman-away"),
        ):
            for parked, ending in ((False, "sent again by itself."), (True, "Then send it again.")):
                cause = why_untold(error, parked=parked)
                self.assertEqual((cause.key, cause.advice.endswith(ending)), (key, True), cause)

    def test_waiting(self) -> None:
        """A note of something that is wrong has a cause; one of the order of things has none."""
        waiting = why_waiting("ssh: connect to host h port 22: Connection refused. The script goes on there meanwhile.")
        self.assertEqual(waiting and waiting.key, "refused")
        self.assertIsNone(why_waiting("Connecting to h port 22."))

    @given(st.builds(Evidence, st.one_of(st.integers(), st.none(), st.text()), st.text(), st.text()))
    def test_keys_stand_for_causes(self, evidence: Evidence) -> None:
        """Whatever is found is found again by its key."""
        found = why(evidence)
        self.assertEqual(by_key(found.key), found)
