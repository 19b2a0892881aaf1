"""Lists in which tasks stand below the one that launched them."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Final

from smartdyn.model.query import TaskQuery
from smartdyn.model.views import ListedTask, TaskSummary
from smartdyn.store import insight, listing

MOST_OPENED: Final = 20
"""Tasks that are listed below one; all of them have a page of their own."""


def nested(tx: sqlite3.Cursor, tasks: Sequence[TaskSummary], opened: Collection[str]) -> tuple[ListedTask, ...]:
    """Tasks of a list, each below the one that started it, which is added where it is not in the list itself.

    @param tasks: in the order of the list; those of one parent come together where the first of them is.
    @param opened: the tasks of which the newest that they launched are listed, too.
    """
    tree = _Tree(tx, tasks, opened)
    rows = [row for top in tree.tops for row in tree.rows(top, 0)]
    below = insight.children_of(tx, [row.task.id for row in rows])
    return tuple(replace(row, below=tuple(below.get(row.task.id, ()))) for row in rows)


class _Tree:
    """The tasks of a list, and who started whom.

    @ivar tops: those that stand below none, in the order in which they, or what is below them, are listed.
    """

    def __init__(self, tx: sqlite3.Cursor, tasks: Sequence[TaskSummary], opened: Collection[str]) -> None:
        self._tx = tx
        self._opened = {*opened}
        self._listed = {task.id for task in tasks}
        added = listing.named(tx, {task.parent_id for task in tasks if task.parent_id} - self._listed)
        self._known = {**added, **{task.id: task for task in tasks}}
        self._below: dict[str, list[TaskSummary]] = {}
        self.tops: list[TaskSummary] = []
        self._placed: set[str] = set()
        for task in tasks:
            self._place(task)

    def _place(self, task: TaskSummary) -> None:
        """Put a task, and those that it is below, where they belong, unless they are there."""
        while task.id not in self._placed:
            self._placed.add(task.id)
            parent = self._known.get(task.parent_id or "")
            if parent is None:
                self.tops.append(task)
                return
            self._below.setdefault(parent.id, []).append(task)
            task = parent

    def rows(self, task: TaskSummary, depth: int) -> Iterator[ListedTask]:
        """A task and what stands below it."""
        below, opened, cut = self._below.get(task.id, []), False, False
        if task.id in self._opened:
            # each once, so that this comes to an end whatever stands in the database
            self._opened.discard(task.id)
            newest = listing.page(self._tx, TaskQuery(parent=task.id), limit=MOST_OPENED + 1)
            opened, cut = bool(newest), len(newest) > MOST_OPENED
            shown = {each.id for each in newest[:MOST_OPENED]}
            below = [*newest[:MOST_OPENED], *(each for each in below if each.id not in shown)]
        yield ListedTask(task, depth, found=task.id in self._listed, opened=opened, cut=cut)
        for each in below:
            yield from self.rows(each, depth + 1)
