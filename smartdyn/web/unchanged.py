"""Answers that need not be made again, since nothing has been written to the database meanwhile.

Foreman asks for the same tasks all the time, and most of the time nothing has happened to them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Final

_MOST: Final = 1000
_LARGEST: Final = 64 * 1024
"""Bytes of an answer that is kept: what is longer is asked for more seldom."""


class Unchanged:
    """Keeps answers until the next commit."""

    def __init__(self, version: Callable[[], int]) -> None:
        """
        @param version: another number after each commit, before anybody is told of it.
        """
        self._version = version
        self._of = -1
        self._kept: dict[Hashable, bytes] = {}

    async def get(self, key: Hashable, make: Callable[[], Awaitable[bytes]]) -> bytes:
        """The answer to a question.

        @param make: finds it, when it is not known or no longer right; its errors are not kept.
        """
        version = self._version()
        if version != self._of:
            self._of = version
            self._kept.clear()
        known = self._kept.get(key)
        if known is not None:
            return known
        made = await make()
        # What was read before a commit and comes after it may be old already
        if version == self._version() == self._of and len(made) <= _LARGEST and len(self._kept) < _MOST:
            self._kept[key] = made
        return made
