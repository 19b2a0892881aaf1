"""The saved_searches table."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from smartdyn.model.saved import SavedSearch

_SAVE = """
    INSERT INTO saved_searches (name, words, saved_by, saved_at) VALUES (?, ?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET words = excluded.words, saved_by = excluded.saved_by, saved_at = excluded.saved_at
"""
_DELETE = "DELETE FROM saved_searches WHERE name = ?"
_ALL = "SELECT name, words, saved_by, saved_at FROM saved_searches ORDER BY name"


@dataclass(frozen=True, slots=True)
class SaveSearch:
    """Keeps a search, in place of one that has this name."""

    search: SavedSearch

    def apply(self, tx: sqlite3.Cursor) -> None:
        search = self.search
        tx.execute(_SAVE, (search.name, search.words, search.by, search.at))


@dataclass(frozen=True, slots=True)
class DeleteSearch:
    """Forgets a search."""

    name: str

    def apply(self, tx: sqlite3.Cursor) -> None:
        tx.execute(_DELETE, (self.name,))


def everything(tx: sqlite3.Cursor) -> list[SavedSearch]:
    """All searches, by name."""
    return [SavedSearch(*row) for row in tx.execute(_ALL)]
