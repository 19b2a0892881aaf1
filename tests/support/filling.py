"""Bare plans for tests of lists."""

from __future__ import annotations

import sqlite3
from typing import Any


def queue_of(row: tuple[Any, ...]) -> str | None:
    """The queue of a plan's step, which follows from its id."""
    return (None, "slow", "default")[sum(map(ord, row[0])) % 3]


class Fill:
    """Stores bare plans."""

    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        self.rows = rows

    def apply(self, tx: sqlite3.Cursor) -> None:
        """Insert them."""
        tx.executemany(
            "INSERT INTO plans (id, state, result, label, host, created_at, cancel_requested_at, ended_at,"
            " started_at, caller_plan_id, request_id, run_flow, finalize_flow, step_ids, history)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '[]', '[]', '[]', '[]')",
            [(*row[:7], row[7] if row[1] == "stopped" else None, *row[8:]) for row in self.rows],
        )
        tx.executemany(
            "INSERT INTO steps (plan_id, id, kind, action_id, action_class, state, queue)"
            " VALUES (?, 2, 'RUN', 1, 'A', 'success', ?)",
            [(row[0], queue_of(row)) for row in self.rows],
        )
