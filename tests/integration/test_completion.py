"""What C{smartdyn completion} prints, in the shells themselves."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from smartdyn.cli.completion import script
from smartdyn.cli.main import parser

_LIMIT = 20.0


class ShellTestCase(SynchronousTestCase):
    """In a folder with a file and a folder."""

    shell = ""

    def setUp(self) -> None:
        found = shutil.which(self.shell)
        if found is None:
            raise SkipTest(f"{self.shell} is missing; `make system` installs it")
        self.path = found
        self.folder = Path(self.mktemp())
        self.folder.joinpath("somewhere").mkdir(parents=True)
        self.folder.joinpath("something.yml").write_text("")
        self.script = self.folder / "_smartdyn"
        self.script.write_text(script(parser(), self.shell))

    def run_shell(self, *arguments: str) -> list[str]:
        """The lines that it prints."""
        done = subprocess.run(
            [self.path, *arguments], capture_output=True, text=True, cwd=self.folder, check=False, timeout=_LIMIT
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.splitlines()


class BashTests(ShellTestCase):
    """bash."""

    shell = "bash"

    def complete(self, *words: str) -> list[str]:
        """What it offers for the last of these words."""
        quoted = " ".join(f"'{word}'" for word in words)
        return self.run_shell(
            "--norc",
            "-c",
            f"source ./_smartdyn; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; "
            "\"$(complete -p smartdyn | sed 's/.*-F \\([^ ]*\\).*/\\1/')\"; printf '%s\\n' \"${COMPREPLY[@]}\"",
        )

    def test_commands_and_options(self) -> None:
        """Subcommands at each level, and the options of each."""
        self.assertEqual(self.complete("smartdyn", "comp"), ["completion"])
        self.assertEqual(self.complete("smartdyn", "db", "ex"), ["export"])
        self.assertEqual(self.complete("smartdyn", "db", "export", "--conf"), ["--config-dir"])

    def test_choices(self) -> None:
        """Of arguments and of options."""
        self.assertEqual(self.complete("smartdyn", "completion", ""), ["bash", "zsh", "fish"])
        self.assertEqual(self.complete("smartdyn", "openapi", "-o", "y"), ["yaml"])

    def test_files(self) -> None:
        """Where an option takes a path; only folders where it takes a folder."""
        self.assertEqual(sorted(self.complete("smartdyn", "db", "backup", "some")), ["something.yml", "somewhere"])
        self.assertEqual(self.complete("smartdyn", "serve", "--config-dir", "some"), ["somewhere"])


class FishTests(ShellTestCase):
    """fish."""

    shell = "fish"

    def complete(self, line: str) -> list[str]:
        """What it offers at the end of a line."""
        found = self.run_shell("--no-config", "-c", f"source ./_smartdyn; complete -C '{line}'")
        return [each.partition("\t")[0] for each in found]

    def test_commands_and_options(self) -> None:
        """Subcommands at each level, and the options of each."""
        self.assertIn("completion", self.complete("smartdyn "))
        self.assertEqual(self.complete("smartdyn db ex"), ["export"])
        self.assertIn("--config-dir", self.complete("smartdyn db export --"))

    def test_choices(self) -> None:
        """Of arguments and of options."""
        self.assertEqual(sorted(self.complete("smartdyn completion ")), ["bash", "fish", "zsh"])
        self.assertEqual(self.complete("smartdyn openapi -o y"), ["yaml"])

    def test_files(self) -> None:
        """Where an option takes a path; only folders where it takes a folder."""
        self.assertEqual(sorted(self.complete("smartdyn db backup some")), ["something.yml", "somewhere/"])
        self.assertEqual(self.complete("smartdyn serve --config-dir some"), ["somewhere/"])


class ZshTests(ShellTestCase):
    """zsh, on a terminal: it completes nowhere else."""

    shell = "zsh"

    def complete(self, line: str, until: str) -> None:
        """Press Tab behind a line and wait until this text stands on the terminal.

        @raise AssertionError: it does not come.
        """
        process, terminal = pty.fork()
        if process == 0:
            os.chdir(self.folder)
            os.execve(self.path, [self.path, "-f", "-i"], {"TERM": "dumb", "PATH": os.environ["PATH"], "PS1": "> "})
        try:
            self.type(terminal, "fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D; print ready$((1+1))\r")
            self.wait_for(terminal, "ready2")
            self.type(terminal, f"{line}\t")
            self.wait_for(terminal, until)
        finally:
            os.kill(process, 9)
            os.waitpid(process, 0)
            os.close(terminal)

    def type(self, terminal: int, text: str) -> None:
        """Press keys."""
        os.write(terminal, text.encode())

    def wait_for(self, terminal: int, text: str) -> None:
        """Read what it shows until this is among it."""
        seen = ""
        end = time.monotonic() + _LIMIT
        while text not in seen:
            ready, _, _ = select.select([terminal], [], [], max(end - time.monotonic(), 0))
            if not ready:
                self.fail(f"{text!r} is not in {seen!r}")
            seen += os.read(terminal, 4096).decode(errors="replace")

    def test_commands_and_options(self) -> None:
        """Subcommands at each level, and the options of each."""
        self.complete("smartdyn db ex", "export ")
        self.complete("smartdyn db export --conf", "--config-dir ")

    def test_choices(self) -> None:
        """Of arguments and of options."""
        self.complete("smartdyn completion f", "fish ")
        self.complete("smartdyn openapi -o y", "yaml ")

    def test_files(self) -> None:
        """Where an option takes a path; only folders where it takes a folder."""
        self.complete("smartdyn db backup someth", "something.yml")
        self.complete("smartdyn serve --config-dir some", "somewhere/")


class PipeTests(SynchronousTestCase):
    """The command itself."""

    def test_what_is_printed(self) -> None:
        """Is the script, and nothing that a shell would stumble over."""
        command = "from smartdyn.cli.main import main; main(['completion', 'bash'])"
        done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
        self.assertEqual((done.stdout, done.stderr), (script(parser(), "bash") + "\n", ""))
