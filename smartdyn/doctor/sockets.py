"""Who listens where, as the kernel tells it (proc(5), proc_pid_net(5))."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LISTENING = "0A"


@dataclass(frozen=True, slots=True)
class Listening:
    """A socket that waits for connections."""

    address: str
    port: int
    inode: str

    def takes(self, address: str, port: int) -> bool:
        """Does it keep others from listening on an address of this machine (empty: on all)?"""
        everywhere = {"0.0.0.0", "::", ""}
        return port == self.port and (self.address == address or self.address in everywhere or address in everywhere)


@dataclass(frozen=True, slots=True)
class Owner:
    """A process."""

    pid: int
    command: str

    @property
    def program(self) -> str:
        """Its name; what follows on its command line may be nobody's business."""
        return Path(self.command.split(" ", 1)[0]).name

    @property
    def is_ruby_core(self) -> bool:
        """Is it the service that this one takes the place of?"""
        return "smart_proxy_dynflow_core" in self.command or "smart-proxy" in self.command


def listening(root: Path) -> list[Listening]:
    """All listening TCP sockets."""
    found = []
    for name in ("tcp", "tcp6"):
        try:
            lines = root.joinpath("proc/net", name).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if len(fields) > 9 and fields[3] == _LISTENING:
                address, _, port = fields[1].partition(":")
                found.append(Listening(_address(address), int(port, 16), fields[9]))
    return found


def ports_of(root: Path, pid: int) -> set[int]:
    """Where a process listens, as far as we may know."""
    links = set(_links(root, pid))
    return {each.port for each in listening(root) if f"socket:[{each.inode}]" in links}


def owners(root: Path, inode: str) -> list[Owner]:
    """The processes that have a socket, as far as we may know."""
    return [Owner(pid, _command(root, pid)) for pid in _processes(root) if f"socket:[{inode}]" in _links(root, pid)]


def _processes(root: Path) -> Iterator[int]:
    for entry in os.scandir(root / "proc"):
        if entry.name.isdigit():
            yield int(entry.name)


def _links(root: Path, pid: int) -> Iterator[str]:
    try:
        for entry in os.scandir(root / f"proc/{pid}/fd"):
            yield os.readlink(entry.path)
    except OSError:
        return


def _command(root: Path, pid: int) -> str:
    try:
        return root.joinpath(f"proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def _address(text: str) -> str:
    """An address in the kernel's hexadecimal form: words of four bytes in the machine's order."""
    words = [bytes.fromhex(text[start : start + 8])[::-1] for start in range(0, len(text), 8)]
    packed = b"".join(words)
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)
