"""Takes secrets out of texts that others have written: logs, settings, what tasks say.

Nothing that is known to be secret gets this far; this is for what nobody has marked. It hides more than our log does
(L{smartdyn.log.redact}), rather too much than too little, but no names of hosts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from smartdyn.log.redact import redact
from smartdyn.secret import HIDDEN

_NAME: Final = (
    r"passw(?:or)?d|[_-]pwd|passphrase|passcode|secret|token|credential|(?:api|access|private)[_-]?key|\botp\b"
)
_SECRET_NAME: Final = re.compile(_NAME, re.IGNORECASE)
_VALUE = r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s,;&"'{}\[\]]+)"""
_SHORTEST: Final = 4
"""Characters of a value that is hidden wherever it stands: shorter ones stand everywhere."""

_KEYS: Final = re.compile(
    r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,20}PRIVATE KEY-----|\Z)", re.DOTALL
)
_RULES: Final = (
    (re.compile(r"\b(basic|bearer|digest|negotiate)(\s+)[\w+/=.~-]{8,}", re.IGNORECASE), rf"\1\2{HIDDEN}"),
    # options of commands
    (re.compile(r"(\bsshpass\s+-p\s*|\bcurl\b[^\r\n|;]{0,500}?\s(?:-u|--user)[\s=]+)" + _VALUE), rf"\1{HIDDEN}"),
    (re.compile(rf"(--?[\w-]{{0,30}}(?:{_NAME})[\w-]{{0,30}}[ =])\s*{_VALUE}", re.IGNORECASE), rf"\1{HIDDEN}"),
    # tokens that can be told by how they look
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*"), HIDDEN),
    (re.compile(r"\b(?:gh[opsu]_|github_pat_|glpat-|xox[abp]-|AKIA)[\w-]{10,}"), HIDDEN),
)
"""Each repetition has an end, so that a long text without blanks takes no longer than any other."""

_PAIR: Final = re.compile(rf"((?:{_NAME})[\w.-]{{0,60}})([\"']?\s*(?:=>|[:=])\s*)({_VALUE})", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Would what has this name be a secret? The name of a file is none."""
    return _SECRET_NAME.search(name) is not None and not name.lower().endswith("file")


class Redactor:
    """Hides what looks like a secret, and what is known to be one wherever it stands."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        """
        @param known: secrets, as they are.
        """
        wanted = sorted({each for each in known if len(each) >= _SHORTEST}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, wanted))) if wanted else None

    def text(self, text: str) -> str:
        """C{text} without secrets."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        text = redact(_KEYS.sub(HIDDEN, text))
        for pattern, replacement in _RULES:
            text = pattern.sub(replacement, text)
        return _PAIR.sub(_hide_pair, text)

    def value(self, value: Any) -> Any:
        """A JSON value without secrets, also without what stands below the name of one."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: HIDDEN if is_secret_name(str(key)) else self.value(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        return value


def _hide_pair(found: re.Match[str]) -> str:
    if not is_secret_name(found[1]):
        return found[0]
    quote = found[3][0] if found[3][0] in "\"'" else ""
    return f"{found[1]}{found[2]}{quote}{HIDDEN}{quote}"
