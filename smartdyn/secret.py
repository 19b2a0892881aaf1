"""A secret is a type, so that printing, logging or encoding one by accident shows nothing."""

from __future__ import annotations

import hmac
from typing import Any, Final

HIDDEN: Final = "[hidden]"


class Secret:
    """A password or passphrase whose every visible form is C{[hidden]}.

    The clear text comes out only through L{reveal}, which makes each use easy to find in a review.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The clear text. Hand it to the peer that needs it and keep no copy."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)

    def __reduce__(self) -> tuple[Any, ...]:
        return (str, (HIDDEN,))


def conceal(value: Any) -> Any:
    """C{value} with every string and number in it turned into a L{Secret}; nulls, booleans and shape are kept."""
    if isinstance(value, dict):
        return {key: conceal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [conceal(item) for item in value]
    if value is None or isinstance(value, (bool, Secret)):
        return value
    return Secret(value if isinstance(value, str) else repr(value))


def conceal_secrets(value: Any) -> Any:
    """C{value} with whatever stands below a key C{secrets}, at any depth, concealed.

    Foreman puts all passwords of a job below that key (C{Actions::Middleware::HideSecrets} hides the same one).
    """
    if isinstance(value, dict):
        return {key: conceal(item) if key == "secrets" else conceal_secrets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [conceal_secrets(item) for item in value]
    return value


def hide(value: Any) -> Any:
    """C{value} as plain JSON: each L{Secret} replaced by its visible form."""
    if isinstance(value, Secret):
        return HIDDEN
    if isinstance(value, dict):
        return {key: hide(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [hide(item) for item in value]
    return value
