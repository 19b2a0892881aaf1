"""What is pasted into a shell."""

from __future__ import annotations

import shlex
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.web.console.commands import Commands
from smartdyn.web.way import USUAL_SOCKETS, Way

URL = "https://proxy.example.org:9090"
FILES = Way(None, Path("/etc/ca.pem"), Path("/etc/our cert.pem"), Path("/etc/key.pem"))


class CommandsTests(SynchronousTestCase):
    """L{Commands}."""

    def both(self, way: Way, url: str = URL) -> tuple[str, str]:
        """The commands that cancel a task."""
        (*_, command) = Commands(way, url, "t").all([("cancel", 0)])
        self.assertEqual(command.title, "Cancel")
        return command.smartdyn, command.curl

    def test_over_the_socket(self) -> None:
        """Where there is one it is named; where the command line looks by itself, it need not be told."""
        curl = "curl --unix-socket {} -X POST -d '' http://localhost/dynflow/api/tasks/t/cancel"
        for usual in USUAL_SOCKETS:
            self.assertEqual(self.both(Way(usual)), ("smartdyn tasks cancel t", curl.format(usual)))
        other = Way(Path("/srv/o's.sock"), FILES.ca, FILES.certificate, FILES.key)
        quoted = shlex.quote("/srv/o's.sock")
        self.assertEqual(self.both(other), (f"smartdyn tasks cancel --socket {quoted} t", curl.format(quoted)))

    def test_over_tls(self) -> None:
        """Without one the files for TLS are named, as far as there are any."""
        smartdyn, curl = self.both(FILES)
        files = "--ca /etc/ca.pem --cert '/etc/our cert.pem' --key /etc/key.pem"
        self.assertEqual(smartdyn, f"smartdyn tasks cancel --url {URL} {files} t")
        files = files.replace("--ca ", "--cacert ")
        self.assertEqual(curl, f"curl {files} -X POST -d '' {URL}/dynflow/api/tasks/t/cancel")
        self.assertEqual(self.both(Way(ca=FILES.ca))[0], f"smartdyn tasks cancel --url {URL} --ca /etc/ca.pem t")

    def test_without_tls(self) -> None:
        """No files are named where nobody looks at them; what a visitor's browser says of the address is one word."""
        url = "http://a b;$(id)"
        smartdyn, curl = self.both(FILES, url)
        self.assertEqual(smartdyn, f"smartdyn tasks cancel --url '{url}' t")
        self.assertEqual(shlex.split(curl)[-1], f"{url}/dynflow/api/tasks/t/cancel")

    def test_for_whom(self) -> None:
        """It is said who may use them."""
        found = [
            Commands(*each, "t").whose for each in ((Way(USUAL_SOCKETS[0]), URL), (FILES, URL), (FILES, "http://a"))
        ]
        self.assertEqual([words[:8] for words in found], ["for root", "for whoe", ""])

    def test_each_deed(self) -> None:
        """Is what it says in both, to the task or to a step."""
        deeds = [("force-cancel", 0), ("halt", 0), ("resume", 0), ("resend", 0), ("skip", 3), ("cancel", 5)]
        _, _, *found = Commands(Way(USUAL_SOCKETS[0]), URL, "t").all(deeds)
        self.assertEqual(
            [
                (each.title, each.smartdyn.removeprefix("smartdyn tasks "), each.curl.partition("/tasks/t/")[2])
                for each in found
            ],
            [
                ("Cancel by force", "cancel --force t", "force-cancel"),
                ("Halt", "halt t", "halt"),
                ("Resume", "resume t", "resume"),
                ("Send the result again", "resend t", "resend"),
                ("Skip step 3", "skip --step 3 t", "skip/3"),
                ("Cancel step 5", "cancel --step 5 t", "cancel/5"),
            ],
        )
