"""Scripts on hosts of every kind: other shells, few commands, odd accounts, full disks."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import uuid
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from smartdyn.rex import remote
from tests.integration.test_script_runner import ScriptTestCase
from tests.support import environments, sshd
from tests.support.context import MemoryContext
from tests.support.sshd import Sshd

_BINARY = '#!/bin/sh\nsha256sum <"$0" | cut -c1-64; exit\n' + random.Random(1).randbytes(1_000_000).decode(
    "utf-8", "surrogateescape"
).replace("\r", "")
_DIGEST = hashlib.sha256(f"{_BINARY}\n".encode("utf-8", "surrogateescape")).hexdigest()

_LINES = "".join(f"{number}\n" for number in range(1, 3001))

_CELLS: dict[str, tuple[str, str, int]] = {
    "a script without a first line": ("echo $((6 * 7))", "42\n", 0),
    "an empty script": ("", "", 0),
    "death by a signal": ("#!/bin/sh\nkill -KILL $$\n", "", 137),
    "stdout and stderr": ("#!/bin/sh\necho 1\necho 2 >&2\necho 3 >/dev/stderr\necho 4\n", "1\n2\n3\n4\n", 0),
    "bytes, and no newline at the end": ("#!/bin/sh\nprintf 'a\\000b\\377c'\nexit 3\n", "a\0b\ufffdc", 3),
    "a character in two writes": ("#!/bin/sh\nprintf '\\303'; sleep 0.2; printf '\\251\\n'\n", "é\n", 0),
    "nothing to read": ("#!/bin/sh\nread x || echo nothing\n", "nothing\n", 0),
    "signals are as in a login": ("#!/bin/sh\ntrap 'echo caught; exit 4' INT\nkill -INT $$\nsleep 5", "caught\n", 4),
    "its directory removed": ('#!/bin/sh\nrm -rf "${0%/*}"\necho once\nexit 5\n', "once\n", 5),
    "its directory removed, and going on": (
        '#!/bin/sh\nrm -rf "${0%/*}"\necho once\nsleep 1\necho on\nexit 6\n',
        "once\non\n",
        6,
    ),
    "a kind of terminal": ("#!/bin/sh\necho ${TERM:+known}\n", "known\n", 0),
    "a megabyte of script": (_BINARY, f"{_DIGEST}\n", 0),
    "many lines": ("#!/bin/sh\ni=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo $i; done\n", _LINES, 0),
}


class MatrixTestCase(ScriptTestCase):
    """Runs many scripts at once."""

    timeout = 300

    async def together(self, jobs: Iterable[Any]) -> list[Any]:
        """Run them at the same time."""
        return list(await gatherResults([Deferred.fromCoroutine(job) for job in jobs], consumeErrors=True))

    async def check_host(self, server: Sshd, **input: Any) -> None:
        """Every kind of script runs right on a host, and leaves nothing behind."""
        self.server = server
        self.settings = replace(self.settings, identity_key=server.key())
        await self.check_all(**{"ssh_user": "rexssh", **input})

    async def check_all(self, **input: Any) -> None:
        """Every kind of script runs right with this input, and leaves nothing behind."""
        await self.together(
            [
                *(self.check_cell(name, **input) for name in _CELLS),
                self.check_child(**input),
                self.check_kill(**input),
                self.check_sudo(**input),
            ]
        )
        self.assertEqual(self.left_behind(), [])

    async def check_cell(self, name: str, **input: Any) -> None:
        """One script ends as it should."""
        script, output, status = _CELLS[name]
        context = await self.run_script(script, **input)
        shown = context.text("debug") or context.text()
        self.assertEqual((shown, context.status), (output, status), name)

    async def check_child(self, **input: Any) -> None:
        """A job ends with its script; what that left running lives on, though it holds the output."""
        context = await self.run_script("#!/bin/sh\nsleep 300 &\necho $!\n", **input)
        self.assertEqual(context.status, 0, context.text("debug"))
        os.kill(int(context.text()), signal.SIGKILL)

    async def check_kill(self, **input: Any) -> None:
        """A script that is killed ends with what it started."""
        runner, context = self.runner("#!/bin/sh\nsleep 300 &\necho $!\nwait\n", **input), MemoryContext()
        running = Deferred.fromCoroutine(runner.run(context, resumed=False))
        await context.first_output
        await runner.kill()
        await running
        self.assertEqual(context.status, 255, context.text("debug"))
        self.assertFalse(self.is_running(context.text().strip()))

    async def check_sudo(self, **input: Any) -> None:
        """The effective user runs it."""
        context = await self.run_script("id -un", **input, effective_user="root")
        self.assertEqual((context.text(), context.status), ("root\n", 0), context.text("debug"))


class ShellTests(MatrixTestCase):
    """The remote side in each shell that is somewhere /bin/sh."""

    async def check_shell(self, shell: str) -> None:
        """This shell, and no other, runs every kind of script."""
        await self.check_host(environments.with_shell(shell))
        context = await self.run_script("#!/bin/sh\nstat -L -c %i /proc/$$/exe\nexit\n", ssh_user="rexssh")
        self.assertEqual(int(context.text()), Path(shutil.which(shell) or "").stat().st_ino)

    async def test_dash(self) -> None:
        """Debian and Ubuntu."""
        await self.check_host(sshd.shared())

    async def test_bash(self) -> None:
        """EL and SLES."""
        await self.check_shell("bash")

    async def test_busybox(self) -> None:
        """Alpine's shell, with the other commands of Debian."""
        await self.check_shell("busybox")

    async def test_ksh93(self) -> None:
        """Where a vendor or an administrator likes the original."""
        await self.check_shell("ksh93")

    async def test_mksh(self) -> None:
        """Android's and MirBSD's."""
        await self.check_shell("mksh")

    async def test_nothing_but_busybox(self) -> None:
        """Every command is an applet."""
        await self.check_host(environments.with_busybox_only())
        context = await self.run_script("tail --version 2>&1 | head -1; command -v setfacl", ssh_user="rexssh")
        self.assertEqual((context.text(), context.status), ("tail: unrecognized option '--version'\n", 127))

    async def test_few_commands(self) -> None:
        """Without setsid, setfacl, unshare, stdbuf and GNU's tail everything works but changing to a plain user."""
        await self.check_host(environments.with_little())
        context = await self.run_script("command -v setsid || command -v stdbuf || echo none", ssh_user="rexssh")
        self.assertEqual(context.text(), "none\n")
        context = await self.run_script("true", ssh_user="rexssh", effective_user="rexeff")
        self.assertIn("install the acl package", context.text("debug"))
        self.assertEqual((context.status, self.left_behind()), ("EXCEPTION", []))

    async def test_bad_interpreter(self) -> None:
        """It is 127, as users know it."""
        self.assertEqual((await self.run_script("#!/no/such/interpreter\n", ssh_user="rexssh")).status, 127)


class AccountTests(MatrixTestCase):
    """Accounts with shells, login files and directories of their own."""

    def setUp(self) -> None:
        super().setUp()
        environments.make_special_accounts()

    async def test_login_shells_and_odd_directories(self) -> None:
        """Whatever shell an account has, every directory name is taken literally, by it and by sudo and su."""
        self.base += "/a b'c\"d$(touch x)`touch y`;&(é"
        jobs: list[Any] = []
        for user in ("rexssh", "rexash", "rexdash", "rextcsh", "rexfish"):
            jobs += [
                self.check_user(user, ssh_user=user),
                self.check_user("root", ssh_user=user, effective_user="root"),
                self.check_user(user, ssh_user="root", effective_user=user, effective_user_method="su"),
                self.check_user(user, ssh_user="root", effective_user=user),
            ]
        Path(self.base).mkdir()
        Path(self.base).chmod(0o777)
        await self.together(jobs)
        self.assertEqual(self.left_behind(), [])
        self.assertEqual(len(list(Path(self.base).parent.iterdir())), 1)

    async def check_user(self, user: str, **input: Any) -> None:
        """The script runs as this user, once."""
        name = uuid.uuid4().hex
        context = await self.run_script(f"#!/bin/sh\nid -un\necho {name} >&2\n", **input)
        self.assertEqual((context.text(), context.status), (f"{user}\n{name}\n", 0), f"{input} {context.chunks}")

    async def test_umask(self) -> None:
        """With umask 077 the effective user gets at the script all the same, and the script has the user's umask."""
        own, other = await self.together(
            [
                self.run_script("umask", ssh_user="rexmask"),
                self.run_script("id -un", ssh_user="rexmask", effective_user="rexeff"),
            ]
        )
        self.assertEqual((int(own.text(), 8), other.text()), (0o077, "rexeff\n"), other.chunks)

    async def test_no_home(self) -> None:
        """An account without its home directory runs scripts in /."""
        context = await self.run_script("#!/bin/sh\npwd\n", ssh_user="rexhome")
        self.assertEqual((context.text(), context.status), ("/\n", 0), context.chunks)

    async def test_noisy_login_files(self) -> None:
        """What they print is not output, even if it looks like our own markers."""
        context = await self.run_script("echo only this", ssh_user="rexnoisy", effective_user="root")
        self.assertEqual((context.text(), context.status), ("only this\n", 0), context.chunks)

    async def test_login_files_that_read(self) -> None:
        """When they take what was meant for the remote side nothing runs, and the user is told what to look for."""
        self.patch(remote, "_ANSWER_LIMIT", 2.0)
        self.patch(remote, "_CLEAN_LIMIT", 0.5)
        for context in await self.together(
            self.run_script(f"touch {self.base}/ran", ssh_user=user) for user in ("rexreads", "rexeats")
        ):
            self.assertEqual(context.status, "EXCEPTION")
            self.assertIn("may be waiting for input", context.text("debug"))
        self.assertEqual(self.left_behind(), [])

    async def test_layout(self) -> None:
        """Names and modes are the reference's, as far as a job that runs by itself allows."""
        await self.run_script("echo hi", ssh_user="rexssh", cleanup_working_dirs=False)
        (folder,) = Path(self.base).iterdir()
        self.assertRegex(folder.name, r"^foreman-ssh-cmd-[0-9a-f-]{36}$")
        modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
        wanted = {"script": 0o500, "script-wrapper": 0o500, "output": 0o600, "exit_code": 0o600, "pid": 0o600}
        self.assertEqual({name: modes.get(name) for name in wanted}, wanted)
        self.assertEqual((folder.stat().st_mode & 0o777, Path(folder, "output").read_text()), (0o700, "hi\n"))


class DiskTests(MatrixTestCase):
    """File systems that will not have it."""

    def setUp(self) -> None:
        super().setUp()
        self.server = environments.with_disks()
        self.settings = replace(self.settings, identity_key=self.server.key())

    def left_on(self, disk: str) -> list[str]:
        """What is left there."""
        return sorted(path.name for path in self.server.inside(self.server.folder / disk).iterdir())

    async def test_noexec(self) -> None:
        """The error names noexec and the setting, whoever the script was to run as."""
        folder = str(self.server.folder / "noexec")
        for context in await self.together(
            self.run_script("true", ssh_user="rexssh", remote_working_dir=folder, effective_user=user)
            for user in (None, "root", "rexeff")
        ):
            self.assertEqual(context.status, "EXCEPTION")
            for word in ("exit code: 126", "noexec", "`remote_working_dir`"):
                self.assertIn(word, context.text("debug"))
        self.assertEqual(self.left_on("noexec"), [])

    async def test_no_room_for_the_script(self) -> None:
        """That is said, and nothing is left."""
        folder = str(self.server.folder / "tiny")
        context = await self.run_script("true\n" * 50_000, ssh_user="rexssh", remote_working_dir=folder)
        self.assertEqual((context.status, self.left_on("tiny")), ("EXCEPTION", []))
        self.assertIn("disk full?", context.text("debug"))

    async def test_no_room_for_the_output(self) -> None:
        """The script goes on to its end, and its exit status is kept."""
        folder = str(self.server.folder / "small")
        script = "#!/bin/sh\ni=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo line number $i; done\nexit 5\n"
        context = await self.run_script(script, ssh_user="rexssh", remote_working_dir=folder)
        self.assertEqual((context.status, self.left_on("small")), (5, []))
        self.assertTrue(context.text().startswith("line number 1\nline number 2\n"))
