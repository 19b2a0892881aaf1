"""How what the service needs is: its database, the disk it is on, and its certificates."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from smartdyn.errors import SmartdynError
from smartdyn.model.overview import HealthItem
from smartdyn.store import cleaning
from smartdyn.store.database import Database
from smartdyn.web.expiry import CertificateWatch

_MEGABYTE = 1024 * 1024
_LITTLE = 500 * _MEGABYTE
"""Free bytes with which the disk is soon full."""


async def look(database: Database, path: Path, watch: CertificateWatch) -> list[HealthItem]:
    """Look at all of them.

    @param path: the database's file.
    """
    return [await _database(database), _disk(path), _certificates(watch.problems(), len(watch.expiries()))]


async def _database(database: Database) -> HealthItem:
    try:
        size = await database.query(cleaning.size)
    except SmartdynError as error:
        return HealthItem("database", False, str(error))
    return HealthItem("database", True, f"It answers and holds {size / _MEGABYTE:.1f} MB.")


def _disk(path: Path) -> HealthItem:
    try:
        free = shutil.disk_usage(path.parent).free
    except OSError as error:
        return HealthItem("disk", False, f"{path.parent} cannot be looked at: {error.strerror}. Check its owner.")
    text = f"{free / _MEGABYTE:,.0f} MB are free in {path.parent}."
    return HealthItem("disk", free >= _LITTLE, text if free >= _LITTLE else f"{text} Make room there.")


def _certificates(problems: Sequence[str], known: int) -> HealthItem:
    return HealthItem("certificates", not problems, " ".join(problems) or f"None of {known} has expired.")
