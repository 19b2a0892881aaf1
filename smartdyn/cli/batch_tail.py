"""Follows the output of all tasks that another one launched, each line behind the name of its host."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from typing import Any, Final, TextIO

from smartdyn.cli.client import Service
from smartdyn.cli.failures import CommandFailed
from smartdyn.cli.following import follow
from smartdyn.cli.script_output import TerminalText, stamp
from smartdyn.cli.show import clean, has_colours
from smartdyn.cli.task_list import found

_AT_ONCE: Final = 50
_WAITING: Final = 1000
"""Pieces that have come and were not shown yet; then the hosts wait for the terminal."""

_PAUSE: Final = 1.0


class BatchTail:
    """Follows many at once, each over a connection of its own."""

    def __init__(
        self, service: Service, parent_id: str, *, lines: int, wait: bool, raw: bool, timestamps: bool
    ) -> None:
        """
        @param lines: of each host, begin with the last ones; 0 for all.
        @param wait: for what comes later.
        @param raw: everything as it is, also on a terminal.
        @param timestamps: before each line, when it came.
        """
        self._service = service
        self._parent_id = parent_id
        self._lines = lines
        self._wait = wait
        self._raw = raw
        self._timestamps = timestamps
        self._next: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._followers: list[threading.Thread] = []
        self._come: queue.Queue[tuple[str, Any]] = queue.Queue(_WAITING)
        self._known: dict[str, str] = {}

    def show(self, out: TextIO) -> None:
        """Show what they print until all are over.

        @raise CommandFailed: one cannot be followed.
        """
        lines = {}
        for task_id, record in self._records():
            if isinstance(record, CommandFailed):
                raise record
            if task_id not in lines:
                plain = self._raw or not out.isatty()
                text = None if plain else TerminalText(colours=has_colours(out))
                lines[task_id] = HostLines(self._known[task_id], text, timestamps=self._timestamps)
            over = "over" in record
            out.write(lines[task_id].finish() if over else lines[task_id].feed(record["text"], record["timestamp"]))
            out.flush()

    def _records(self) -> Iterator[tuple[str, Any]]:
        """What comes of all of them; more may be launched while it does."""
        going: set[str] = set()
        while True:
            over = not self._wait or self._service.get("tasks", self._parent_id)["task"]["state"] == "stopped"
            fresh = self._begin_to_follow()
            going |= fresh
            while going:
                task_id, record = self._come.get()
                yield task_id, record
                if isinstance(record, CommandFailed) or "over" in record:
                    going.discard(task_id)
            if over and not fresh:
                return
            if not fresh:
                time.sleep(_PAUSE)

    def _begin_to_follow(self) -> set[str]:
        """Those that were not known."""
        tasks = [task for task in found(self._service, f"parent:{self._parent_id}") if task["id"] not in self._known]
        for task in reversed(tasks):
            self._known[task["id"]] = clean(task["host"] or task["id"][:8])
            self._next.put(task["id"])
            if len(self._followers) < _AT_ONCE:
                self._followers.append(threading.Thread(target=self._follow, daemon=True))
                self._followers[-1].start()
        return {task["id"] for task in tasks}

    def _follow(self) -> None:
        """One after another."""
        while True:
            task_id = self._next.get()
            try:
                for record in follow(self._service, task_id, lines=self._lines, wait=self._wait, decided=True):
                    self._come.put((task_id, record))
            except CommandFailed as error:
                self._come.put((task_id, error))


class HostLines:
    """What a host prints, in whole lines."""

    def __init__(self, host: str, text: TerminalText | None, *, timestamps: bool = False) -> None:
        """
        @param text: takes out what controls the terminal; None when nothing is taken out.
        """
        self._host = host
        self._text = text
        self._timestamps = timestamps
        self._begun = ""
        self._at = 0.0

    def feed(self, piece: str, at: float) -> str:
        """The lines that are complete now.

        @param at: when the piece came.
        """
        self._at = at
        text = self._begun + (piece if self._text is None else self._text.feed(piece))
        *lines, self._begun = text.split("\n")
        end = "" if self._text is None else self._text.end()
        begin = f"{stamp(at)} {self._host}: " if self._timestamps else f"{self._host}: "
        return "".join(f"{begin}{line}{end}\n" for line in lines)

    def finish(self) -> str:
        """The last one, when nothing more comes."""
        return self.feed("\n", self._at) if self._begun else ""
