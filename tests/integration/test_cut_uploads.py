"""Uploads that are cut off, and what they leave for the next attempt and for later."""

from __future__ import annotations

import errno
import os
import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.rex.protocol import REMOTE_CODE, Bootstrap

NONCE = "0123456789abcdef"
_MONTH = 31 * 86_400


def is_held(fifo: Path) -> bool:
    """Somebody has it open."""
    try:
        os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
    except OSError as error:
        if error.errno == errno.ENXIO:
            return False
        raise
    return True


class CutTestCase(SynchronousTestCase):
    """Runs the remote side on this machine: what a network does to it is an early end of its stdin."""

    def setUp(self) -> None:
        self.base = Path(f"/var/tmp/smartdyn-test-{uuid.uuid4().hex[:8]}")
        self.base.mkdir()
        self.addCleanup(subprocess.run, ["rm", "-rf", str(self.base)], check=False)
        self.ran = self.base / "ran"

    def bootstrap(self, id: str = "job", *, keep: bool = False) -> Bootstrap:
        """A job that leaves a line for each time it runs."""
        return Bootstrap(str(self.base), id, f"#!/bin/sh\necho once >>{self.ran}\n".encode(), keep=keep)

    def begin(self, bootstrap: Bootstrap, nonce: str = NONCE) -> subprocess.Popen[bytes]:
        """The remote side, waiting for its input."""
        command = ["/bin/sh", "-c", bootstrap.command(nonce)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        return process

    def run_to_end(self, bootstrap: Bootstrap, data: bytes, nonce: str = NONCE) -> str:
        """What it says when it is sent this, and nothing more."""
        out, err = self.begin(bootstrap, nonce).communicate(data, 20)
        return (out + err).decode()

    def run_whole(self, bootstrap: Bootstrap, nonce: str = NONCE) -> str:
        """Run a job to its end, and clean up."""
        process = self.begin(bootstrap, nonce)
        assert process.stdin is not None and process.stderr is not None
        process.stdin.write(REMOTE_CODE + bootstrap.stdin())
        process.stdin.flush()
        said = process.stderr.readline()
        _, rest = process.communicate(b"cleanup\n", 20)
        return (said + rest).decode()

    def wait_until(self, happened: Callable[[], bool]) -> None:
        """What is waited for are other processes' files, which tell nobody when they change."""
        for _ in range(400):
            if happened():
                return
            time.sleep(0.025)
        self.fail(f"{happened} did not come")

    def left(self) -> list[str]:
        """The directories of jobs that are there."""
        return sorted(path.name for path in self.base.glob("foreman-ssh-cmd-*"))


class CutTests(CutTestCase):
    """An upload that ends early."""

    def test_a_cut_leaves_nothing_that_matters(self) -> None:
        """Wherever it is cut, the script does not run then, no directory stays, and the next attempt runs it once."""
        bootstrap = self.bootstrap()
        whole = REMOTE_CODE + bootstrap.stdin()
        code = len(REMOTE_CODE)
        header = len(bootstrap.stdin()) - len(bootstrap.script)
        for cut in (0, 1, code // 2, code - 1, code, code + 10, code + header - 1, code + header, len(whole) - 1):
            self.run_to_end(bootstrap, whole[:cut])
            self.assertEqual((self.left(), self.ran.exists()), ([], False), cut)
        self.assertIn("end 0 0 complete", self.run_whole(bootstrap))
        self.assertEqual((self.ran.read_text(), self.left()), ("once\n", []))

    def test_a_cut_behind_the_last_byte(self) -> None:
        """All was there: the script has run, and the next attempt finds it so."""
        bootstrap = self.bootstrap()
        self.run_to_end(bootstrap, REMOTE_CODE + bootstrap.stdin())
        self.assertIn("end 0 0 complete", self.run_whole(bootstrap, "f" * 16))
        self.assertEqual((self.ran.read_text(), self.left()), ("once\n", []))

    def test_an_upload_that_is_still_waiting_when_the_next_one_comes(self) -> None:
        """A dead connection may be noticed late: whenever the first one ends, the second runs once, undisturbed."""
        bootstrap = self.bootstrap()
        first = self.begin(bootstrap, "a" * 16)
        assert first.stdin is not None
        first.stdin.write(REMOTE_CODE + bootstrap.stdin()[:-5])
        first.stdin.flush()
        self.wait_until((self.base / "foreman-ssh-cmd-job" / "script").exists)
        second = self.begin(bootstrap, "b" * 16)
        assert second.stdin is not None and second.stderr is not None
        second.stdin.write(REMOTE_CODE + bootstrap.stdin())
        second.stdin.flush()
        self.assertIn(b"end 0 0 complete", second.stderr.readline())
        out, _ = first.communicate(bootstrap.stdin()[-5:], 20)
        self.assertIn(b" error ", out)
        self.assertEqual((self.ran.read_text(), self.left()), ("once\n", ["foreman-ssh-cmd-job"]))
        self.assertIn(b"cleaned", second.communicate(b"cleanup\n", 20)[1])
        self.assertEqual(self.left(), [])

    def test_a_job_that_is_killed_during_its_upload(self) -> None:
        """It is not started when the upload is complete after all."""
        bootstrap = self.bootstrap()
        upload = self.begin(bootstrap)
        assert upload.stdin is not None
        upload.stdin.write(REMOTE_CODE + bootstrap.stdin()[:-5])
        upload.stdin.flush()
        folder = Path(bootstrap.job_folder)
        self.wait_until((folder / "script").exists)
        kill = ["/bin/sh", str(folder / "script-wrapper"), "kill", "f" * 16, "KILL"]
        killed = subprocess.run(kill, capture_output=True, check=True)
        self.assertIn(b" killed cancelled", killed.stdout)
        assert upload.stderr is not None
        upload.stdin.write(bootstrap.stdin()[-5:])
        upload.stdin.flush()
        self.assertIn(b" lost cancelled", upload.stderr.readline())
        upload.communicate(b"cleanup\n", 20)
        self.assertEqual((self.ran.exists(), self.left()), (False, []))

    def test_code_that_was_eaten_into_does_nothing(self) -> None:
        """A remote side without its beginning is not run, whatever follows."""
        bootstrap = self.bootstrap()
        for eaten in (1, 10, len(REMOTE_CODE) // 2):
            said = self.run_to_end(bootstrap, (REMOTE_CODE + bootstrap.stdin() + b"x" * len(REMOTE_CODE))[eaten:])
            self.assertEqual((said, self.left(), self.ran.exists()), ("", [], False))


class SweepTests(CutTestCase):
    """Directories whose client never came back."""

    def leave_behind(self, id: str, *, keep: bool = False) -> Path:
        """What a job leaves whose client has gone when it has ended, as it looks after a month."""
        bootstrap = self.bootstrap(id, keep=keep)
        self.run_to_end(bootstrap, REMOTE_CODE + bootstrap.stdin())
        folder = Path(bootstrap.job_folder)
        self.wait_until(lambda: not is_held(folder / "alive"))
        for path in (*folder.iterdir(), folder):
            os.utime(path, (time.time() - _MONTH, time.time() - _MONTH - 86_400))
        return folder

    def test_old_ones_are_removed_when_another_job_cleans_up(self) -> None:
        """But not those that are kept on purpose, that are young, whose output is young, or that are not ours."""
        old = self.leave_behind("old")
        kept = self.leave_behind("kept", keep=True)
        fresh = self.leave_behind("fresh")
        os.utime(fresh / "output")
        young = self.bootstrap("young")
        self.run_to_end(young, REMOTE_CODE + young.stdin())
        foreign = self.base / "foreman-ssh-cmd-foreign"
        foreign.mkdir()
        os.utime(foreign, (0, 0))
        self.run_whole(self.bootstrap("next"))
        self.assertFalse(old.exists())
        self.assertEqual(self.left(), sorted(path.name for path in (kept, fresh, Path(young.job_folder), foreign)))

    def test_a_running_job_is_never_removed(self) -> None:
        """Somebody holds its pipe, however old it is and however long it has been silent."""
        old = self.leave_behind("running")
        holder = os.open(old / "alive", os.O_RDWR)
        self.addCleanup(os.close, holder)
        self.run_whole(self.bootstrap("next"))
        self.assertEqual(self.left(), [old.name])
