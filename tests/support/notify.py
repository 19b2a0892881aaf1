"""What stands in for systemd: the socket that a service tells how it is."""

from __future__ import annotations

import socket
from pathlib import Path


class NotifySocket:
    """Receives datagrams, each a list of lines."""

    def __init__(self, address: str) -> None:
        """
        @param address: a path, or C{@} and the name of an abstract socket.
        """
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self._seen: list[str] = []

    def read(self) -> list[str]:
        """All lines that have come since the last call."""
        self._socket.setblocking(False)
        found, self._seen = self._seen, []
        try:
            while True:
                found += self._socket.recv(65536).decode().split("\n")
        except BlockingIOError:
            return found

    def wait(self, wanted: str, seconds: float = 30.0) -> list[str]:
        """The lines up to one that begins as wanted; the ones behind it are kept for the next call.

        @raise TimeoutError: it did not come.
        """
        self._socket.settimeout(seconds)
        lines, self._seen = self._seen, []
        looked = 0
        while True:
            for index in range(looked, len(lines)):
                if lines[index].startswith(wanted):
                    self._seen = lines[index + 1 :]
                    return lines[: index + 1]
            looked = len(lines)
            lines += self._socket.recv(65536).decode().split("\n")

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()
        if not self.address.startswith("@"):
            Path(self.address).unlink(missing_ok=True)
