"""The last look at what is written: credentials that came along in the words of libraries or in addresses.

Our own secrets hide themselves (L{smartdyn.secret.Secret}); this is for those that never were ours.
"""

from __future__ import annotations

import re
from typing import Final

from smartdyn.secret import HIDDEN

_USER_INFO: Final = re.compile(r"(?<=://)[^\s/@'\"]+@")
_HEADER: Final = re.compile(
    r"((?:proxy-)?authorization|(?:set-)?cookie|x-[\w-]*token)(b?['\"]?\s*[:=,]\s*\[?b?['\"]?)[^'\"\n]+", re.IGNORECASE
)


def redact(text: str) -> str:
    """C{text} without user and password in addresses, and without what stands behind the names of headers."""
    if "://" in text:
        text = _USER_INFO.sub(f"{HIDDEN}@", text)
    return _HEADER.sub(rf"\1\2{HIDDEN}", text)
