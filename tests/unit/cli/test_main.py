"""The command line."""

from __future__ import annotations

import argparse
import io
import re
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import redirect_stderr
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.cli.failures import Status
from smartdyn.cli.main import parser
from smartdyn.model.order import SortKey
from tests.support.in_process import smartdyn


def _subcommands(command: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """All below a command, by their whole names."""
    for action in command._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in dict.fromkeys(action.choices.values()):
                yield each.prog, each
                yield from _subcommands(each)


def answer(server: socket.socket, data: bytes) -> None:
    """Say something to whoever comes."""
    connection, _ = server.accept()
    with connection:
        connection.recv(10_000)
        connection.sendall(data)


class CommandTests(SynchronousTestCase):
    """C{smartdyn}."""

    def test_version(self) -> None:
        """Shows the version."""
        did = smartdyn("--version")
        self.assertEqual((did.status, did.output), (0, "smartdyn 0.1.0\n"))

    def test_a_wrong_command(self) -> None:
        """Ends with 2 and shows the usage."""
        did = smartdyn("dance")
        self.assertEqual(did.status, 2)
        self.assertIn("usage:", did.errors)

    def test_config_check(self) -> None:
        """0 when all is well; 1 and a line per problem when not."""
        folder = Path(self.mktemp())
        folder.mkdir()
        self.assertEqual(smartdyn("config", "check", "-c", str(folder)).status, 0)
        folder.joinpath("settings.yml").write_text(":prot: 1\n")
        did = smartdyn("config", "check", "-c", str(folder))
        self.assertEqual((did.status, did.errors.count("\n")), (1, 1))
        self.assertIn("did you mean `port`?", did.errors)

    def test_config_check_of_what_is_not_built(self) -> None:
        """A mode that there is not keeps Foreman from using the proxy for scripts, so it is not well either."""
        folder = Path(self.mktemp())
        folder.mkdir()
        folder.joinpath("settings.yml").write_text(":mode: pull-mqtt\n:mqtt_broker: b\n")
        did = smartdyn("config", "check", "-c", str(folder))
        self.assertEqual(did.status, 1)
        self.assertIn("Without effect: mqtt_broker", did.output)
        self.assertIn("Mode pull-mqtt is not available in this version; set `mode` to ssh", did.errors)

    def test_config_show(self) -> None:
        """Shows what is in force."""
        folder = Path(self.mktemp())
        folder.mkdir()
        self.assertIn("port: 8008  # default", smartdyn("config", "show", "-c", str(folder)).output)

    def test_the_documentation(self) -> None:
        """Has each command that asks the service, and none that is not understood; nor has the help."""
        text = (Path(__file__).parents[3] / "docs/cli.md").read_text()
        shown = re.findall(r"`(smartdyn [^`]+)`|(?:^|sudo |\| )(smartdyn tasks [^|`\n]+)$", text, re.MULTILINE)
        commands = [first or second for first, second in shown]
        for command in commands:
            parser().parse_args(shlex.split(command)[1:])
        examples = []
        for name, described in _subcommands(parser()):
            if described.epilog and "For example: " in described.epilog:
                examples.append(name)
                parser().parse_args(shlex.split(described.epilog.partition("For example: ")[2])[1:])
                self.assertTrue(any(command.startswith(name) for command in commands), name)
        self.assertGreater(len(examples), 15)

    def test_every_order_has_a_word(self) -> None:
        """What tasks can be sorted by in the console, they can be on the command line."""
        for key in SortKey:
            parser().parse_args(["tasks", "list", "--sort", key])
        with redirect_stderr(io.StringIO()):
            self.assertRaises(SystemExit, parser().parse_args, ["tasks", "list", "--sort", "size"])

    def test_errors_do_not_control_the_terminal(self) -> None:
        """Whatever answers in the place of the service, what it says is one line of text."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            answerer = threading.Thread(target=answer, args=(server, b"\x1b]0;title\x07\r\n\r\n"))
            answerer.start()
            did = smartdyn("queue", "--url", f"http://127.0.0.1:{port}")
            answerer.join()
        self.assertEqual(did.status, Status.UNREACHABLE)
        self.assertIn("]0;title", did.errors)
        self.assertTrue(did.errors.removesuffix("\n").isprintable(), did.errors)

    def test_a_password_in_the_address(self) -> None:
        """Is not sent, and not shown either."""
        for url in ("http://user:geheim@127.0.0.1:1", "user:geheim@127.0.0.1:1", "ftp://user:geheim@a"):
            did = smartdyn("queue", "--url", url)
            shown = ("--cert" in did.errors, "geheim" in did.errors)
            self.assertEqual((did.status, *shown), (Status.USAGE, True, False), did.errors)

    def test_a_time_that_is_none(self) -> None:
        """Is refused before anything is asked of the service."""
        for time in ("-1", "nan", "inf", "soon"):
            for command in (("drain", f"--timeout={time}"), ("tasks", "run", "--host=a", f"--time-limit={time}", "-")):
                did = smartdyn(*command)
                self.assertEqual(did.status, Status.USAGE)
                self.assertIn("invalid seconds value", did.errors)

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
