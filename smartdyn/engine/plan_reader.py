"""Reads plans from the database, with their secrets, so that they can be executed or changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from smartdyn.model.records import WholePlan
from smartdyn.store import plans, vault
from smartdyn.store.database import Database
from smartdyn.store.vault import Vault


class PlanReader:
    """Reads one, or several at once."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def load(self, plan_id: str) -> WholePlan:
        """A plan.

        @raise smartdyn.errors.PlanNotFound: there is none.
        """
        (found,) = await self.load_many([plan_id])
        if isinstance(found, Exception):
            raise found
        return found

    async def load_many(self, plan_ids: Sequence[str]) -> list[WholePlan | Exception]:
        """Several plans, or why one cannot be read."""

        def read(tx: sqlite3.Cursor) -> list[WholePlan | Exception]:
            return [self._read(tx, plan_id) for plan_id in plan_ids]

        return await self._database.query(read, patient=len(plan_ids) > 1)

    def _read(self, tx: sqlite3.Cursor, plan_id: str) -> WholePlan | Exception:
        try:
            whole, sealed = plans.load_whole(tx, plan_id), vault.sealed(tx, plan_id)
            return self._vault.restore(whole, sealed) if sealed else whole
        except Exception as error:
            return error
