"""The digests table and the index of the words in outputs: what is found out about plans after they stopped.

The index (FTS5) has no copy of the texts: it takes two fifths of their size. Of a long output the beginning and the
end are in it, so that a single job cannot fill the disk twice.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from smartdyn.model.views import OutputChunk

INDEXED: Final = 32 * 1024
"""Characters at either end of an output that are searched."""

_PENDING = """
    SELECT id, result FROM plans INDEXED BY plans_undigested
    WHERE state = 'stopped' AND digested = 0 ORDER BY ended_at LIMIT ?
"""
_BACKLOG = """
    SELECT count(*), min(ended_at) FROM (
        SELECT ended_at FROM plans INDEXED BY plans_undigested
        WHERE state = 'stopped' AND digested = 0 ORDER BY ended_at LIMIT ?
    )
"""
_INSERT = """
    INSERT INTO digests (plan_id, ended_at, cause)
    SELECT id, coalesce(ended_at, created_at), :cause FROM plans WHERE id = :plan_id AND digested = 0
"""
_MARK = "UPDATE plans SET digested = 1 WHERE id = ?"
_INDEX = "INSERT INTO output_words (rowid, text) VALUES (?, ?)"
_FORGET = "INSERT INTO output_words (output_words, rowid, text) VALUES ('delete', ?, ?)"
_OF_PLANS = """
    SELECT digests.id, plan_id FROM digests JOIN plans ON plans.id = plan_id
    WHERE plan_id IN (SELECT value FROM json_each(?)) AND state = 'stopped'
"""
_FORWARD = """
    SELECT action_id, position, type, timestamp, text FROM output_chunks
    WHERE plan_id = ? ORDER BY action_id, position
"""
_BACKWARD = """
    SELECT action_id, position, type, timestamp, text FROM output_chunks
    WHERE plan_id = ? ORDER BY action_id DESC, position DESC
"""
_CAUSES = """
    SELECT cause, count(*), max(ended_at), plan_id FROM digests
    WHERE cause IS NOT NULL AND cause <> 'cancelled' AND ended_at >= ? GROUP BY cause ORDER BY count(*) DESC, cause
"""
_CANCELLED = "SELECT count(*) FROM digests WHERE cause = 'cancelled' AND ended_at >= ?"
_TOKEN = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class SaveDigest:
    """Remembers what was found out about a plan that has stopped; nothing when it is gone meanwhile.

    @param cause: the key of why it failed, if it did.
    @param text: the output that is to be found by its words.
    """

    plan_id: str
    cause: str | None
    text: str

    def apply(self, tx: sqlite3.Cursor) -> None:
        tx.execute(_INSERT, {"plan_id": self.plan_id, "cause": self.cause})
        if tx.rowcount:
            if self.text:
                tx.execute(_INDEX, (tx.lastrowid, self.text))
            tx.execute(_MARK, (self.plan_id,))


@dataclass(frozen=True, slots=True)
class CauseCount:
    """
    @param example: the plan that ended last for this cause.
    """

    cause: str
    count: int
    last_at: float
    example: str


@dataclass(frozen=True, slots=True)
class Place:
    """A line of an output."""

    position: int
    timestamp: float
    line: str


def pending(tx: sqlite3.Cursor, limit: int) -> list[tuple[str, str]]:
    """Ids and results of plans that have stopped and were not looked at yet, the oldest first."""
    return list(tx.execute(_PENDING, (limit,)))


def backlog(tx: sqlite3.Cursor, limit: int) -> tuple[int, float | None]:
    """How many plans that have stopped were not looked at yet, and when the first of them ended.

    @param limit: it is not counted any further.
    """
    count, oldest = tx.execute(_BACKLOG, (limit,)).fetchone()
    return count, oldest


def text(tx: sqlite3.Cursor, plan_id: str) -> str:
    """The output that is to be found by its words."""
    return "".join(chunk.text for chunk in _chunks(tx, plan_id))


def forget(tx: sqlite3.Cursor, ids: str) -> None:
    """Take plans that are about to be deleted out of the index.

    @param ids: a JSON array.
    """
    for number, plan_id in tx.execute(_OF_PLANS, (ids,)).fetchall():
        if indexed := text(tx, plan_id):
            tx.execute(_FORGET, (number, indexed))


def causes(tx: sqlite3.Cursor, since: float) -> list[CauseCount]:
    """Why plans that ended since then failed, the most frequent causes first; that somebody cancelled is no failure."""
    return [CauseCount(*row) for row in tx.execute(_CAUSES, (since,))]


def cancelled(tx: sqlite3.Cursor, since: float) -> int:
    """How many plans that ended since then somebody had cancelled."""
    found: int = tx.execute(_CANCELLED, (since,)).fetchone()[0]
    return found


def find(tx: sqlite3.Cursor, plan_id: str, phrase: str) -> Place | None:
    """The first line of an output in which a phrase is found, as the index understands it."""
    words = [re.escape(word) for word in _TOKEN.findall(phrase)]
    chunks = list(_chunks(tx, plan_id))
    found = re.search(r"(?<![^\W_])" + r"[\W_]+".join(words), "".join(chunk.text for chunk in chunks), re.IGNORECASE)
    if found is None:
        return None
    end = 0
    for chunk in chunks:
        end += len(chunk.text)
        if end > found.start():
            return Place(chunk.position, chunk.timestamp, _line(found.string, found.start()))
    return None


def _line(whole: str, at: int) -> str:
    end = whole.find("\n", at)
    return whole[whole.rfind("\n", 0, at) + 1 : end if end >= 0 else len(whole)]


def _chunks(tx: sqlite3.Cursor, plan_id: str) -> Iterator[OutputChunk]:
    """The beginning of an output and its end, cut to what is indexed."""
    left = INDEXED
    last = None
    for action_id, position, type, timestamp, text in tx.execute(_FORWARD, (plan_id,)):
        yield OutputChunk(position, type, timestamp, text[:left])
        last = (action_id, position)
        left -= len(text)
        if left <= 0:
            break
    yield from _end(tx, plan_id, last, -left)


def _end(tx: sqlite3.Cursor, plan_id: str, last: tuple[int, int] | None, rest: int) -> list[OutputChunk]:
    """The end of an output, behind its beginning.

    @param last: the action and position of the last chunk of the beginning.
    @param rest: characters of that chunk which are not in the beginning.
    """
    found: list[OutputChunk] = []
    left = INDEXED
    for action_id, position, type, timestamp, text in tx.execute(_BACKWARD, (plan_id,)):
        wanted = min(left, len(text) if (action_id, position) != last else max(rest, 0))
        if wanted:
            found.append(OutputChunk(position, type, timestamp, text[-wanted:]))
        left -= wanted
        if left <= 0 or (action_id, position) == last:
            break
    return found[::-1]
