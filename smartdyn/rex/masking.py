"""Keeps a job's secrets out of its output, wherever the network cuts it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from smartdyn.secret import Secret

MASK: Final = b"*****"

_SHORTEST: Final = len(MASK)
"""Bytes. What is shorter turns up by chance in output that has nothing to do with it, and marking it there would tell
it."""


class Mask:
    """Replaces secrets in a stream of bytes, the leftmost first and of those the longest.

    What may be the beginning of a secret is held back until the next bytes decide it; nothing else is. Having dealt
    with some bytes for good leaves no trace, so that another L{Mask} can go on behind them.
    """

    def __init__(self, secrets: Iterable[Secret]) -> None:
        words = {secret.reveal().encode("utf-8", "surrogatepass") for secret in secrets}
        longest_first = sorted((word for word in words if len(word) >= _SHORTEST), key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, longest_first))) if longest_first else None
        beginnings = {word[:length] for word in longest_first for length in range(1, len(word))}
        self._beginnings = tuple(sorted(beginnings, key=len, reverse=True))
        self._held = b""

    @property
    def held(self) -> int:
        """How many bytes are held back."""
        return len(self._held)

    def feed(self, data: bytes) -> bytes:
        """What can be shown now."""
        if self._pattern is None:
            return data
        data = self._held + data
        decided = self._decided(data)
        self._held = data[decided:]
        return self._pattern.sub(MASK, data[:decided])

    def finish(self) -> bytes:
        """What was held back, when nothing comes any more that could make it a secret."""
        held, self._held = self._held, b""
        return self._pattern.sub(MASK, held) if self._pattern is not None else held

    def _decided(self, data: bytes) -> int:
        """How much of C{data} reads the same whatever follows."""
        assert self._pattern is not None
        undecided = len(data) - self._beginning_at_end(data)
        if undecided == len(data):
            return undecided
        for match in self._pattern.finditer(data):
            if match.start() >= undecided:
                break
            if match.end() > undecided:
                undecided = len(data) - self._beginning_at_end(data[match.end() :])
        return undecided

    def _beginning_at_end(self, data: bytes) -> int:
        """The length of the longest beginning of a secret that C{data} ends with."""
        if not data.endswith(self._beginnings):
            return 0
        return next(len(beginning) for beginning in self._beginnings if data.endswith(beginning))
