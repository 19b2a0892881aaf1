"""The command line."""

from __future__ import annotations

import io
import socket
import subprocess
import sys
import threading
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.cli.failures import Status
from smartdyn.cli.main import main
from smartdyn.store.backup import check
from smartdyn.store.migrate import migrate


def answer(server: socket.socket, data: bytes) -> None:
    """Say something to whoever comes."""
    connection, _ = server.accept()
    with connection:
        connection.recv(10_000)
        connection.sendall(data)


class CommandTests(SynchronousTestCase):
    """L{main}."""

    def run_command(self, *arguments: str) -> tuple[int, str, str]:
        """Status, output and errors."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            try:
                status = main(arguments)
            except SystemExit as ending:
                status = int(ending.code or 0)
        return status, out.getvalue(), err.getvalue()

    def test_version(self) -> None:
        """Shows the version."""
        self.assertEqual(self.run_command("--version")[:2], (0, "smartdyn 0.1.0\n"))

    def test_a_wrong_command(self) -> None:
        """Ends with 2 and shows the usage."""
        status, _, errors = self.run_command("dance")
        self.assertEqual(status, 2)
        self.assertIn("usage:", errors)

    def test_config_check(self) -> None:
        """0 when all is well; 1 and a line per problem when not."""
        folder = Path(self.mktemp())
        folder.mkdir()
        self.assertEqual(self.run_command("config", "check", "-c", str(folder))[0], 0)
        folder.joinpath("settings.yml").write_text(":prot: 1\n")
        status, _, errors = self.run_command("config", "check", "-c", str(folder))
        self.assertEqual((status, errors.count("\n")), (1, 1))
        self.assertIn("did you mean `port`?", errors)

    def test_config_show(self) -> None:
        """Shows what is in force."""
        folder = Path(self.mktemp())
        folder.mkdir()
        self.assertIn("port: 8008  # default", self.run_command("config", "show", "-c", str(folder))[1])

    def test_database(self) -> None:
        """Can be copied and checked; what cannot be done ends with 1 and says why."""
        folder = Path(self.mktemp())
        folder.mkdir()
        folder.joinpath("settings.yml").write_text(":database: data.sqlite\n")
        options = ("-c", str(folder))
        migrate(folder / "data.sqlite")
        self.assertEqual(self.run_command("database", "check", *options)[0], 0)
        status, output, _ = self.run_command("database", "backup", str(folder / "copy"), *options)
        self.assertEqual(status, 0)
        self.assertIn("key file", output)
        self.assertEqual(check(folder / "copy"), [])
        status, _, errors = self.run_command("database", "backup", str(folder / "copy"), *options)
        self.assertEqual((status, "exists already" in errors), (1, True))
        folder.joinpath("data.sqlite").write_bytes(b"no database at all" * 100)
        self.assertEqual(self.run_command("database", "check", *options)[0], 1)

    def test_errors_do_not_control_the_terminal(self) -> None:
        """Whatever answers in the place of the service, what it says is one line of text."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            answerer = threading.Thread(target=answer, args=(server, b"\x1b]0;title\x07\r\n\r\n"))
            answerer.start()
            status, _, errors = self.run_command("queue", "--url", f"http://127.0.0.1:{port}")
            answerer.join()
        self.assertEqual(status, Status.UNREACHABLE)
        self.assertIn("]0;title", errors)
        self.assertTrue(errors.removesuffix("\n").isprintable(), errors)

    def test_a_password_in_the_address(self) -> None:
        """Is not sent, and not shown either."""
        for url in ("http://user:geheim@127.0.0.1:1", "user:geheim@127.0.0.1:1", "ftp://user:geheim@a"):
            status, _, errors = self.run_command("queue", "--url", url)
            self.assertEqual((status, "--cert" in errors, "geheim" in errors), (Status.USAGE, True, False), errors)

    def test_a_time_that_is_none(self) -> None:
        """Is refused before anything is asked of the service."""
        for time in ("-1", "nan", "inf", "soon"):
            for command in (("drain", f"--timeout={time}"), ("tasks", "run", "--host=a", f"--time-limit={time}", "-")):
                status, _, errors = self.run_command(*command)
                self.assertEqual((status, "invalid seconds value" in errors), (Status.USAGE, True), errors)

    def test_starting_is_quick(self) -> None:
        """Nothing heavy is loaded to ask the service for something."""
        heavy = ("twisted", "klein", "jinja2", "msgspec", "cryptography", "yaml")
        code = (
            "import sys; from smartdyn.cli.main import main; status = main(['queue', '--socket', '/nowhere']); "
            f"print(status, [name for name in {heavy} if name in sys.modules])"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3]
        )
        self.assertEqual(done.stdout, "3 []\n")
