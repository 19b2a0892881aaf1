"""Tells systemd how the service is: C{NAME=value} lines in datagrams to a socket that it names (sd_notify(3))."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping

from twisted.logger import Logger


class Notifier:
    """Sends what systemd waits for; nothing at all when nobody asked for it."""

    _log = Logger()

    def __init__(self, address: str | None, monotonic: Callable[[], float]) -> None:
        """
        @param address: the path of a socket; one that begins with C{@} is abstract, and in no directory.
        @param monotonic: seconds of C{CLOCK_MONOTONIC}.
        """
        self._address = address
        self._monotonic = monotonic
        self._has_failed = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], monotonic: Callable[[], float]) -> Notifier:
        """The socket that C{NOTIFY_SOCKET} names, if it is set."""
        return cls(environment.get("NOTIFY_SOCKET") or None, monotonic)

    @property
    def is_wanted(self) -> bool:
        """Does anybody listen?"""
        return self._address is not None

    def ready(self) -> None:
        """The start, or a reload, is complete."""
        self._send("READY=1")

    def reloading(self) -> None:
        """The settings are being read again, until L{ready}; the time tells this reload from an earlier one."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={int(self._monotonic() * 1_000_000)}")

    def stopping(self) -> None:
        """The service is about to end."""
        self._send("STOPPING=1", "STATUS=Stopping; jobs go on on their hosts.")

    def alive(self) -> None:
        """Nothing hangs."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Show a line of text in C{systemctl status}."""
        self._send(f"STATUS={text.translate(_ONE_LINE)}")

    def _send(self, *lines: str) -> None:
        if self._address is None:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
                sender.sendto("\n".join(lines).encode(), address)
        except OSError as error:
            if not self._has_failed:
                self._log.warn("systemd cannot be told of anything: {address}: {error}", address=address, error=error)
            self._has_failed = True


_ONE_LINE = str.maketrans("\r\n", "  ")
