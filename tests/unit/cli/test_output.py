"""What the command line shows."""

from __future__ import annotations

import io
import json
import unicodedata
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.cli.failures import CommandFailed
from smartdyn.cli.script_output import ScriptOutput, TerminalText
from smartdyn.cli.show import Column, clean, fitted, show
from smartdyn.cli.task_run import with_environment

COLUMNS = (Column("NAME", lambda row: row["name"], least=4), Column("SIZE", lambda row: row["size"]))


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        """It does."""
        return True


class ShowTests(SynchronousTestCase):
    """L{show}."""

    def shown(self, form: str, *rows: dict[str, Any]) -> str:
        """What is written."""
        out = io.StringIO()
        show(rows, COLUMNS, form, out)
        return out.getvalue()

    def test_forms(self) -> None:
        """Programs get what there is in each form; a table is for people."""
        rows: list[dict[str, Any]] = [{"name": "a,b", "size": 1}, {"name": "日本", "size": 22}]
        self.assertEqual(json.loads(self.shown("json", *rows)), rows)
        self.assertEqual([json.loads(line) for line in self.shown("jsonl", *rows).splitlines()], rows)
        self.assertEqual(yaml.safe_load(self.shown("yaml", *rows)), rows)
        self.assertEqual(self.shown("csv", *rows), 'name,size\n"a,b",1\n日本,22\n')
        self.assertEqual(self.shown("table", *rows), "NAME  SIZE\na,b   1\n日本  22\n")

    def test_nothing(self) -> None:
        """Is a table with a head and no rows, and an empty list."""
        self.assertEqual((self.shown("table"), self.shown("json"), self.shown("jsonl")), ("NAME  SIZE\n", "[]\n", ""))

    @settings(deadline=None)
    @given(st.text())
    def test_a_terminal_is_not_controlled(self, text: str) -> None:
        """Whatever a host is called, a row stays a row and nothing in it is a control character."""
        lines = self.shown("table", {"name": text, "size": 1})[:-1].split("\n")
        self.assertEqual(len(lines), 2)
        self.assertFalse([each for each in lines[1] if unicodedata.category(each) in {"Cc", "Cf", "Zl", "Zp"}])
        self.assertTrue(clean(text).isprintable())

    @settings(deadline=None)
    @given(
        st.lists(st.tuples(st.integers(1, 60), st.one_of(st.none(), st.integers(1, 20))), min_size=1, max_size=8),
        st.integers(1, 200),
    )
    def test_widths(self, columns: list[tuple[int, int | None]], room: int) -> None:
        """No column grows or becomes narrower than it may; all fit if that is possible, and if they did none is cut."""
        widths, least = [width for width, _ in columns], [limit for _, limit in columns]
        found, gaps = fitted(widths, least, room), 2 * (len(columns) - 1)
        for before, limit, after in zip(widths, least, found, strict=True):
            self.assertLessEqual(after, before)
            self.assertGreaterEqual(after, before if limit is None else min(limit, before))
        smallest = sum(width if limit is None else min(limit, width) for width, limit in columns)
        self.assertEqual(sum(found) + gaps <= room, smallest + gaps <= room)
        if sum(widths) + gaps <= room:
            self.assertEqual(found, widths)


SEQUENCES = st.sampled_from(
    [
        "\x1b[31m",
        "\x1b[0m",
        "\x1b[2J",
        "\x1b]0;title\x07",
        "\x1b]52;c;Zm9v\x1b\\",
        "\x1bc",
        "\x9b",
        "\x07",
        "a",
        "\n",
        "\x1b",
    ]
)


class TerminalTextTests(SynchronousTestCase):
    """L{TerminalText}."""

    @settings(deadline=None)
    @given(st.lists(SEQUENCES), st.data(), st.booleans())
    def test_pieces(self, parts: list[str], data: st.DataObject, colours: bool) -> None:
        """However a text is cut, the same comes out; nothing in it controls anything but colours."""
        text = "".join(parts)
        at = data.draw(st.integers(0, len(text)))
        whole, cut = TerminalText(colours=colours), TerminalText(colours=colours)
        found = whole.feed(text)
        self.assertEqual(cut.feed(text[:at]) + cut.feed(text[at:]), found)
        rest = found.replace("\x1b[31m", "").replace("\x1b[0m", "") if colours else found
        self.assertEqual({*rest} - {"\n"}, {each for each in rest if each.isprintable()})

    def test_a_sequence_without_an_end(self) -> None:
        """Is not waited for for ever."""
        text = TerminalText(colours=True)
        self.assertEqual(text.feed("a\x1b]0;"), "a")
        self.assertIn("bbb", text.feed("b" * 5000))


class ScriptOutputTests(SynchronousTestCase):
    """L{ScriptOutput}."""

    def write(self, out: io.StringIO, *texts: str, **wanted: bool) -> str:
        """What is written of some pieces."""
        errors = io.StringIO()
        output = ScriptOutput(out, errors, **wanted)
        for number, text in enumerate(texts):
            output.write({"type": "stdout", "text": text, "timestamp": 1e9 + number})
        output.write({"type": "debug", "text": "said\n", "timestamp": 1e9})
        output.close()
        self.assertTrue(errors.getvalue().endswith("said\n"))
        return out.getvalue()

    def test_a_terminal(self) -> None:
        """Gets colours and their end; a file gets what the host sent, and so does a terminal of whoever wants it."""
        text = "\x1b[31mred\x1b[2J"
        self.patch(__import__("os"), "environ", {"TERM": "xterm"})
        self.assertEqual(self.write(Terminal(), text), "\x1b[31mred\x1b[0m")
        self.assertEqual(self.write(io.StringIO(), text), text)
        self.assertEqual(self.write(Terminal(), text, raw=True), text)
        self.patch(__import__("os"), "environ", {"TERM": "xterm", "NO_COLOR": "1"})
        self.assertEqual(self.write(Terminal(), text), "red")

    def test_timestamps(self) -> None:
        """Stand before each line, also when that comes in pieces."""
        first, second = "2001-09-09T01:46:40.000Z ", "2001-09-09T01:46:41.000Z "
        found = self.write(io.StringIO(), "one\ntw", "o\nthree", timestamps=True)
        self.assertEqual(found, f"{first}one\n{first}two\n{second}three")


class EnvironmentTests(SynchronousTestCase):
    """L{with_environment}."""

    def test_where_it_is_set(self) -> None:
        """Before the first command and behind the first line; values are quoted."""
        self.assertEqual(with_environment("a\nb\n", []), "a\nb\n")
        self.assertEqual(with_environment("a\n", ["X=1 2", "Y="]), "export X='1 2'\nexport Y=''\na\n")
        for first in ("#!/bin/sh", "#! /usr/bin/env bash", "#!/bin/bash -e", "#!/usr/bin/ksh93", "#!/bin/busybox sh"):
            self.assertEqual(with_environment(f"{first}\na\n", ["X=1"]), f"{first}\nexport X=1\na\n")

    def test_what_is_no_shell(self) -> None:
        """Cannot be given variables; nor can a shell be given what is none."""
        for script, wanted in (
            ("#!/usr/bin/python3\n", "X=1"),
            ("#!/bin/csh\n", "X=1"),
            ("a", "X"),
            ("a", "1X=1"),
            ("a", "X;rm=1"),
        ):
            self.assertRaises(CommandFailed, with_environment, script, [wanted])
