"""The output_chunks table: what jobs print, appended and never changed.

Foreman knows a chunk by its position, so a position, once given, keeps its text (REX C{TemplateInvocationEvent}).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from smartdyn.model.views import OutputChunk

_APPEND = """
    INSERT INTO output_chunks (plan_id, action_id, position, type, timestamp, text, external_id, offset)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_OF_PLAN = """
    SELECT action_id, position, type, timestamp, text, external_id FROM output_chunks
    WHERE plan_id = ? ORDER BY action_id, position
"""
_PAGE = """
    SELECT position, type, timestamp, text, external_id FROM output_chunks
    WHERE plan_id = ? AND action_id = ? AND position >= ? AND position < ? ORDER BY position
"""
_LAST = """
    SELECT position, type, timestamp, text, external_id FROM output_chunks
    WHERE plan_id = ? ORDER BY action_id DESC, position DESC
"""
_ACTIONS = """
    SELECT id FROM actions
    WHERE plan_id = ?1 AND EXISTS (SELECT 1 FROM output_chunks WHERE plan_id = ?1 AND action_id = actions.id)
    ORDER BY id
"""
_END = """
    SELECT coalesce(max(position) + 1, 0), coalesce(max(offset), 0), coalesce(max(timestamp), 0.0) FROM output_chunks
    WHERE plan_id = ? AND action_id = ?
"""

_NO_END = 2**62


@dataclass(frozen=True, slots=True)
class AppendOutput:
    """Adds one chunk to an action's output."""

    plan_id: str
    action_id: int
    chunk: OutputChunk
    offset: int | None = None

    def apply(self, tx: sqlite3.Cursor) -> None:
        chunk = self.chunk
        tx.execute(
            _APPEND,
            (
                self.plan_id,
                self.action_id,
                chunk.position,
                chunk.type,
                chunk.timestamp,
                chunk.text,
                chunk.external_id,
                self.offset,
            ),
        )


@dataclass(frozen=True, slots=True)
class OutputEnd:
    """Where an action's output goes on.

    @param position: of the next chunk.
    @param offset: how far into the source's byte stream it is complete.
    @param timestamp: of the last chunk, 0 when there is none.
    """

    position: int
    offset: int
    timestamp: float


def of_plan(tx: sqlite3.Cursor, plan_id: str) -> dict[int, list[OutputChunk]]:
    """The output of all actions of a plan, by action id."""
    found: dict[int, list[OutputChunk]] = {}
    for action_id, *chunk in tx.execute(_OF_PLAN, (plan_id,)):
        found.setdefault(action_id, []).append(OutputChunk(*chunk))
    return found


def page(
    tx: sqlite3.Cursor, plan_id: str, action_id: int, start: int, until: int | None, size: int
) -> tuple[list[OutputChunk], bool]:
    """Some of an action's output.

    @param start: the position of the first chunk.
    @param until: the position behind the last one that is wanted; None for the end.
    @param size: characters with which it is enough.
    @return: the chunks, and whether there are more.
    """
    found: list[OutputChunk] = []
    left = size
    for row in tx.execute(_PAGE, (plan_id, action_id, start, _NO_END if until is None else until)):
        if left <= 0:
            return found, True
        found.append(OutputChunk(*row))
        left -= len(found[-1].text)
    return found, False


def of_action(tx: sqlite3.Cursor, plan_id: str, action_id: int, start: int = 0) -> Iterator[OutputChunk]:
    """The output of an action from a position on, one chunk after another."""
    return (OutputChunk(*row) for row in tx.execute(_PAGE, (plan_id, action_id, start, _NO_END)))


def with_output(tx: sqlite3.Cursor, plan_id: str) -> list[int]:
    """The ids of a plan's actions that have printed something."""
    return [row[0] for row in tx.execute(_ACTIONS, (plan_id,))]


def last(tx: sqlite3.Cursor, plan_id: str, size: int) -> tuple[list[OutputChunk], bool]:
    """The end of a plan's output.

    @param size: characters with which it is enough.
    @return: the chunks in their order, and whether there are earlier ones.
    """
    found: list[OutputChunk] = []
    left = size
    for row in tx.execute(_LAST, (plan_id,)):
        if left <= 0:
            return found[::-1], True
        found.append(OutputChunk(*row))
        left -= len(found[-1].text)
    return found[::-1], False


def end(tx: sqlite3.Cursor, plan_id: str, action_id: int) -> OutputEnd:
    """Where the output of an action goes on."""
    return OutputEnd(*tx.execute(_END, (plan_id, action_id)).fetchone())
