"""Output that is too long to be held in memory as a whole: it is read and encoded page by page.

A value that is to become JSON may hold a L{LongOutput} where the list of chunks would stand.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from smartdyn.store import output
from smartdyn.store.database import Database
from smartdyn.store.json import encode

LONG = 16 * 1024 * 1024
"""Characters from which on an output is long."""

_PAGE = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class LongOutput:
    """Stands for the output of an action, up to a position.

    @param until: the position behind the last chunk: what comes later is not in it, however long reading takes.
    """

    plan_id: str
    action_id: int
    until: int


def of_action(tx: sqlite3.Cursor, plan_id: str, action_id: int) -> list[dict[str, Any]] | LongOutput:
    """The output of an action as Foreman reads it, if it is not too long."""
    found, more = output.page(tx, plan_id, action_id, 0, None, LONG)
    if more:
        return LongOutput(plan_id, action_id, output.end(tx, plan_id, action_id).position)
    return [chunk.to_json() for chunk in found]


def is_long(value: Any) -> bool:
    """Is a long output somewhere in a value?"""
    if isinstance(value, dict):
        return any(map(is_long, value.values()))
    if isinstance(value, list):
        return any(map(is_long, value))
    return isinstance(value, LongOutput)


async def stream(database: Database, value: Any) -> AsyncIterator[bytes]:
    """The JSON of a value in pieces of bearable size."""
    for part in _parts(value):
        if isinstance(part, bytes):
            yield part
            continue
        async for piece in _pages(database, part):
            yield piece


def _parts(value: Any) -> Sequence[bytes | LongOutput]:
    """The JSON of a value, with the long outputs in their places."""
    found: dict[bytes, LongOutput] = {}

    def stand_in(long: LongOutput) -> str:
        token = secrets.token_hex(16)
        found[f'"{token}"'.encode()] = long
        return token

    rest = encode(_replaced(value, stand_in))
    parts: list[bytes | LongOutput] = []
    for token, long in found.items():
        before, _, rest = rest.partition(token)
        parts += [before, long]
    return [*parts, rest]


def _replaced(value: Any, stand_in: Callable[[LongOutput], str]) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(item, stand_in) for key, item in value.items()}
    if isinstance(value, list) and is_long(value):
        return [_replaced(item, stand_in) for item in value]
    return stand_in(value) if isinstance(value, LongOutput) else value


async def _pages(database: Database, long: LongOutput) -> AsyncIterator[bytes]:
    """A list of chunks."""
    yield b"["
    position, more = 0, True
    while more:
        piece, position, more = await database.query(partial(_encoded, long=long, position=position))
        yield piece
    yield b"]"


def _encoded(tx: sqlite3.Cursor, *, long: LongOutput, position: int) -> tuple[bytes, int, bool]:
    chunks, more = output.page(tx, long.plan_id, long.action_id, position, long.until, _PAGE)
    body = msgspec.json.encode([chunk.to_json() for chunk in chunks])[1:-1]
    following = chunks[-1].position + 1 if chunks else position
    return (b"," + body if position and body else body), following, more
