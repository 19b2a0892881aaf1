"""Reads the output of jobs for those who look at it: a piece, the whole, or what comes next."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from twisted.internet.defer import Deferred

from smartdyn.model.states import PlanState
from smartdyn.model.views import OutputChunk, TaskSummary
from smartdyn.store import output, plans
from smartdyn.store.database import Database

T = TypeVar("T")

_PIECE = 64 * 1024
"""Characters of a piece; the next is read when the reader has taken this one."""


@dataclass(frozen=True, slots=True)
class OutputPiece:
    """Some of an action's output.

    @param action_id: whose it is; None while no action has printed anything.
    @param more: there is more already.
    @param state: of the task.
    """

    action_id: int | None
    chunks: tuple[OutputChunk, ...]
    more: bool
    state: PlanState

    @property
    def over(self) -> bool:
        """Has the task stopped, so that nothing comes after what there is?"""
        return self.state is PlanState.STOPPED


class OutputReader:
    """The outputs in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def piece(self, plan_id: str, action_id: int | None, start: int, until: int | None = None) -> Deferred[OutputPiece]:
        """What an action has printed from a position on, as much as is good for a page.

        @param action_id: None for the first action that has printed anything.
        @raise smartdyn.errors.PlanNotFound: there is no such plan.
        """

        def read(tx: sqlite3.Cursor) -> OutputPiece:
            state = plans.load(tx, plan_id).state
            wanted = next(iter(output.with_output(tx, plan_id)), None) if action_id is None else action_id
            if wanted is None:
                return OutputPiece(None, (), False, state)
            chunks, more = output.page(tx, plan_id, wanted, start, until, _PIECE)
            return OutputPiece(wanted, tuple(chunks), more, state)

        return self._database.query(read)

    def task(self, plan_id: str) -> Deferred[TaskSummary]:
        """Whose output it is.

        @raise smartdyn.errors.PlanNotFound: there is no such plan.
        """
        return self._database.query(lambda tx: plans.summary(tx, plan_id))

    def actions(self, plan_id: str) -> Deferred[list[int]]:
        """The ids of a plan's actions that have printed something."""
        return self._database.query(lambda tx: output.with_output(tx, plan_id))

    def whole(
        self, plan_id: str, action_id: int, use: Callable[[Iterator[OutputChunk]], T], start: int = 0
    ) -> Deferred[T]:
        """What C{use} makes of an action's whole output; it is called in a thread, and may take its time.

        @param start: the position of the first chunk.
        """
        return self._database.query(lambda tx: use(output.of_action(tx, plan_id, action_id, start)), patient=True)

    def changed(self) -> Deferred[None]:
        """Fires when there may be more of any output."""
        return self._database.changed()
