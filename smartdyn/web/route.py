"""What can be asked for, and how that is described."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from smartdyn.web.authorization import Forbidden

Handler = Callable[..., Awaitable[bytes]]
Refusal = Callable[[Any, Forbidden], bytes]


@dataclass(frozen=True, slots=True)
class Route:
    """One thing that can be asked for.

    @param path: in Klein's syntax, below the prefix.
    @param slash: whether a trailing slash makes no difference.
    @param body: the type of the request's body; None when there is none.
    @param answer: the type of the answer; None when it is no JSON.
    @param query: the parameters behind the question mark.
    @param media: the type of an answer that is no JSON.
    @param statuses: those of answers that are no errors.
    @param refusal: answers those who may not; None for an error in JSON.
    """

    method: str
    path: str
    handler: Handler
    slash: bool = False
    body: Any = None
    answer: Any = None
    query: tuple[str, ...] = ()
    media: str | None = None
    statuses: tuple[int, ...] = (200,)
    refusal: Refusal | None = None

    @property
    def key(self) -> str:
        """What L{smartdyn.web.access.ACCESS} knows it by."""
        return f"{self.method} {self.path}"
