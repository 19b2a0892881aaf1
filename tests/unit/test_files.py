"""New files."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.errors import CannotWrite
from smartdyn.files import fresh


class FreshFileTests(SynchronousTestCase):
    """L{fresh}."""

    def test_what_is_written_is_there_for_its_owner(self) -> None:
        """Nobody else may read it, whatever the umask."""
        path = Path(self.mktemp())
        with fresh(path) as file:
            file.write(b"text")
        self.assertEqual((path.read_bytes(), path.stat().st_mode & 0o777), (b"text", 0o600))

    def test_nothing_is_overwritten(self) -> None:
        """What is there stays as it is."""
        path = Path(self.mktemp())
        path.write_text("mine")
        with self.assertRaisesRegex(CannotWrite, "exists already"), fresh(path):
            self.fail("nobody may write")
        self.assertEqual(path.read_text(), "mine")

    def test_nothing_is_left_of_what_failed(self) -> None:
        """No half of a file stays, and a full disk is an error that names the file."""
        path = Path(self.mktemp())
        for error, seen in ((KeyError(), KeyError), (OSError(28, "No space left on device"), CannotWrite)):
            with self.assertRaises(seen):
                self.write_and_fail(path, error)
            self.assertFalse(path.exists())

    def write_and_fail(self, path: Path, error: Exception) -> None:
        """Write half of it."""
        with fresh(path) as file:
            file.write(b"text")
            raise error

    def test_a_folder_that_is_not_there(self) -> None:
        """Is said."""
        with self.assertRaisesRegex(CannotWrite, "cannot be made: No such file"), fresh(Path(self.mktemp()) / "x"):
            self.fail("nobody can write")
