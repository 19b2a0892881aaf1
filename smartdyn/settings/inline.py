"""Values as YAML, on one line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from smartdyn.settings.scalars import meaning

_PLAIN: Final = re.compile(r"[A-Za-z0-9/~][A-Za-z0-9/~._:-]*(?<!:)")


def inline(value: Any) -> str:
    """On one line, so that YAML of any age reads the same: texts are in quotes unless they can be nothing else."""
    if value is None:
        return "~"
    if isinstance(value, str):
        return value if _PLAIN.fullmatch(value) and meaning(value) == value else _quoted(value)
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{inline(key)}: {inline(item)}' for key, item in value.items())}}}"
    if isinstance(value, Sequence):
        return f"[{', '.join(map(inline, value))}]"
    return json.dumps(value)


def _quoted(text: str) -> str:
    """In double quotes, with what is not plainly printable as its number (YAML 1.1, 5.6)."""
    return '"' + "".join(each if _is_plain(each) else f"\\U{ord(each):08x}" for each in text) + '"'


def _is_plain(character: str) -> bool:
    return character.isascii() and character.isprintable() and character not in '"\\'
