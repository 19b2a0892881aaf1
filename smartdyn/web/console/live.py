"""Output as it comes: server-sent events (WHATWG HTML, 9.2) that go on exactly where a viewer was.

The id of an event is the place behind its last line, with all that is needed to go on from there, so nothing has to be
remembered for a viewer: not across a lost connection, and not across a restart of the service.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from smartdyn.aio import deadline, sleep
from smartdyn.errors import DeadlineExceeded, StoreError
from smartdyn.store.output_reader import OutputReader
from smartdyn.web.console.lines import Line, LineReader, Mark
from smartdyn.web.console.log_html import BLOCK, blocks, element, opening

_HEARTBEAT = 15.0
"""Seconds without output after which a comment shows that the connection is alive."""

_PACE = 0.1
"""Seconds in which what comes is gathered."""

_RETRY = 500
"""Milliseconds after which a browser connects again."""


async def events(
    reader: OutputReader,
    clock: Any,
    plan_id: str,
    action_id: int | None,
    mark: Mark,
    ending: Callable[[int], Awaitable[str]],
    *,
    times: bool,
) -> AsyncIterator[bytes]:
    """What a viewer is told, until the task is over or the database closes.

    @param action_id: whose output; None for the first action that prints anything.
    @param mark: the place up to which the viewer has everything.
    @param ending: how a page says that the task is over, for so many lines.
    @raise smartdyn.errors.PlanNotFound: there is no such task.
    """
    lines = LineReader(mark)
    unfinished: Line | None = None
    yield b"retry: %d\n\n" % _RETRY
    while True:
        changed = reader.changed()
        try:
            piece = await reader.piece(plan_id, action_id, lines.position)
        except StoreError:
            changed.cancel()
            return
        action_id = piece.action_id
        complete = list(lines.feed(piece.chunks))
        over = piece.over and not piece.more
        if over:
            complete += lines.finish()
        if complete:
            yield _lines(complete, lines.mark, times=times)
        rest = lines.rest()
        if rest != unfinished:
            unfinished = rest
            yield _event("partial", ["".join(blocks([rest], times=times)).rstrip()] if rest else [""])
        if over or piece.more:
            changed.addErrback(lambda failure: None)
            changed.cancel()
        if over:
            # whoever cannot be told now asks again
            with suppress(StoreError):
                yield _event("end", (await ending(lines.mark.number - 1)).splitlines())
            return
        if not piece.more:
            await sleep(clock, _PACE)
            try:
                await deadline(clock, _HEARTBEAT, "new output", changed)
            except DeadlineExceeded:
                yield b": nothing new\n\n"


def _lines(lines: Sequence[Line], mark: Mark, *, times: bool) -> bytes:
    blocks = [lines[begin : begin + BLOCK] for begin in range(0, len(lines), BLOCK)]
    data = []
    for block in blocks:
        data += [opening(block), *(element(line, times=times) for line in block), "</div>"]
    return _event("lines", data, str(mark))


def _event(name: str, data: Sequence[str], mark: str | None = None) -> bytes:
    """An event; none of its lines has a line feed or carriage return in it."""
    fields = [f"id: {mark}"] if mark is not None else []
    fields += [f"event: {name}", *(f"data: {line}" for line in data)]
    return ("\n".join(fields) + "\n\n").encode("utf-8", "replace")
