"""JSON as it is kept in the database and sent over HTTP."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from smartdyn.secret import HIDDEN, Secret

_LARGEST = 2**63 - 1


class NotSerializable(TypeError):
    """A value has no JSON form.

    @param path: where it stands, such as C{$.result[0].when}.
    """

    def __init__(self, path: str, value: object) -> None:
        super().__init__(f"{path} is a {type(value).__name__}, which cannot be stored as JSON")
        self.path = path


def dumps(value: Any) -> str:
    """C{value} as JSON text. Secrets are hidden, NaN and infinities become null, lone surrogates U+FFFD.

    @raise NotSerializable: something in it is no JSON value.
    """
    return encode(value).decode()


def encode(value: Any) -> bytes:
    """Like L{dumps}, as UTF-8."""
    try:
        return msgspec.json.encode(value, enc_hook=_hook)
    except (TypeError, ValueError, OverflowError, msgspec.MsgspecError):
        return _encode_careful(_clean(value, "$"))


def loads(text: str | bytes) -> Any:
    """The value that L{dumps} wrote."""
    return msgspec.json.decode(text)


def _hook(value: Any) -> Any:
    if isinstance(value, Secret):
        return HIDDEN
    raise TypeError(type(value).__name__)


def _encode_careful(value: Any) -> bytes:
    return msgspec.json.encode(value)


def _clean(value: Any, path: str) -> Any:
    """C{value} with what JSON encoders stumble over replaced; the slow path, which also finds what is to blame."""
    if isinstance(value, Secret):
        return HIDDEN
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _LARGEST else msgspec.Raw(str(value).encode())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        cleaned = {}
        for key, item in value.items():
            if not isinstance(key, (str, int)):
                raise NotSerializable(f"the key {key!r} of {path}", key)
            cleaned[str(_clean(key, path))] = _clean(item, f"{path}.{key}")
        return cleaned
    if isinstance(value, (list, tuple)):
        return [_clean(item, f"{path}[{index}]") for index, item in enumerate(value)]
    raise NotSerializable(path, value)
