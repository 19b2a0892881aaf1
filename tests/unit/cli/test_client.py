"""How the command line asks the service, against one that misbehaves."""

from __future__ import annotations

import json
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.cli import following
from smartdyn.cli.batch_tail import HostLines
from smartdyn.cli.client import Service, UnixWay, UrlWay
from smartdyn.cli.failures import BrokenOff, CommandFailed, Status, Unreachable
from smartdyn.cli.following import follow
from smartdyn.cli.script_output import TerminalText
from smartdyn.cli.task_ids import whole

_END = {"over": True, "state": "stopped", "result": "success", "exit_status": 0}


class ClientTests(SynchronousTestCase):
    """L{Service} over a unix socket."""

    def setUp(self) -> None:
        self.asked: list[str] = []
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        self.path = folder / "socket"
        self.listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(self.listener.close)
        self.listener.bind(str(self.path))
        self.listener.listen()
        self.service = Service(UnixWay([Path("nothing"), self.path]), "alice")

    def serve(self, *answers: bytes) -> None:
        """Answer so many connections, each with these bytes and then its end."""

        def work() -> None:
            for answer in answers:
                connection, _ = self.listener.accept()
                with connection:
                    self.asked.append(connection.recv(65536).decode())
                    connection.sendall(answer)

        thread = threading.Thread(target=work)
        thread.start()
        self.addCleanup(thread.join)

    def fails(self, call: Callable[[], object]) -> CommandFailed:
        """How a request ends."""
        error: CommandFailed = self.assertRaises(CommandFailed, call)
        return error

    def test_on_whose_behalf(self) -> None:
        """Who used sudo is told."""
        self.serve(_answer(200, b"[]"))
        self.assertEqual(self.service.get("hosts", q="a b"), [])
        self.assertTrue(self.asked[0].startswith("GET /dynflow/api/hosts?q=a+b HTTP/1.1\r\n"))
        self.assertIn("X-Forwarded-User: alice\r\n", self.asked[0])

    def test_what_is_refused(self) -> None:
        """Has the service's words and a status of its own; a page of somebody else is no task that is missing."""
        for status, body, expected, words in (
            (400, b'{"error": "words"}', Status.USAGE, "words"),
            (403, b'{"error": "words"}', Status.REFUSED, "words"),
            (404, b'{"error": "words"}', Status.NOT_FOUND, "words"),
            (404, b"<html>", Status.UNREACHABLE, "no smartdyn"),
            (409, b'{"error": "words"}', Status.REFUSED, "words"),
            (500, b'{"error": "words"}', Status.FAILED, "words"),
            (502, b"<html>", Status.FAILED, "502"),
            (503, b'{"error": "words"}', Status.REFUSED, "words"),
            (200, b"<html>", Status.UNREACHABLE, "broke off"),
        ):
            self.serve(_answer(status, body))
            error = self.fails(lambda: self.service.get("queue"))
            self.assertEqual((error.status, words in str(error)), (expected, True), (status, error))

    def test_what_may_have_been_done(self) -> None:
        """An answer that does not come, or is cut, is not taken for a service that was not asked."""
        for answer in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", b"noise\r\n\r\n"):
            self.serve(answer)
            self.assertIsInstance(self.fails(lambda: self.service.post("run", body={})), BrokenOff, answer)
        gone = self.fails(Service(UnixWay([Path("nothing")])).post)
        self.assertNotIsInstance(gone, BrokenOff)
        self.assertIsInstance(gone, Unreachable)

    def test_following(self) -> None:
        """Goes on behind the last piece when an answer is cut, wherever that is; what is not JSON is no piece."""
        pieces = [{"action": 2, "position": number, "text": str(number)} for number in range(3)]
        lines = [json.dumps(each).encode() + b"\n" for each in (*pieces, _END)]
        self.patch(following, "_PAUSE", 0)
        self.serve(
            _answer(200, b"\n" + lines[0], cut=True),
            _answer(200, lines[1] + lines[2][:9], cut=True),
            _answer(200, b"\n" + lines[2] + lines[3]),
        )
        self.assertEqual(list(follow(self.service, "t")), [*pieces, _END])
        self.assertEqual(
            [asked.partition(" HTTP")[0].partition("?")[2] for asked in self.asked],
            [
                "follow=1",
                "follow=1&after=1&action=2",
                "follow=1&after=2&action=2",
            ],
        )

    def test_ids(self) -> None:
        """The beginning of one stands for it, unless others begin with it too or it is too short."""
        tasks = [{"id": "abcd1"}, {"id": "abcd2"}, {"id": "x"}]
        for given, found, expected in (
            ("ABCD", tasks[:1], "abcd1"),
            ("abcd…", tasks[1:], "abcd2"),
            ("f" * 36, None, "f" * 36),
            ("abcd", tasks, Status.USAGE),
            ("abcd", tasks[2:], Status.NOT_FOUND),
            ("abc", None, Status.USAGE),
        ):
            if found is not None:
                self.serve(_answer(200, json.dumps({"tasks": found}).encode()))
            if isinstance(expected, Status):
                self.assertEqual(self.fails(partial(whole, self.service, given)).status, expected)
            else:
                self.assertEqual(whole(self.service, given), expected)

    def test_urls(self) -> None:
        """What is none is said to be none."""
        for url in ("ftp://a", "https://", "https://a:b", "http://[", ""):
            error = self.fails(partial(UrlWay, url, ca=None, cert=None, key=None))
            self.assertEqual(error.status, Status.USAGE, url)


class HostLinesTests(SynchronousTestCase):
    """L{HostLines}."""

    def test_lines(self) -> None:
        """Are shown when they are complete, the last one at the end; none gets the colours of another."""
        lines = HostLines("web1", None)
        self.assertEqual(lines.feed("one\ntw", 1.0), "web1: one\n")
        self.assertEqual(lines.feed("o\nthree", 2.0), "web1: two\n")
        self.assertEqual((lines.finish(), lines.finish()), ("web1: three\n", ""))
        coloured = HostLines("w", TerminalText(colours=True), timestamps=True)
        self.assertEqual(coloured.feed("\x1b[31mred\x1b[2J\n", 1e9), "2001-09-09T01:46:40.000Z w: \x1b[31mred\x1b[0m\n")


def _answer(status: int, body: bytes, *, cut: bool = False) -> bytes:
    """An answer, whose end is missing when it was cut."""
    return b"HTTP/1.1 %d Word\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body) + 100 * cut, body)
