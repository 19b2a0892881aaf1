"""Bundles: deadlines, failures, and what is written of them."""

from __future__ import annotations

import io
import json
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.doctor.account import own_account
from smartdyn.doctor.context import Context
from smartdyn.errors import CannotWrite
from smartdyn.settings.load import read_settings
from smartdyn.support import bundle, known
from smartdyn.support.case import Case, Collector, Piece
from smartdyn.support.redaction import Redactor


def context(folder: Path, **environment: str) -> Context:
    """An installation with the settings in a folder."""
    return Context(
        reading=read_settings(folder),
        account=own_account(),
        environment=environment,
        run=lambda _: None,
        now=time.time,
        hostname=lambda: "proxy.example.org",
    )


def unpacked(path: Path) -> dict[str, str]:
    """The files in a bundle."""
    with tarfile.open(path) as archive:
        return {
            entry.name.partition("/")[2]: io.TextIOWrapper(archive.extractfile(entry) or io.BytesIO()).read()
            for entry in archive.getmembers()
        }


class BundleTests(SynchronousTestCase):
    """L{bundle.write}."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.path = self.folder / "case.tar.gz"

    def ask(self, path: str) -> bytes:
        """Nobody answers."""
        raise AssertionError(path)

    def write(self, *pieces: Piece, redactor: Redactor | None = None, **more: Any) -> dict[str, str]:
        """The files in a bundle with these pieces, and what further collectors have found."""

        def collect(case: Case) -> Iterator[Piece]:
            yield from pieces

        collectors = [Collector("given", "what is given", collect)]
        collectors += [Collector(name, f"what {name} is", each) for name, each in more.items()]
        case = Case(context(self.folder), self.ask)
        self.problems = bundle.write(self.path, case, collectors, redactor or Redactor(), limit=0.5)
        return unpacked(self.path)

    def test_pieces(self) -> None:
        """Text as it is, values as JSON; the manifest says what is there, and the file is its owner's only."""
        files = self.write(Piece("a/text.txt", "höst\n"), Piece("value.json", {"host": "web1", "at": None}))
        self.assertEqual(files["a/text.txt"], "höst\n")
        self.assertEqual(json.loads(files["value.json"]), {"host": "web1", "at": None})
        self.assertIn("- a/text.txt: 6 bytes\n", files["MANIFEST"])
        self.assertIn("- given: what is given\n", files["MANIFEST"])
        self.assertIn("What could not be found out:\n- nothing\n", files["MANIFEST"])
        self.assertIn("private keys", files["MANIFEST"])
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)

    def test_everything_is_redacted(self) -> None:
        """Texts, values, and the manifest itself, which counts it."""

        def fails(case: Case) -> Iterator[Piece]:
            raise ValueError("no way to https://bob:hunter2@example.org with known-one")

        files = self.write(
            Piece("text.txt", "password=hunter2 known-one\n"),
            Piece("value.json", {"token": "hunter2"}),
            redactor=Redactor(["known-one"]),
            fails=fails,
        )
        self.assertNotIn("hunter2", "".join(files.values()))
        self.assertNotIn("known-one", "".join(files.values()))
        self.assertIn("2 times [hidden]", files["MANIFEST"])
        self.assertIn("fails: no way to https://[hidden]@example.org with [hidden]", files["MANIFEST"])

    def test_a_collector_that_fails(self) -> None:
        """Is noted, once for all that fail alike; what it had found before, and what others find, is there."""

        def fails(case: Case) -> Iterator[Piece]:
            yield Piece("half.txt", "half")
            raise OSError("it is gone")

        files = self.write(Piece("whole.txt", "whole"), fails=fails, too=fails)
        self.assertEqual((files["half.txt"], files["whole.txt"]), ("half", "whole"))
        self.assertEqual(self.problems, ["fails, too: it is gone"])
        self.assertIn("- fails, too: it is gone\n", files["MANIFEST"])

    def test_a_collector_that_hangs(self) -> None:
        """Is not waited for for ever."""
        may_end = threading.Event()
        self.addCleanup(may_end.set)

        def hangs(case: Case) -> Iterator[Piece]:
            may_end.wait(60)
            yield Piece("late.txt", "late")

        files = self.write(Piece("whole.txt", "whole"), hangs=hangs)
        self.assertEqual(self.problems, ["hangs: It took longer than 0.5 s."])
        self.assertEqual(set(files), {"whole.txt", "MANIFEST"})

    def test_a_long_text(self) -> None:
        """The end is kept, and the manifest says so."""
        self.patch(bundle, "_LONGEST", 2_000)
        files = self.write(Piece("long.txt", "x" * 100_000 + "end"))
        self.assertEqual((len(files["long.txt"]), files["long.txt"][-4:]), (2_000, "xend"))
        self.assertIn("of which the beginning is left out", files["MANIFEST"])

    def test_nothing_is_overwritten(self) -> None:
        """What is there stays."""
        self.path.write_text("mine")
        self.assertRaises(CannotWrite, self.write)
        self.assertEqual(self.path.read_text(), "mine")


class KnownSecretTests(SynchronousTestCase):
    """L{known.secrets}."""

    def secrets(self, settings: str, **environment: str) -> set[str]:
        """What is known to be secret."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        folder.joinpath("settings.yml").write_text(settings)
        return set(known.secrets(context(folder, **environment)))

    def test_settings(self) -> None:
        """What nobody knows or can use, at any depth; of what is fine only passwords in addresses."""
        self.assertEqual(
            self.secrets(":db_secret: {a: [one1, 2222]}\n:port: three3\n"), {"a", "one1", "2222", "three3"}
        )
        found = self.secrets(":mqtt_broker: mqtts://bob:four4%21@mqtt.example.org\n")
        self.assertEqual(found, {"four4%21", "four4!"})
        self.assertEqual(self.secrets(":ssl_private_key: /etc/key.pem\n:log_level: DEBUG\n:mqtt_broker: mq1\n"), set())

    def test_what_is_no_yaml(self) -> None:
        """What is said of it may quote anything of its line."""
        for value in ("*hunter2", "a: hunter2: x"):
            self.assertIn("hunter2", self.secrets(f":port: 1\n:db_secret: {value}\n"), value)

    def test_environment(self) -> None:
        """Variables whose name says it, and proxies with a password."""
        found = self.secrets("", API_TOKEN="five5", https_proxy="http://bob:six6@proxy:3128", HOME="/root")
        self.assertEqual(found, {"five5", "six6"})
