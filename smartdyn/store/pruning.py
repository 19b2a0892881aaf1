"""Deleting the tasks that a search finds, as far as the cleaner may delete them.

With the service up, that does it (L{smartdyn.engine.cleaner.Cleaner.prune}): a database has one writer. Without it, it
is done here, by whoever owns the file meanwhile.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from smartdyn.errors import StoreError
from smartdyn.model.audit import AuditEntry
from smartdyn.model.order import NEWEST, Place
from smartdyn.model.query import TaskQuery
from smartdyn.store import archive, cleaning, listing
from smartdyn.store.audit import BeginAudit, EndAudit
from smartdyn.store.beside import reading, require_schema
from smartdyn.store.cleaning import DeletePlans
from smartdyn.store.database import Write, configure
from smartdyn.store.ownership import Ownership

_LOOKED_AT = 100
"""Tasks of which some may be deleted in one transaction."""


@dataclass(frozen=True, slots=True)
class Page:
    """Tasks that may be deleted.

    @param following: where to look for more; None when there are none.
    """

    plan_ids: Sequence[str]
    following: Place | None


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be deleted.

    @param cutoff: tasks have to have been over then, seconds since the epoch.
    @param archive: where they are written before; None means nowhere.
    @param entry: what the audit log says of it.
    """

    wanted: TaskQuery
    cutoff: float
    archive: Path | None
    entry: AuditEntry


def page(tx: sqlite3.Cursor, wanted: TaskQuery, cutoff: float, start: Place | None) -> Page:
    """Some of the tasks that a search finds, that were over at C{cutoff} and that nobody needs any more.

    @param start: C{following} of the page before.
    """
    possible = replace(wanted, until=min(math.inf if wanted.until is None else wanted.until, cutoff))
    found = listing.page(tx, possible, before=start, limit=_LOOKED_AT)
    last = found[-1] if len(found) == _LOOKED_AT else None
    plan_ids = cleaning.over_among(tx, cutoff, [task.id for task in found])
    return Page(plan_ids, None if last is None else NEWEST.place_of(last))


def count(path: Path, wanted: TaskQuery, cutoff: float) -> int:
    """How many tasks that would be now, in a database that may be in use.

    @raise StoreError: it cannot be read.
    """
    with reading(path) as tx:
        require_schema(tx, path)
        tx.execute("BEGIN")
        return sum(len(each.plan_ids) for each in _pages(tx, wanted, cutoff))


def prune(path: Path, order: Order, now: Callable[[], float]) -> int:
    """Delete them, in a database that no service has open.

    @return: how many that were.
    @raise smartdyn.errors.DatabaseInUse: one has; ask it to do it.
    @raise StoreError: it cannot be read or written.
    """
    if not path.exists():
        raise StoreError(f"There is no database {path}.")
    key = order.entry.key or ""
    with _owning(path) as tx:
        require_schema(tx, path)
        _commit(tx, BeginAudit(order.entry))
        deleted = 0
        for each in _pages(tx, order.wanted, order.cutoff):
            if each.plan_ids and order.archive is not None:
                archive.append(order.archive, archive.lines(tx, each.plan_ids), now())
            _commit(tx, DeletePlans(each.plan_ids))
            deleted += len(each.plan_ids)
        _commit(tx, EndAudit(key, outcome(deleted, order.cutoff), now()))
        return deleted


def outcome(deleted: int, cutoff: float) -> str:
    """What the audit log says when it is done."""
    return (
        f"{deleted} tasks were deleted that were over at {datetime.fromtimestamp(cutoff, UTC):%Y-%m-%d %H:%M:%S} UTC."
    )


def _pages(tx: sqlite3.Cursor, wanted: TaskQuery, cutoff: float) -> Iterator[Page]:
    start: Place | None = None
    while True:
        found = page(tx, wanted, cutoff, start)
        yield found
        if found.following is None:
            return
        start = found.following


@contextmanager
def _owning(path: Path) -> Iterator[sqlite3.Cursor]:
    ownership = Ownership(path)
    ownership.acquire()
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            configure(connection)
            yield connection.cursor()
    except sqlite3.Error as error:
        raise StoreError(
            f"The database {path} cannot be used: {error}. Look at it with `smartdyn db check`."
        ) from error
    finally:
        ownership.release()


def _commit(tx: sqlite3.Cursor, write: Write) -> None:
    tx.execute("BEGIN IMMEDIATE")
    try:
        write.apply(tx)
        tx.execute("COMMIT")
    except BaseException:
        tx.execute("ROLLBACK")
        raise
