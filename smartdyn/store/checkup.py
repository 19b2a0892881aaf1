"""Looks at everything in a database that can be wrong, beside the service or without it.

L{smartdyn.store.integrity} asks less, and each time the service starts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from smartdyn.errors import StoreError
from smartdyn.store import cleaning, vault
from smartdyn.store.beside import reading, require_schema, schema
from smartdyn.store.plans import count
from smartdyn.store.vault import Vault

_MOST: Final = 10
"""Problems of one kind that are enough."""

_INTEGRITY = f"PRAGMA integrity_check({_MOST})"
_FOREIGN_KEYS = "PRAGMA foreign_key_check"
_WORDS = "CREATE VIRTUAL TABLE temp.words USING fts5vocab(main, output_words, row)"
_COUNT_WORDS = "SELECT count(*) FROM temp.words"

_ORPHANS: Final = {
    "step {1} of task {0} belongs to no action": """
        SELECT plan_id, id FROM steps
        WHERE NOT EXISTS (SELECT 1 FROM actions WHERE plan_id = steps.plan_id AND id = steps.action_id)
    """,
    "action {1} of task {0} has lost its first step": """
        SELECT plan_id, id FROM actions
        WHERE NOT EXISTS (SELECT 1 FROM steps WHERE plan_id = actions.plan_id AND id = actions.plan_step_id)
    """,
    "the output of action {1} of task {0} belongs to no action": """
        SELECT DISTINCT plan_id, action_id FROM output_chunks
        WHERE NOT EXISTS (
            SELECT 1 FROM actions WHERE plan_id = output_chunks.plan_id AND id = output_chunks.action_id
        )
    """,
    "the callback {1} of task {0} belongs to no action": """
        SELECT plan_id, callbacks.id FROM callbacks
        WHERE NOT EXISTS (SELECT 1 FROM actions WHERE plan_id = callbacks.plan_id AND id = callbacks.action_id)
    """,
    "task {0} has ended, and passwords of it are still there": """
        SELECT DISTINCT id FROM plans JOIN sealed_secrets ON plan_id = plans.id WHERE state = 'stopped'
    """,
    "task {0} waits for its time, and nothing says when that is": """
        SELECT id FROM plans
        WHERE state = 'scheduled' AND NOT EXISTS (SELECT 1 FROM delayed_plans WHERE plan_id = plans.id)
    """,
}
"""What cannot be, in a sentence with what the statement finds. Foreign keys see to the rest."""

_NAMES: Final = {
    "searches do not find the host {0}": """
        SELECT DISTINCT host FROM plans WHERE host IS NOT NULL
        EXCEPT SELECT name FROM plan_names WHERE kind = 'host'
    """,
    "searches do not find the label {0}": """
        SELECT DISTINCT label FROM plans WHERE label IS NOT NULL
        EXCEPT SELECT name FROM plan_names WHERE kind = 'label'
    """,
    "the index of words has the output of a task that is gone (row {0})": """
        SELECT id FROM output_words_docsize WHERE id NOT IN (SELECT id FROM digests)
    """,
    "the index of words does not have the output of task {0}": """
        SELECT plan_id FROM digests
        WHERE id NOT IN (SELECT id FROM output_words_docsize)
            AND EXISTS (SELECT 1 FROM output_chunks WHERE plan_id = digests.plan_id AND text <> '')
    """,
}


@dataclass(frozen=True, slots=True)
class Checkup:
    """What was found.

    @param problems: a sentence for each; nothing when all is well.
    @param size: bytes that are in use.
    """

    problems: tuple[str, ...]
    schema: int = 0
    tasks: int = 0
    size: int = 0


def examine(path: Path, key_file: Path) -> Checkup:
    """Look at a database and at the key for the secrets in it.

    @param key_file: see L{Vault}.
    """
    problems: list[str] = []
    try:
        with reading(path) as tx:
            tx.execute("BEGIN")
            require_schema(tx, path)
            problems += _structure(tx)
            if problems:
                return Checkup(tuple(problems))
            problems += _sentences(tx, _ORPHANS)
            problems += _sentences(tx, _NAMES)
            problems += _words(tx)
            problems += _key(tx, key_file)
            return Checkup(tuple(problems), schema(tx), count(tx, None), cleaning.size(tx))
    except StoreError as error:
        return Checkup((*problems, str(error)))


def _structure(tx: sqlite3.Cursor) -> Iterator[str]:
    """Whether the file is what SQLite has written; where it is not, other answers mean nothing."""
    yield from (row[0] for row in tx.execute(_INTEGRITY).fetchall() if row[0] != "ok")
    for table, row, parent, _ in tx.execute(_FOREIGN_KEYS).fetchmany(_MOST):
        yield f"row {row} of {table} refers to nothing in {parent}"


def _sentences(tx: sqlite3.Cursor, wanted: dict[str, str]) -> Iterator[str]:
    for sentence, statement in wanted.items():
        yield from (sentence.format(*row) for row in tx.execute(statement).fetchmany(_MOST))


def _words(tx: sqlite3.Cursor) -> Iterator[str]:
    """Whether the index of words can be read from end to end; SQLite's own check of it would have to write."""
    try:
        tx.execute(_WORDS)
        tx.execute(_COUNT_WORDS).fetchone()
    except sqlite3.DatabaseError as error:
        yield f"the index of words is damaged: {error}"


def _key(tx: sqlite3.Cursor, key_file: Path) -> Iterator[str]:
    """Whether the secrets of jobs can be opened, should the service have to go on with them."""
    waiting = vault.any_sealed(tx)
    if not key_file.exists():
        yield (
            f"the key file {key_file} is missing; bring back its copy, or jobs that wait cannot log in"
            if waiting
            else f"the key file {key_file} is missing; the service makes another one when it starts"
        )
        return
    try:
        key = Vault.open(key_file)
    except StoreError as error:
        yield str(error)
        return
    if waiting and not key.opens(waiting):
        yield f"the key file {key_file} is not the one that the passwords in the database were encrypted with"
