"""The host keys we know, in the format of OpenSSH's known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from smartdyn.ssh.errors import HostKeyRejected

_CHANGED = """@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
The {type} key sent by {name} has the fingerprint {fingerprint}, and {file}:{line} holds another one.
If the host was reinstalled, remove that line; otherwise somebody may be listening in."""


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

    def matches(self, name: str) -> bool:
        """Is this line about the host called C{name} (C{host} or C{[host]:port})?"""
        if self.patterns.startswith("|"):
            return _matches_hashed(self.patterns, name)
        found = False
        for pattern in self.patterns.lower().split(","):
            if pattern.startswith("!") and _matches_pattern(pattern[1:], name):
                return False
            found = found or _matches_pattern(pattern, name)
        return found


def parse(text: str) -> Iterator[Entry]:
    """The entries of a file; lines that are no entries are passed over, as OpenSSH does."""
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split()
        marker = fields.pop(0) if fields and fields[0].startswith("@") else ""
        if len(fields) < 3 or fields[0].startswith("#"):
            continue
        try:
            blob = base64.b64decode(fields[2], validate=True)
        except (binascii.Error, ValueError):
            continue
        yield Entry(number, marker, fields[0], fields[1], blob)


def host_name(host: str, port: int) -> str:
    """The name under which a host's key is kept."""
    return host.lower() if port == 22 else f"[{host.lower()}]:{port}"


class KnownHosts:
    """Checks host keys and learns new ones.

    All in memory and at once: Conch breaks the connection when the answer to a host key comes late. The file is read
    again when somebody else changes it.
    """

    def __init__(self, path: Path, *, learn: bool = True) -> None:
        """
        @param learn: accept the key of a host of which none is known, and remember it (C{accept-new}).
        """
        self._path = path
        self._learn = learn
        self._entries: tuple[Entry, ...] = ()
        self._stamp: tuple[int, int] | None = None

    def key_types(self, host: str, port: int) -> list[str]:
        """The types of the keys known for a host: those to ask the server for first."""
        return [entry.key_type for entry in self._of(host_name(host, port)) if not entry.marker]

    def verify(self, host: str, port: int, key_type: str, blob: bytes) -> None:
        """Accept a host key or refuse it.

        @raise HostKeyRejected: it is revoked, differs from the known one, or is unknown and may not be learned.
        """
        name = host_name(host, port)
        known = self._of(name)
        if any(entry.marker == "@revoked" and entry.blob == blob for entry in known):
            raise HostKeyRejected(name, key_type, f"The {key_type} key of {name} is marked as revoked.")
        same_type = [entry for entry in known if not entry.marker and entry.key_type == key_type]
        if any(entry.blob == blob for entry in same_type):
            return
        if same_type:
            raise HostKeyRejected(
                name,
                key_type,
                _CHANGED.format(
                    type=key_type,
                    name=name,
                    fingerprint=fingerprint(blob),
                    file=self._path,
                    line=same_type[0].line,
                ),
            )
        if not self._learn:
            text = f"No {key_type} host key is known for {name} and strict checking is on."
            raise HostKeyRejected(name, key_type, text)
        self._append(f"{name} {key_type} {base64.b64encode(blob).decode()}\n")

    def forget(self, host: str, port: int) -> int:
        """Remove what is known of a host.

        @return: how many lines went.
        """
        name = host_name(host, port)
        doomed = {entry.line for entry in self._of(name)}
        if not doomed:
            return 0
        lines = self._path.read_text(encoding="utf-8", errors="surrogateescape").splitlines(keepends=True)
        kept = [line for number, line in enumerate(lines, 1) if number not in doomed]
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        descriptor = os.open(fresh, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.writelines(kept)
        fresh.rename(self._path)
        return len(doomed)

    def _of(self, name: str) -> list[Entry]:
        self._refresh()
        return [entry for entry in self._entries if entry.matches(name)]

    def _refresh(self) -> None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self._entries, self._stamp = (), None
            return
        stamp = (status.st_mtime_ns, status.st_size)
        if stamp != self._stamp:
            self._entries = tuple(parse(self._path.read_text(encoding="utf-8", errors="surrogateescape")))
            self._stamp = stamp

    def _append(self, line: str) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_CREAT | os.O_APPEND | os.O_RDWR, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            ended = size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"
            os.write(descriptor, (line if ended else "\n" + line).encode())
        finally:
            os.close(descriptor)


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
