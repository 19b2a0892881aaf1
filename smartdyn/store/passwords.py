"""The one_time_passwords table; only keyed digests are kept."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

_SET = "INSERT OR REPLACE INTO one_time_passwords (plan_id, digest, created_at) VALUES (?, ?, ?)"
_FORGET = "DELETE FROM one_time_passwords WHERE plan_id = ?"
_LOAD = "SELECT digest FROM one_time_passwords WHERE plan_id = ?"


@dataclass(frozen=True, slots=True)
class SetPassword:
    """Gives a plan a one-time password in place of the one it may have."""

    plan_id: str
    digest: bytes
    at: float

    def apply(self, tx: sqlite3.Cursor) -> None:
        tx.execute(_SET, (self.plan_id, self.digest, self.at))


@dataclass(frozen=True, slots=True)
class ForgetPassword:
    """Makes a plan's one-time password worthless."""

    plan_id: str

    def apply(self, tx: sqlite3.Cursor) -> None:
        tx.execute(_FORGET, (self.plan_id,))


def digest(tx: sqlite3.Cursor, plan_id: str) -> bytes | None:
    """The digest of a plan's password, None when it has none."""
    row = tx.execute(_LOAD, (plan_id,)).fetchone()
    return None if row is None else row[0]
