"""The host keys we know, in a file that OpenSSH's tools and people may change too."""

from __future__ import annotations

import errno
import os
import time
from bisect import bisect_left, insort
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
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

Stamp = tuple[int, int, int]
"""A file that has another one has been written since."""


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
        self._gone: list[int] = []
        self._stamp: Stamp | None = None

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
        return self._rewrite(lambda: {entry: [name] for entry in self._matching(name) if not entry.is_general})

    def forget_everywhere(self, host: str) -> int:
        """Forget the keys of a host on all of its ports, and the names that share them, such as its address.

        @return: how many lines were about it.
        """
        return self._rewrite(lambda: self._sharing({entry.blob for entry in self._everywhere(host)}))

    def everywhere(self, host: str) -> list[Entry]:
        """What is known of a host on whatever port."""
        self._refresh()
        return [replace(entry, line=self._number(entry)) for entry in self._everywhere(host)]

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
                text = f"The {key_type} key of {name} is marked as revoked in {self._path}:{self._number(entry)}."
                raise HostKeyRejected(name, key_type, text)

    def _changed(self, name: str, key_type: str, blob: bytes, known: Sequence[Entry]) -> str:
        entry = next((each for each in known if each.key_type == key_type), known[0])
        return (
            f"{CHANGED}The {key_type} key sent by {name} has the fingerprint {fingerprint(blob)}, and "
            f"{self._path}:{self._number(entry)} holds another {entry.key_type} key.\n"
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

    def _everywhere(self, host: str) -> list[Entry]:
        start = f"[{host.lower()}]:"
        other = [entry for name, found in self._named.items() if name.startswith(start) for entry in found]
        return [*self._matching(host.lower()), *other]

    def _sharing(self, keys: Collection[bytes]) -> dict[Entry, Sequence[str]]:
        """The lines about single hosts with one of these keys, and all names on each."""
        if not keys:
            return {}
        known = [*(entry for found in self._named.values() for entry in found), *self._others]
        return {each: _names(each) for each in known if each.blob in keys and not each.is_general}

    def _number(self, entry: Entry) -> int:
        """Where an entry's line is now: entries keep the number that they had before others were taken out."""
        return entry.line - bisect_left(self._gone, entry.line)

    def _refresh(self) -> None:
        with self._usable("read"):
            try:
                if _stamp(self._path.stat()) != self._stamp:
                    self._take(*self._read())
            except FileNotFoundError:
                self._take("", None)

    def _read(self) -> tuple[str, Stamp]:
        with self._path.open("rb") as file:
            stamp = _stamp(os.fstat(file.fileno()))
            return file.read().decode("utf-8", "surrogateescape"), stamp

    def _take(self, text: str, stamp: Stamp | None) -> None:
        self._named, self._others, self._gone = {}, [], []
        self._lines = text.count("\n") + (text != "" and not text.endswith("\n"))
        for entry in parse(text):
            self._add(entry)
        self._stamp = stamp

    def _add(self, entry: Entry) -> None:
        if entry.marker or entry.is_hashed or entry.is_general:
            self._others.append(entry)
        else:
            for name in _names(entry):
                self._named.setdefault(name, []).append(entry)

    def _append(self, name: str, key_type: str, blob: bytes) -> None:
        """Write a line at the end; the rest is not read again when nobody else has written meanwhile."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        line = render(name, key_type, blob)
        descriptor = os.open(self._path, os.O_CREAT | os.O_APPEND | os.O_RDWR, 0o600)
        try:
            before = os.fstat(descriptor)
            ended = before.st_size == 0 or os.pread(descriptor, 1, before.st_size - 1) == b"\n"
            data = (line if ended else "\n" + line).encode()
            if os.write(descriptor, data) < len(data):
                os.ftruncate(descriptor, before.st_size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            after = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        if ended and _stamp(before) == self._stamp and after.st_size == before.st_size + len(line):
            self._lines += 1
            entry = parse_line(self._lines, line)
            if entry is not None:
                self._add(entry)
            self._stamp = _stamp(after)

    def _rewrite(self, doomed: Callable[[], Mapping[Entry, Sequence[str]]]) -> int:
        """Take names out of the file, which is replaced as a whole, so that readers see the old or the new one.

        A file that says nothing of them is not read again, and what is left of one that does is not parsed again.

        @param doomed: the entries, as far as they are known, and the names to take from each.
        @return: how many lines were changed.
        """
        self._refresh()
        if not doomed():
            return 0
        with self._usable("read"):
            text, stamp = self._read()
        lines = text.split("\n")
        if stamp != self._stamp or not all(self._stands_in(lines, entry) for entry in doomed()):
            self._take(text, stamp)
        changes = {
            entry: without_names(lines[self._number(entry) - 1], entry, names) for entry, names in doomed().items()
        }
        if changes:
            changed: dict[int, str | None] = {self._number(entry) - 1: line for entry, line in changes.items()}
            kept = (changed.get(index, line) for index, line in enumerate(lines))
            with self._usable("written"):
                self._stamp = self._replace("\n".join(line for line in kept if line is not None))
            for entry, left in changes.items():
                self._exchange(entry, left)
        return len(changes)

    def _stands_in(self, lines: Sequence[str], entry: Entry) -> bool:
        """Is an entry where it is thought to be? A file may be written twice at what its clock takes for one time."""
        index = self._number(entry) - 1
        return index < len(lines) and parse_line(entry.line, lines[index]) == entry

    def _exchange(self, old: Entry, line: str | None) -> None:
        """An entry is gone, or has lost some of its names."""
        new = None if line is None else parse_line(old.line, line)
        if line is None:
            insort(self._gone, old.line)
        if old.is_hashed:
            self._others.remove(old)
            return
        for name in dict.fromkeys(_names(old)):
            left = [entry for entry in self._named.pop(name) if entry is not old]
            if new is not None and name in _names(new):
                insort(left, new, key=lambda entry: entry.line)
            if left:
                self._named[name] = left

    @contextmanager
    def _usable(self, deed: str) -> Iterator[None]:
        """What the file system refuses is said of the file: nobody else is to blame."""
        try:
            yield
        except OSError as error:
            raise KnownHostsUnusable(self._path, deed, error.strerror or str(error)) from error

    def _replace(self, text: str) -> Stamp:
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        descriptor = os.open(fresh, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(descriptor)
                stamp = _stamp(os.fstat(descriptor))
            fresh.rename(self._path)
        except OSError:
            fresh.unlink()
            raise
        return stamp


def _names(entry: Entry) -> list[str]:
    """The names on a line that lists them."""
    return entry.patterns.lower().split(",")


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_ino, status.st_mtime_ns, status.st_size
