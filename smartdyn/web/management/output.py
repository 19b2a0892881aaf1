"""Output for programs: a line of JSON for each chunk, whose position is all that is needed to go on behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, Final

from twisted.internet.defer import Deferred

from smartdyn.aio import deadline, sleep
from smartdyn.errors import DeadlineExceeded, StoreError
from smartdyn.model.states import PlanState
from smartdyn.model.views import OutputChunk
from smartdyn.store.json import encode
from smartdyn.store.output_reader import OutputReader
from smartdyn.web.console.line_index import count_lines, locate
from smartdyn.web.console.lines import Mark

HEARTBEAT: Final = 15.0
"""Seconds without output after which an empty line shows that the connection is alive."""

_PACE: Final = 0.1
"""Seconds in which what comes is gathered."""


async def chunks(
    reader: OutputReader,
    clock: Any,
    plan_id: str,
    action_id: int | None,
    start: Mark,
    *,
    follow: bool,
    end: Callable[[], Awaitable[bytes]],
) -> AsyncIterator[bytes]:
    """What an action prints, until the task is over or paused, or the database closes; then C{end}.

    A stream without an end was cut: whoever reads it asks again for what comes after its last chunk.

    @param action_id: whose output; None for the first action that prints anything.
    @param start: the first chunk, and how much of it is not wanted.
    @param follow: wait for what comes later.
    """
    position = start.position
    yield b"\n"
    while True:
        changed = reader.changed()
        try:
            piece = await reader.piece(plan_id, action_id, position)
        except StoreError:
            changed.cancel()
            return
        action_id = piece.action_id
        if piece.chunks:
            yield b"".join(_line(action_id, chunk, start) for chunk in piece.chunks)
            position = piece.chunks[-1].position + 1
        last = not piece.more and (piece.over or piece.state is PlanState.PAUSED or not follow)
        if last or piece.more:
            _forget(changed)
        if last:
            yield await end()
            return
        if not piece.more:
            await sleep(clock, _PACE)
            try:
                await deadline(clock, HEARTBEAT, "new output", changed)
            except DeadlineExceeded:
                yield b"\n"


async def last_lines(reader: OutputReader, plan_id: str, action_id: int | None, wanted: int) -> Mark:
    """Where the last lines of what there is begin."""
    if action_id is None:
        action_id = next(iter(await reader.actions(plan_id)), None)
    if action_id is None:
        return Mark()
    total = await reader.whole(plan_id, action_id, count_lines)
    return await reader.whole(plan_id, action_id, partial(locate, wanted=max(1, total - wanted + 1)))


def _line(action_id: int | None, chunk: OutputChunk, start: Mark) -> bytes:
    text = chunk.text[start.skip :] if chunk.position == start.position else chunk.text
    return (
        encode(
            {
                "action": action_id,
                "position": chunk.position,
                "type": chunk.type,
                "timestamp": chunk.timestamp,
                "text": text,
            }
        )
        + b"\n"
    )


def _forget(changed: Deferred[None]) -> None:
    changed.addErrback(lambda failure: None)
    changed.cancel()
