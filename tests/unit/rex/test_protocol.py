"""Speaking with the remote side of a job."""

from __future__ import annotations

import shlex
import subprocess
from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.rex.protocol import REMOTE_CODE, Bootstrap, Marker, MarkerReader, UnusableValue, attend, encode

NONCE = "0123456789abcdef"


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """C{data} cut at these places."""
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


def line(text: str, nonce: str = NONCE) -> bytes:
    """A marker line."""
    return f"SMARTDYN 1 {nonce} {text}\n".encode()


class MarkerTests(SynchronousTestCase):
    """Finding markers."""

    @given(st.lists(st.integers(0, 500), max_size=12))
    def test_pieces_make_no_difference(self, cuts: list[int]) -> None:
        """However the bytes come, the same markers are found."""
        data = b"Welcome!\r\n\n" + line("hello") + b"noise from .bashrc\n" + line("error mkdir No such file") + b"rest"
        reader = MarkerReader(NONCE)
        found = [marker for piece in pieces(data, cuts) for marker in reader.feed(piece)]
        self.assertEqual(found, [Marker("hello", ()), Marker("error", ("mkdir", "No", "such", "file"))])
        self.assertEqual(reader.rest(), b"rest")

    def test_a_foreign_nonce_is_noise(self) -> None:
        """A script cannot imitate a marker: it does not know the channel's nonce."""
        self.assertEqual(list(MarkerReader(NONCE).feed(line("end 0 0 complete", "f" * 16))), [])

    def test_reading_can_stop_behind_a_marker(self) -> None:
        """What follows C{stream} is left as it came, even if it looks like a marker."""
        reader = MarkerReader(NONCE)
        next(reader.feed(line("stream 0") + line("hello") + b"\xff"))
        self.assertEqual(reader.rest(), line("hello") + b"\xff")

    @given(st.binary(max_size=300))
    def test_any_bytes_are_survived(self, data: bytes) -> None:
        """Garbage is no marker and no error."""
        for marker in MarkerReader(NONCE).feed(data + b"\n"):
            self.assertIsInstance(marker.word, str)

    def test_a_broken_number_is_told(self) -> None:
        """A host that breaks the protocol is named as the cause."""
        self.assertRaises(UnusableValue, Marker("end", ("x",)).number, 0)


class BootstrapTests(SynchronousTestCase):
    """What is sent to a host."""

    def test_line_breaks_cannot_be_sent(self) -> None:
        """A value with a line break would add a header of its own."""
        bootstrap = Bootstrap("/var/tmp\nmethod=sudo", "id", b"")
        self.assertRaises(UnusableValue, bootstrap.stdin)

    def test_the_script_follows_the_header_byte_for_byte(self) -> None:
        """Any bytes are a script."""
        script = bytes(range(256))
        self.assertTrue(Bootstrap("/var/tmp", "id", script).stdin().endswith(b"\n\n" + script))

    def test_nothing_secret_or_long_is_in_a_command_line(self) -> None:
        """The script and our code travel on stdin."""
        self.assertLess(len(Bootstrap("/var/tmp", "id", b"x" * 10**6).command(NONCE)), 300)

    @settings(max_examples=30, deadline=None)
    @given(st.text(st.characters(exclude_characters="\0\n\r", exclude_categories=["Cs"]), max_size=30))
    def test_paths_survive_a_shell(self, path: str) -> None:
        """An encoded path is one word, and printf gives it back, whatever is in it; all paths are absolute."""
        path = f"/{path}"
        quoted = "'" + encode(path, "\\") + "'"
        self.assertEqual(len(shlex.split(quoted)), 1)
        shown = subprocess.run(["/bin/sh", "-c", f"printf {quoted}x"], capture_output=True, check=True)
        self.assertEqual(shown.stdout.decode(), path + "x")

    def test_later_commands_need_only_the_folder(self) -> None:
        """A command for a job that is there names folder, verb, nonce and argument."""
        self.assertTrue(attend("/var/tmp/a b", "attach", NONCE, "17").endswith(f"'/var/tmp/a\\040b' attach {NONCE} 17"))


class RemoteCodeTests(SynchronousTestCase):
    """The remote side itself."""

    def test_it_is_plain_and_every_shell_reads_it(self) -> None:
        """ASCII, and dash, bash and busybox find no error in it."""
        REMOTE_CODE.decode("ascii")
        for shell in (["dash"], ["bash"], ["busybox", "sh"]):
            if any(Path(folder, shell[0]).exists() for folder in ("/bin", "/usr/bin")):
                checked = subprocess.run([*shell, "-n"], input=REMOTE_CODE, capture_output=True, check=False)
                self.assertEqual((checked.returncode, checked.stderr), (0, b""), shell)
