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

_DEEPEST: Final = 5
"""Levels at which tasks are opened: what is launched further down has pages of its own."""


def nested(tx: sqlite3.Cursor, tasks: Sequence[TaskSummary], opened: Collection[str]) -> tuple[ListedTask, ...]:
    """Tasks of a list, each below the one that started it, which is added where it is not in the list itself.

    @param tasks: in the order of the list; those of one parent come together where the first of them is.
    @param opened: the tasks of which the newest that they launched are listed, too.
    """
    tree = _Tree(tx, tasks, opened)
    rows = [row for top in tree.tops() for row in tree.rows(top, 0)]
    below = insight.children_of(tx, [row.task.id for row in rows])
    return tuple(replace(row, below=tuple(below.get(row.task.id, ()))) for row in rows)


class _Tree:
    """The tasks of a list, and who started whom."""

    def __init__(self, tx: sqlite3.Cursor, tasks: Sequence[TaskSummary], opened: Collection[str]) -> None:
        self._tx = tx
        self._tasks = tasks
        self._opened = opened
        listed = {task.id: task for task in tasks}
        self._added = listing.named(tx, {task.parent_id for task in tasks if task.parent_id} - {*listed})
        self._known = {**self._added, **listed}

    def tops(self) -> Iterator[TaskSummary]:
        """Those that stand below none, in the order in which they, or what is below them, are listed."""
        seen = set()
        for task in self._tasks:
            top = task
            while top.parent_id in self._known:
                top = self._known[top.parent_id]
            if top.id not in seen:
                seen.add(top.id)
                yield top

    def rows(self, task: TaskSummary, depth: int) -> Iterator[ListedTask]:
        """A task and what stands below it."""
        below, opened, cut = [each for each in self._tasks if each.parent_id == task.id], False, False
        if task.id in self._opened and depth < _DEEPEST:
            newest = listing.page(self._tx, TaskQuery(parent=task.id), limit=MOST_OPENED + 1)
            opened, cut = bool(newest), len(newest) > MOST_OPENED
            shown = {each.id for each in newest[:MOST_OPENED]}
            below = [*newest[:MOST_OPENED], *(each for each in below if each.id not in shown)]
        yield ListedTask(task, depth, found=task.id not in self._added, opened=opened, cut=cut)
        for each in below:
            yield from self.rows(each, depth + 1)
