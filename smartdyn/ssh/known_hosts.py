"""The host keys we know, in a file that OpenSSH's tools and people may change too."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from smartdyn.ssh.certificates import CERTIFICATE, Certificate, plain_key
from smartdyn.ssh.errors import HostKeyRejected, KnownHostsUnusable
from smartdyn.ssh.known_hosts_format import (
    AUTHORITY,
    REVOKED,
    Entry,
    fingerprint,
    host_name,
    parse,
    parse_line,
    render,
    without_names,
)
from smartdyn.ssh.trust import CHANGED, KEY_TYPES


class KnownHosts:
    """Checks host keys and learns new ones.

    All in memory and at once: Conch breaks the connection when the answer to a host key comes late. The file is read
    again when somebody else changes it.

    A host of which a key is known is believed with a known key only. OpenSSH's C{accept-new} learns a key of another
    type without asking, so that whoever sits in between need only offer a type that is not known yet.
    """

    def __init__(self, path: Path, *, learn: bool = True, now: Callable[[], float] = time.time) -> None:
        """
        @param learn: accept the key of a host of which none is known, and remember it (C{accept-new}).
        @param now: the time of day, for certificates.
        """
        self._path = path
        self._learn = learn
        self._now = now
        self._named: dict[str, list[Entry]] = {}
        self._others: list[Entry] = []
        self._lines = 0
        self._stamp: tuple[int, int, int] | None = None

    def key_types(self, host: str, port: int) -> Sequence[str]:
        """The types of the keys known for a host; certificates before all when an authority is known for it."""
        known = self._of(host, port)
        certified = any(entry.marker == AUTHORITY for entry in known)
        plain = [entry.key_type for entry in known if not entry.marker]
        return [
            *(each + CERTIFICATE for each in KEY_TYPES if certified),
            *(each for each in KEY_TYPES if each in plain),
        ]

    def verify(self, host: str, port: int, key_type: str, blob: bytes) -> None:
        """Accept a host key or refuse it.

        @raise HostKeyRejected: it is revoked, differs from the known one, or is unknown and may not be learned.
        @raise KnownHostsUnusable: the file cannot be read, or a key that is new not be written.
        """
        name = host_name(host, port)
        known = self._of(host, port)
        if key_type.endswith(CERTIFICATE) and self._is_certified(name, host, key_type, blob, known):
            return
        try:
            key_type, blob = plain_key(key_type, blob)
        except ValueError as error:
            raise HostKeyRejected(name, key_type, f"The host key of {name} cannot be used: {error}.") from error
        self._refuse_revoked(name, key_type, [blob], known)
        plain = [entry for entry in known if not entry.marker]
        if any(entry.blob == blob for entry in plain):
            return
        own = [entry for entry in plain if entry.matches(name)]
        if own:
            raise HostKeyRejected(name, key_type, self._changed(name, key_type, blob, own))
        if not self._learn:
            text = f"No {key_type} host key is known for {name} and you have requested strict checking ({self._path})."
            raise HostKeyRejected(name, key_type, text)
        with self._usable("written"):
            self._append(name, key_type, blob)

    def forget(self, host: str, port: int) -> int:
        """Forget the keys learned of a host; what is said of many hosts with a pattern or a marker stays.

        @return: how many lines were about it.
        """
        name = host_name(host, port)
        return self._rewrite(lambda entry: [name] if entry.matches(name) else [])

    def forget_everywhere(self, host: str) -> int:
        """Forget the keys of a host on all of its ports, and the names that share them, such as its address.

        @return: how many lines were about it.
        """
        keys = {entry.blob for entry in self.everywhere(host)}
        return self._rewrite(lambda entry: entry.patterns.lower().split(",") if entry.blob in keys else [])

    def everywhere(self, host: str) -> list[Entry]:
        """What is known of a host on whatever port."""
        self._refresh()
        start = f"[{host.lower()}]:"
        other = [entry for name, found in self._named.items() if name.startswith(start) for entry in found]
        return [*self._matching(host.lower()), *other]

    def _is_certified(self, name: str, host: str, key_type: str, blob: bytes, known: Sequence[Entry]) -> bool:
        """Does a trusted authority vouch for the key? One that we do not know says nothing."""
        try:
            certificate = Certificate.parse(key_type, blob)
        except ValueError as error:
            raise HostKeyRejected(name, key_type, f"The certificate of {name} cannot be used: {error}.") from error
        self._refuse_revoked(name, key_type, [certificate.key, certificate.authority], known)
        if not any(entry.marker == AUTHORITY and entry.blob == certificate.authority for entry in known):
            return False
        problem = certificate.problem(host, self._now())
        if problem is not None:
            raise HostKeyRejected(name, key_type, f"The certificate of {name} is not accepted: {problem}.")
        return True

    def _refuse_revoked(self, name: str, key_type: str, blobs: Sequence[bytes], known: Sequence[Entry]) -> None:
        for entry in known:
            if entry.marker == REVOKED and entry.blob in blobs:
                text = f"The {key_type} key of {name} is marked as revoked in {self._path}:{entry.line}."
                raise HostKeyRejected(name, key_type, text)

    def _changed(self, name: str, key_type: str, blob: bytes, known: Sequence[Entry]) -> str:
        entry = next((each for each in known if each.key_type == key_type), known[0])
        return (
            f"{CHANGED}The {key_type} key sent by {name} has the fingerprint {fingerprint(blob)}, and "
            f"{self._path}:{entry.line} holds another {entry.key_type} key.\n"
            "If the host was reinstalled, remove that line; otherwise somebody may be listening in."
        )

    def _of(self, host: str, port: int) -> list[Entry]:
        """What is known of a host; what is known of it without a port counts for each of its ports, as in OpenSSH."""
        self._refresh()
        return [
            entry for name in dict.fromkeys((host_name(host, port), host.lower())) for entry in self._matching(name)
        ]

    def _matching(self, name: str) -> list[Entry]:
        return [*self._named.get(name, ()), *(entry for entry in self._others if entry.matches(name))]

    def _refresh(self) -> None:
        with self._usable("read"):
            try:
                status = self._path.stat()
            except FileNotFoundError:
                self._take((), 0)
                self._stamp = None
                return
            if _stamp(status) != self._stamp:
                text = self._path.read_bytes().decode("utf-8", "surrogateescape")
                self._take(parse(text), text.count("\n"))
                self._stamp = _stamp(status)

    def _take(self, entries: Iterable[Entry], lines: int) -> None:
        self._named, self._others, self._lines = {}, [], lines
        for entry in entries:
            self._add(entry)

    def _add(self, entry: Entry) -> None:
        if entry.marker or entry.is_hashed or entry.is_general:
            self._others.append(entry)
        else:
            for name in entry.patterns.lower().split(","):
                self._named.setdefault(name, []).append(entry)

    def _append(self, name: str, key_type: str, blob: bytes) -> None:
        """Write a line at the end; the rest is not read again when nobody else has written meanwhile."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        line = render(name, key_type, blob)
        descriptor = os.open(self._path, os.O_CREAT | os.O_APPEND | os.O_RDWR, 0o600)
        try:
            before = os.fstat(descriptor)
            ended = before.st_size == 0 or os.pread(descriptor, 1, before.st_size - 1) == b"\n"
            os.write(descriptor, (line if ended else "\n" + line).encode())
            after = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        if ended and _stamp(before) == self._stamp and after.st_size == before.st_size + len(line):
            self._lines += 1
            entry = parse_line(self._lines, line)
            if entry is not None:
                self._add(entry)
            self._stamp = _stamp(after)

    def _rewrite(self, doomed: Callable[[Entry], Sequence[str]]) -> int:
        """Take names out of the file, which is replaced as a whole, so that readers see the old or the new one.

        @param doomed: the names to take from an entry.
        """
        with self._usable("read"):
            try:
                text = self._path.read_bytes().decode("utf-8", "surrogateescape")
            except FileNotFoundError:
                return 0
        lines: list[str | None] = [*text.split("\n")]
        count = 0
        for entry in parse(text):
            names = () if entry.is_general else doomed(entry)
            line = lines[entry.line - 1]
            if names and line is not None:
                lines[entry.line - 1] = without_names(line, entry, names)
                count += 1
        if count:
            with self._usable("written"):
                self._replace("\n".join(line for line in lines if line is not None))
        return count

    @contextmanager
    def _usable(self, deed: str) -> Iterator[None]:
        """What the file system refuses is said of the file: nobody else is to blame."""
        try:
            yield
        except OSError as error:
            raise KnownHostsUnusable(self._path, deed, error.strerror or str(error)) from error

    def _replace(self, text: str) -> None:
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        descriptor = os.open(fresh, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        fresh.rename(self._path)


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_mtime_ns, status.st_size
