"""The format of OpenSSH's known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

SSH_PORT = 22
REVOKED = "@revoked"
AUTHORITY = "@cert-authority"
_MARKERS = frozenset({"", REVOKED, AUTHORITY})


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the file.

    @param marker: C{@revoked}, C{@cert-authority} or empty.
    @param patterns: names and patterns, as written.
    """

    line: int
    marker: str
    patterns: str
    key_type: str
    blob: bytes

    @property
    def is_general(self) -> bool:
        """Is this about more than the hosts it names one by one? Then it is the administrator's, not ours."""
        return bool(self.marker) or (not self.is_hashed and any(sign in self.patterns for sign in "*?!"))

    @property
    def is_hashed(self) -> bool:
        """Is the name hidden?"""
        return self.patterns.startswith("|")

    def matches(self, name: str) -> bool:
        """Is this line about the host called C{name} (C{host} or C{[host]:port})?"""
        if self.is_hashed:
            return _matches_hashed(self.patterns, name)
        found = False
        for pattern in self.patterns.lower().split(","):
            if pattern.startswith("!") and _matches_pattern(pattern[1:], name):
                return False
            found = found or _matches_pattern(pattern, name)
        return found


def parse(text: str) -> Iterator[Entry]:
    """The entries of a file; lines that are no entries are passed over, as OpenSSH does."""
    for number, line in enumerate(text.split("\n"), 1):
        entry = parse_line(number, line)
        if entry is not None:
            yield entry


def parse_line(number: int, line: str) -> Entry | None:
    """The entry on a line, None if there is none."""
    fields = line.split()
    marker = fields.pop(0) if fields and fields[0].startswith("@") else ""
    if len(fields) < 3 or fields[0].startswith("#") or marker not in _MARKERS:
        return None
    try:
        blob = base64.b64decode(fields[2], validate=True)
    except (binascii.Error, ValueError):
        return None
    return Entry(number, marker, fields[0], fields[1], blob)


def host_name(host: str, port: int) -> str:
    """The name under which a host's key is kept."""
    return host.lower() if port == SSH_PORT else f"[{host.lower()}]:{port}"


def render(name: str, key_type: str, blob: bytes) -> str:
    """The line that says that this is the key of that host."""
    return f"{name} {key_type} {base64.b64encode(blob).decode()}\n"


def without_names(line: str, entry: Entry, names: Collection[str]) -> str | None:
    """The line without some of the names it is about; None when no other was there."""
    kept = [] if entry.is_hashed else [each for each in entry.patterns.split(",") if each.lower() not in names]
    return line.replace(entry.patterns, ",".join(kept), 1) if kept else None


def fingerprint(blob: bytes) -> str:
    """A key's fingerprint as OpenSSH shows it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _matches_pattern(pattern: str, name: str) -> bool:
    literal = pattern.replace("[", "[[]")
    return fnmatchcase(name, literal)


def _matches_hashed(pattern: str, name: str) -> bool:
    try:
        _, version, salt, digest = pattern.split("|")
        key, expected = base64.b64decode(salt, validate=True), base64.b64decode(digest, validate=True)
    except (ValueError, binascii.Error):
        return False
    return version == "1" and hmac.compare_digest(hmac.digest(key, name.encode(), "sha1"), expected)
