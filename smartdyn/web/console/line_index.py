"""How many lines an output has, and where each begins: found without making them, and remembered while it grows.

A page that follows a job asks every few seconds, and an output may be gigabytes long.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from smartdyn.model.views import OutputChunk
from smartdyn.store.output_reader import OutputReader
from smartdyn.web.console.lines import Mark

_APART: Final = 64
"""Chunks between two places that are remembered."""

_MOST: Final = 200
"""Outputs of which something is remembered: those that were looked at last."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place between two chunks.

    @param position: of the chunk behind it.
    @param ended: lines that end before it.
    @param kind: the type of a line that has begun before it and does not end there; empty when there is none.
    """

    position: int = 0
    ended: int = 0
    kind: str = ""

    @property
    def begun(self) -> int:
        """Lines that begin before it."""
        return self.ended + bool(self.kind)

    def behind(self, chunk: OutputChunk) -> Place:
        """The place behind the next chunk."""
        if not chunk.text:
            return Place(chunk.position + 1, self.ended, self.kind)
        ended = self.ended + chunk.text.count("\n") + (bool(self.kind) and self.kind != chunk.type)
        return Place(chunk.position + 1, ended, "" if chunk.text.endswith("\n") else chunk.type)


BEGIN: Final = Place()


def count_lines(chunks: Iterable[OutputChunk], place: Place = BEGIN) -> int:
    """How many lines there are, an unfinished one included.

    @param chunks: from C{place} on.
    """
    for chunk in chunks:
        place = place.behind(chunk)
    return place.begun


def locate(chunks: Iterable[OutputChunk], wanted: int, place: Place = BEGIN) -> Mark:
    """Where a line begins; the end when there is no such line.

    The style with which earlier lines may have left off is not known there: a window begins in plain.

    @param chunks: from C{place} on.
    @param wanted: the number of the line.
    @param place: before the line begins.
    """
    for chunk in chunks:
        following = place.behind(chunk)
        if following.begun >= wanted:
            ended = place.ended + (bool(place.kind) and place.kind != chunk.type)
            begin = 0
            for _ in range(wanted - 1 - ended):
                begin = chunk.text.index("\n", begin) + 1
            return Mark(chunk.position, begin, wanted)
        place = following
    return Mark(place.position, 0, place.begun + 1)


class LineIndex:
    """What is remembered of one output."""

    def __init__(self) -> None:
        self._places = [BEGIN]
        self._end = BEGIN

    @property
    def position(self) -> int:
        """Of the first chunk that was not looked at."""
        return self._end.position

    @property
    def total(self) -> int:
        """How many lines there are before that, an unfinished one included."""
        return self._end.begun

    def grow(self, chunks: Iterable[OutputChunk]) -> None:
        """Look at what has come; called in a thread.

        @param chunks: from what was L{position} on: others may have looked at them meanwhile.
        """
        for chunk in chunks:
            if chunk.position < self._end.position:
                continue
            self._end = self._end.behind(chunk)
            if self._end.position - self._places[-1].position >= _APART:
                self._places.append(self._end)

    def before(self, wanted: int) -> Place:
        """The last place that is remembered before a line begins."""
        return self._places[max(bisect_left(self._places, wanted, key=lambda place: place.begun) - 1, 0)]


class LineIndexes:
    """What is remembered of outputs."""

    def __init__(self, reader: OutputReader) -> None:
        self._reader = reader
        self._known: OrderedDict[tuple[str, int], LineIndex] = OrderedDict()

    async def total(self, plan_id: str, action_id: int) -> int:
        """How many lines there are just now."""
        index = self._index(plan_id, action_id)
        await self._reader.whole(plan_id, action_id, index.grow, index.position)
        return index.total

    async def mark(self, plan_id: str, action_id: int, wanted: int) -> Mark:
        """Where a line begins."""
        place = self._index(plan_id, action_id).before(wanted)
        return await self._reader.whole(
            plan_id, action_id, lambda chunks: locate(chunks, wanted, place), place.position
        )

    def _index(self, plan_id: str, action_id: int) -> LineIndex:
        index = self._known.setdefault((plan_id, action_id), LineIndex())
        self._known.move_to_end((plan_id, action_id))
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
        return index
