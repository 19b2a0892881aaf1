"""A database in memory whose Deferreds have always fired already: for tests and the authors' testing kit.

It runs the same SQL on the same schema, without threads.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TypeVar

from twisted.internet.defer import Deferred, fail, succeed

from smartdyn.errors import StoreError
from smartdyn.store.database import Database, Unit, Write, commit_units, configure
from smartdyn.store.migrate import apply, migrations

T = TypeVar("T")


class MemoryDatabase(Database):
    """Keeps everything in memory until it is thrown away."""

    def __init__(self, connection: sqlite3.Connection | None = None) -> None:
        super().__init__()
        self._connection = connection or sqlite3.connect(":memory:", isolation_level=None)
        if connection is None:
            configure(self._connection)
            apply(self._connection, migrations(), ":memory:")
        self._dead = False
        self._failures: list[StoreError] = []
        self._held: list[Unit] | None = None
        self.commits = 0

    def fail_next(self, error: StoreError) -> None:
        """Let the next commit fail with C{error}."""
        self._failures.append(error)

    def hold(self) -> None:
        """Let commits wait until L{release}, as on a slow disk."""
        self._held = []

    def release(self) -> None:
        """Do the commits that were held, together."""
        held, self._held = self._held or [], None
        for unit in held:
            self._commit(unit)

    def trace(self, observer: Callable[[str], object]) -> None:
        """Tell C{observer} of each statement."""
        self._connection.set_trace_callback(observer)

    def take_over(self) -> MemoryDatabase:
        """The same data for the next owner. This object is dead from now on: its Deferreds never fire."""
        self._dead = True
        return MemoryDatabase(self._connection)

    def commit(self, *writes: Write) -> Deferred[None]:
        if self._failures:
            return fail(self._failures.pop(0))
        unit = Unit(writes)
        if self._dead:
            return unit.done
        if self._held is None:
            self._commit(unit)
        else:
            self._held.append(unit)
        return unit.done

    def query(self, reader: Callable[[sqlite3.Cursor], T], *, patient: bool = False) -> Deferred[T]:
        del patient
        if self._dead:
            return Deferred()
        try:
            return succeed(reader(self._connection.cursor()))
        except Exception:
            return fail()

    async def close(self) -> None:
        self._connection.close()
        self._announce()

    def _commit(self, unit: Unit) -> None:
        failure = commit_units(self._connection, [unit])[0]
        self.commits += 1
        self.version += 1
        if failure is None:
            unit.done.callback(None)
        else:
            unit.done.errback(failure)
        self._announce()
