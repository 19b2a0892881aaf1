"""Several callbacks in one request, and halves of it when Foreman stumbles over one.

Foreman deals with a batch in order and gives up at the first element that it cannot digest, so whatever stands behind
that one would never arrive.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from smartdyn.foreman import retry
from smartdyn.foreman.retry import Answer, Verdict

P = TypeVar("P")

_ABOUT_ALL = frozenset({403, 408, 425, 429})
"""Refusals that have nothing to do with what is in the batch."""


@dataclass(frozen=True, slots=True)
class Refused(Generic[P]):
    """Parts that Foreman did not take, and what it said."""

    parts: tuple[P, ...]
    answer: Answer


async def deliver(parts: Sequence[P], send: Callable[[Sequence[P]], Awaitable[Answer]]) -> list[Refused[P]]:
    """Have a batch taken as far as Foreman takes it.

    @return: what it did not take; nothing when it has all.
    """
    answer = await send(parts)
    if answer.status == 200:
        return []
    if len(parts) == 1 or answer.status is None or answer.status in _ABOUT_ALL:
        return [Refused(tuple(parts), answer)]
    middle = len(parts) // 2
    return [*await deliver(parts[:middle], send), *await deliver(parts[middle:], send)]


def to_repeat(refused: Sequence[Refused[P]], age: float) -> list[P]:
    """The parts that are worth another attempt.

    @param age: seconds since the group ended.
    """
    return [part for each in refused if retry.judge(each.answer, age) is Verdict.RETRY for part in each.parts]
