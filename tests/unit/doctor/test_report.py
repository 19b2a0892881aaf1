"""How findings are shown, and what the command answers."""

from __future__ import annotations

import io
import json
import os
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.cli.main import main
from smartdyn.doctor import gather, report
from smartdyn.doctor.sockets import Listening, listening
from smartdyn.doctor.verdict import Finding, Verdict, error, not_applicable, ok, warning, worst

_FINDINGS = [
    Finding("a", "files", "one", ok("Fine.")),
    Finding("b", "files", "two", error("Broken.", "mend it")),
    Finding("c", "host", "three", warning("Worn.", "watch it")),
    Finding("d", "host", "four", not_applicable("Nothing.")),
]


class ReportTests(SynchronousTestCase):
    """L{report.table} and L{report.as_json}."""

    def test_problems_with_their_fixes(self) -> None:
        """Only what is wrong is shown, below what it is about, and a summary."""
        self.assertEqual(
            report.table(_FINDINGS).splitlines(),
            [
                "files",
                "  ERROR    b: Broken.",
                "           mend it",
                "host",
                "  WARNING  c: Worn.",
                "           watch it",
                "4 checks: 1 ok, 1 warnings, 1 errors, 1 not applicable.",
            ],
        )

    def test_everything(self) -> None:
        """What is well is shown when it is asked for."""
        shown = report.table(_FINDINGS, everything=True)
        self.assertIn("  ok       a: Fine.\n", shown)
        self.assertIn("  -        d: Nothing.\n", shown)

    def test_json(self) -> None:
        """One object for programs."""
        found = json.loads(report.as_json(_FINDINGS))
        self.assertEqual(found["summary"], {"ok": 1, "not applicable": 1, "warning": 1, "error": 1})
        self.assertEqual(
            found["checks"][1],
            {"id": "b", "kind": "files", "title": "two", "status": "error", "text": "Broken.", "fix": "mend it"},
        )

    def test_only_errors_count(self) -> None:
        """Warnings leave a host clean."""
        self.assertFalse(report.is_clean(_FINDINGS))
        self.assertTrue(report.is_clean([_FINDINGS[0], _FINDINGS[2]]))

    @given(st.lists(st.sampled_from([ok("Fine."), warning("Worn.", "w"), error("Broken.", "e")]), max_size=5))
    def test_the_worst_is_said(self, verdicts: list[Verdict]) -> None:
        """Errors come before warnings, and how many there are is told."""
        said = worst(verdicts, "All is well.")
        bad = sorted((each.text for each in verdicts if each.fix), key=["Broken.", "Worn."].index)
        self.assertEqual(said.text.partition(" (")[0], bad[0] if bad else "All is well.")
        self.assertEqual("more)" in said.text, len(bad) > 1)


class SocketTests(SynchronousTestCase):
    """L{listening}."""

    def test_addresses(self) -> None:
        """As the kernel writes them; only sockets that wait for connections count."""
        root = Path(self.mktemp())
        folder = root / "proc/net"
        folder.mkdir(parents=True)
        rest = "00000000:00000000 00:00000000 00000000 0 0 4711 1"
        folder.joinpath("tcp").write_text(
            f"  sl\n 0: 0100007F:1F48 00000000:0000 0A {rest}\n 1: 0100007F:1F49 00000000:0000 01 {rest}\n"
        )
        folder.joinpath("tcp6").write_text(f" sl\n 0: {'0' * 24}01000000:2382 {'0' * 32}:0000 0A {rest}\n")
        self.assertEqual(listening(root), [Listening("127.0.0.1", 8008, "4711"), Listening("::1", 9090, "4711")])

    def test_who_keeps_whom_from_listening(self) -> None:
        """The same port on the same address, or on all of them."""
        self.assertTrue(Listening("0.0.0.0", 80, "").takes("192.0.2.1", 80))
        self.assertTrue(Listening("192.0.2.1", 80, "").takes("", 80))
        self.assertFalse(Listening("192.0.2.1", 80, "").takes("127.0.0.1", 80))
        self.assertFalse(Listening("0.0.0.0", 80, "").takes("", 81))


class CommandTests(SynchronousTestCase):
    """C{smartdyn doctor}."""

    def run_command(self, *arguments: str) -> tuple[int, str, str]:
        """Status, output and errors."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            try:
                status = main(["doctor", *arguments])
            except SystemExit as ending:
                status = int(ending.code or 0)
        return status, out.getvalue(), err.getvalue()

    def test_the_list(self) -> None:
        """All checks, each with what it is about; there are many."""
        status, output, _ = self.run_command("--list")
        self.assertEqual(status, 0)
        self.assertGreater(output.count("\n"), 60)
        self.assertIn("disk-free ", output)

    def test_one_check(self) -> None:
        """Can be made alone, as table or JSON; the status says whether there is an error."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        options = ("-c", str(folder), "--only", "settings-valid")
        status, output, _ = self.run_command(*options)
        self.assertEqual(status, 0)
        self.assertIn("ok       settings-valid: All values can be used.", output)
        folder.joinpath("settings.yml").write_text("port: many\n")
        status, output, _ = self.run_command(*options, "-o", "json")
        self.assertEqual((status, json.loads(output)["checks"][0]["status"]), (1, "error"))

    def test_settings_that_we_may_not_read(self) -> None:
        """Nothing is said of what the defaults would be: it ends with 1 and names what to do."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        folder.joinpath("settings.yml").write_bytes(b"port: \xff\n")
        self.patch(gather, "unit_properties", lambda: {"LoadState": "loaded", "User": "nobody"})
        self.patch(os, "geteuid", lambda: 4242)
        status, output, errors = self.run_command("-c", str(folder))
        self.assertEqual((status, output), (1, ""))
        self.assertIn("settings.yml: cannot be read", errors)
        self.assertIn("Run this as root", errors)

    def test_a_wrong_command_line(self) -> None:
        """Ends with 2."""
        status, _, errors = self.run_command("--only", "luck")
        self.assertEqual((status, "there is no check luck" in errors), (2, True))
        self.assertEqual(self.run_command("-o", "xml")[0], 2)
