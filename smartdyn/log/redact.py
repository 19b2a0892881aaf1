"""The last look at what is written: credentials that came along in the words of libraries or in addresses.

Our own secrets hide themselves (L{smartdyn.secret.Secret}); this is for those that never were ours.
"""

from __future__ import annotations

import re
from typing import Final

from smartdyn.secret import HIDDEN

_USER_INFO: Final = re.compile(r"(?<=://)[^\s\"'<>/?#]{0,300}(?::(?!\d{1,5}/)[^\s\"'<>]{0,300})?@")
"""To the last C{@} that can belong to it: passwords may have one, and slashes too, but what looks like a port is one.
It has an end, so that a long text without blanks takes no longer than any other."""

_HEADER: Final = re.compile(
    r"\b((?:proxy-)?authorization|(?:set-)?cookie|x-[\w-]{0,30}(?:auth|key|secret|token)[\w-]{0,30})"
    r"(b?['\"]?\s*[:=,]>?\s*\[?b?['\"]?)[^'\"\n]+",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """C{text} without user and password in addresses, and without what stands behind the names of headers."""
    if "://" in text:
        text = _USER_INFO.sub(f"{HIDDEN}@", text)
    return _HEADER.sub(rf"\1\2{HIDDEN}", text)
