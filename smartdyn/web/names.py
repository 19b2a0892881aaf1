"""Names of hosts by their addresses, for peers that show no certificate."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from smartdyn.aio import deadline
from smartdyn.errors import DeadlineExceeded

_REMEMBER = 60.0


class HostNames:
    """Asks the system's resolver, so that C{/etc/hosts} counts too.

    A name that does not lead back to the address is not believed: whoever owns an address can call it anything.
    """

    _log = Logger()

    def __init__(self, reactor: Any, *, forward_verify: bool = True, timeout: float = 8.0) -> None:
        """
        @param forward_verify: whether the name must lead back.
        @param timeout: seconds that an answer may take.
        """
        self._reactor = reactor
        self._forward_verify = forward_verify
        self._timeout = timeout
        self._known: dict[str, tuple[float, str | None]] = {}

    async def name_of(self, address: str) -> str | None:
        """The name of the host with this address; None when it has none that can be believed."""
        now = self._reactor.seconds()
        known = self._known.get(address)
        if known is not None and now - known[0] < _REMEMBER:
            return known[1]
        asked = deferToThreadPool(self._reactor, self._reactor.getThreadPool(), _look_up, address, self._forward_verify)
        try:
            name: str | None = await deadline(self._reactor, self._timeout, f"looking up {address}", asked)
        except DeadlineExceeded as error:
            self._log.warn("{error}", error=error)
            return None
        self._known = {key: value for key, value in self._known.items() if now - value[0] < _REMEMBER}
        self._known[address] = (now, name)
        return name


def _look_up(address: str, forward_verify: bool) -> str | None:
    try:
        name, aliases, _ = socket.gethostbyaddr(address)
    except OSError:
        return None
    for candidate in (name, *aliases):
        if not forward_verify or address in _addresses(candidate):
            return candidate.lower()
    return None


def _addresses(name: str) -> set[str]:
    try:
        return {str(found[4][0]) for found in socket.getaddrinfo(name, None)}
    except OSError:
        return set()
