"""The worlds table: each life of the service."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

_INSERT = "INSERT INTO worlds (id, hostname, pid, started_at) VALUES (?, ?, ?, ?)"
_TOUCH = "UPDATE worlds SET pid = pid + ? WHERE id = ?"
_STOP = "UPDATE worlds SET stopped_at = ? WHERE id = ?"


@dataclass(frozen=True, slots=True)
class StartWorld:
    """Records that the service has started."""

    world_id: str
    hostname: str
    pid: int
    at: float

    def apply(self, tx: sqlite3.Cursor) -> None:
        tx.execute(_INSERT, (self.world_id, self.hostname, self.pid, self.at))


@dataclass(frozen=True, slots=True)
class Touch:
    """Changes something and changes it back: whether that can be written is all that somebody wants to know.

    SQLite writes nothing for an update that changes nothing.
    """

    world_id: str

    def apply(self, tx: sqlite3.Cursor) -> None:
        for change in (1, -1):
            tx.execute(_TOUCH, (change, self.world_id))


@dataclass(frozen=True, slots=True)
class StopWorld:
    """Records that the service has stopped in good order."""

    world_id: str
    at: float

    def apply(self, tx: sqlite3.Cursor) -> None:
        tx.execute(_STOP, (self.at, self.world_id))
