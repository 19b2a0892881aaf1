"""What an ssh_config(5) file says of the way to a host: HostName, Port, User and ProxyJump.

Other keywords are passed over: keys and host keys come from our own settings.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from glob import glob
from pathlib import Path

from twisted.logger import Logger

from smartdyn.ssh.client import Target

_KNOWN = frozenset({"hostname", "port", "user", "proxyjump"})
UNSUPPORTED = {
    "match": "Match blocks are passed over",
    "proxycommand": "ProxyCommand is not supported; use ProxyJump",
}
_DEEPEST = 16
"""How deep files may include others, as in OpenSSH."""


@dataclass(frozen=True, slots=True)
class Option:
    """One line, with the patterns of the C{Host} line that it stands under."""

    patterns: tuple[str, ...]
    keyword: str
    value: str

    def applies_to(self, host: str) -> bool:
        """Is it about this host?"""
        if any(each.startswith("!") and fnmatchcase(host, _literal(each[1:])) for each in self.patterns):
            return False
        return any(fnmatchcase(host, _literal(each)) for each in self.patterns)


@dataclass(frozen=True, slots=True)
class Route:
    """How to get to a host.

    @param hops: the hosts to go through, in their order.
    """

    target: Target
    hops: tuple[Target, ...] = ()


class SshConfig:
    """A configuration file, read again when it changes."""

    _log = Logger()

    def __init__(self, path: Path, account: str) -> None:
        """
        @param account: the user whom a hop is logged in to as, when nothing says otherwise: the service's own.
        """
        self._path = path
        self._account = account
        self._options: tuple[Option, ...] = ()
        self._stamp: int | None = None
        self._warned: set[str] = set()

    def route(self, target: Target) -> Route:
        """The way to a host. User and port are those of C{target}, as if they had been given on a command line."""
        self._refresh()
        found = self._lookup(target.host)
        address = Target(_address(found, target.host), target.port, target.user)
        return Route(address, self._hops(found.get("proxyjump", ""), frozenset({target.host})))

    def _hops(self, jump: str, passed: frozenset[str]) -> tuple[Target, ...]:
        """The hosts of a C{ProxyJump}; the first may itself be behind others, but not behind one on the way already."""
        names = [] if jump.lower() in {"", "none"} else [_destination(each) for each in jump.split(",")]
        if not names or names[0][1] in passed:
            return ()
        first = names[0][1]
        before = self._hops(self._lookup(first).get("proxyjump", ""), passed | {first})
        return (*before, *(self._hop(*name) for name in names))

    def _hop(self, user: str, host: str, port: str) -> Target:
        found = self._lookup(host)
        number = port or found.get("port", "22")
        return Target(
            _address(found, host), int(number) if number.isdigit() else 22, user or found.get("user", self._account)
        )

    def _lookup(self, host: str) -> dict[str, str]:
        """The options of a host: the first value of each counts."""
        found: dict[str, str] = {}
        for option in self._options:
            if option.applies_to(host):
                if option.keyword in UNSUPPORTED and option.value.lower() != "none":
                    self._warn(option.keyword)
                found.setdefault(option.keyword, option.value)
        return found

    def _refresh(self) -> None:
        try:
            stamp = self._path.stat().st_mtime_ns
        except OSError:
            self._options, self._stamp = (), None
            return
        if stamp != self._stamp:
            self._stamp = stamp
            self._options = tuple(read(self._path))

    def _warn(self, keyword: str) -> None:
        if keyword not in self._warned:
            self._warned.add(keyword)
            self._log.warn("{path}: {text}", path=str(self._path), text=UNSUPPORTED[keyword])


def read(path: Path, patterns: Sequence[str] = ("*",), depth: int = _DEEPEST) -> Iterator[Option]:
    """The options in a file and in those that it includes; a file that cannot be read has none."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for keyword, words in parse(text):
        if keyword == "host":
            patterns = words
        elif keyword == "match":
            yield Option(("*",), keyword, " ".join(words))
            patterns = ()
        elif keyword == "include" and depth:
            for word in words:
                for name in sorted(glob(str(path.parent / Path(word).expanduser()))):
                    yield from read(Path(name), patterns, depth - 1)
        elif words and (keyword in _KNOWN or keyword in UNSUPPORTED):
            yield Option(tuple(patterns), keyword, " ".join(words))


def parse(text: str) -> Iterator[tuple[str, list[str]]]:
    """The keyword, in small letters, and the arguments of each line."""
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        head = stripped.replace("=", " ", 1).split(None, 1)
        if not head:
            continue
        rest = head[1] if len(head) > 1 else ""
        try:
            words = shlex.split(rest)
        except ValueError:
            words = rest.split()
        yield head[0].lower(), words


def _destination(text: str) -> tuple[str, str, str]:
    """User, host and port of C{[user@]host[:port]} or of an C{ssh://} URI; empty what is not said."""
    rest = text.strip().removeprefix("ssh://").rstrip("/")
    user, _, place = rest.rpartition("@")
    if place.startswith("["):
        host, _, port = place[1:].partition("]")
        return user, host, port.removeprefix(":")
    host, _, port = place.rpartition(":") if place.count(":") == 1 else (place, "", "")
    return user, host, port


def _address(found: dict[str, str], host: str) -> str:
    return found.get("hostname", host).replace("%h", host).replace("%%", "%")


def _literal(pattern: str) -> str:
    return pattern.replace("[", "[[]")
