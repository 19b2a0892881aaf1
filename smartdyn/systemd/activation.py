"""Sockets that systemd has opened for us and keeps open while we are restarted (sd_listen_fds(3))."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from smartdyn.errors import SettingsError

_FIRST: Final = 3
"""C{SD_LISTEN_FDS_START}: systemd counts from behind the standard streams."""


@dataclass(frozen=True, slots=True)
class HandedSocket:
    """A listening socket.

    @param name: C{FileDescriptorName=} of its socket unit; the unit's own name where that is not set.
    """

    descriptor: int
    name: str
    family: int
    port: int


def original_environment() -> dict[str, str]:
    """The environment that the process was started with.

    Twisted's string endpoints take C{LISTEN_FDS} out of C{os.environ} as soon as they are imported, and keep it.
    """
    try:
        pairs = Path("/proc/self/environ").read_bytes().split(b"\0")
    except OSError:
        return {}
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in (pair.partition(b"=") for pair in pairs)}


def handed_sockets(environment: Mapping[str, str], pid: int) -> list[HandedSocket]:
    """What was handed to the process C{pid}.

    @raise SettingsError: there is something among them that nobody can connect to over TCP.
    """
    if environment.get("LISTEN_PID") != str(pid):
        return []
    number = int(environment.get("LISTEN_FDS") or 0)
    names = environment.get("LISTEN_FDNAMES", "").split(":")
    return [_look(_FIRST + index, names[index] if index < len(names) else "") for index in range(number)]


def _look(descriptor: int, name: str) -> HandedSocket:
    os.set_inheritable(descriptor, False)
    os.set_blocking(descriptor, False)
    with socket.socket(fileno=os.dup(descriptor)) as found:
        listens = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        if not listens or found.family not in (socket.AF_INET, socket.AF_INET6) or found.type != socket.SOCK_STREAM:
            raise SettingsError(
                [f"systemd handed over the socket `{name}`, which takes no TCP connections. Give it ListenStream=PORT."]
            )
        return HandedSocket(descriptor, name, found.family, found.getsockname()[1])


class HandedSockets:
    """Gives each listener its sockets."""

    def __init__(self, sockets: Iterable[HandedSocket] = (), kinds: Iterable[str] = ()) -> None:
        """
        @param kinds: names by which a listener is meant; a socket with another name belongs to the one with its port.
        """
        self._left = list(sockets)
        self._kinds = frozenset(kinds)
        self._taken: set[str] = set()

    def take(self, kind: str, port: int) -> list[HandedSocket] | None:
        """The sockets of all listeners of a kind, for the first that asks; None when they have to be opened.

        @param port: where a listener of that kind is told to listen.
        """
        found = [
            each for each in self._left if each.name == kind or (each.name not in self._kinds and each.port == port)
        ]
        self._left = [each for each in self._left if each not in found]
        if found:
            self._taken.add(kind)
        return found if kind in self._taken else None

    def close_rest(self) -> list[HandedSocket]:
        """Close those that nobody wanted."""
        rest, self._left = self._left, []
        for each in rest:
            os.close(each.descriptor)
        return rest
