"""Parameters of requests."""

from __future__ import annotations

from typing import Any

from smartdyn.errors import InvalidRequest


def argument(request: Any, name: str, default: str = "") -> str:
    """A parameter of a request: of its URL, or of a form."""
    found: list[bytes] = request.args.get(name.encode(), [])
    return found[-1].decode("utf-8", "replace") if found else default


def step_number(text: str) -> int:
    """The number of a step, in a path.

    @raise InvalidRequest: it is none.
    """
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise InvalidRequest(f"{text[:20]!r} is no step.")
    return int(text)


def number(request: Any, name: str, default: int) -> int:
    """A parameter that is a number, not negative.

    @raise InvalidRequest: it is something else.
    """
    text = argument(request, name)
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise InvalidRequest(f"`{name}` must be a number, not {text[:40]!r}.")
    return int(text)
