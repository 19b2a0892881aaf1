"""The plan_names table: the hosts and labels that occur, and how a part of a name is looked for."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

_MATCHING = "SELECT name FROM plan_names WHERE kind = :kind AND {condition} ORDER BY name LIMIT :limit"
_ALL = "SELECT name FROM plan_names WHERE kind = ? ORDER BY name"
MOST: Final = 100
"""Names that are given; so many are no use for finding something faster."""


def literal(text: str) -> str:
    r"""C{text} for C{LIKE ... ESCAPE '\'}, in which nothing stands for something else."""
    return re.sub(r"([\\%_])", r"\\\1", text)


def hosts(wanted: Iterable[str]) -> list[str]:
    """Patterns for host names in which C{*} stands for anything."""
    return [literal(name).replace("*", "%") for name in wanted]


def labels(wanted: Iterable[str]) -> list[str]:
    """Patterns for labels: the whole of one, or what is behind C{::}."""
    return [pattern for name in hosts(wanted) for pattern in (name, f"%::{name}")]


def like(column: str, parameters: Iterable[str]) -> str:
    """The condition that a column is like one of the named parameters."""
    return "({})".format(" OR ".join(f"{column} LIKE :{name} ESCAPE '\\'" for name in parameters))


def matching(tx: sqlite3.Cursor, kind: str, patterns: Sequence[str]) -> list[str]:
    """The names that are like one of C{patterns}, at most L{MOST} of them.

    @param kind: C{host} or C{label}.
    """
    given: dict[str, object] = {f"pattern{number}": pattern for number, pattern in enumerate(patterns)}
    statement = _MATCHING.format(condition=like("name", given))
    return [row[0] for row in tx.execute(statement, {**given, "kind": kind, "limit": MOST})]


def all_of(tx: sqlite3.Cursor, kind: str) -> list[str]:
    """All names of a kind."""
    return [row[0] for row in tx.execute(_ALL, (kind,))]
