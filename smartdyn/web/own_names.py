"""By which names this machine may be asked without TLS.

A page of another site can have its own name lead to 127.0.0.1, and then read and send here as if it were ours, in the
browser of whoever sits at this machine or has a tunnel to it (DNS rebinding). Its requests carry that name as C{Host}.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

_PORT = re.compile(r":\d*\Z")


class OwnNames:
    """The names that lead to this machine whatever a name server says."""

    def __init__(self, hostname: str, hosts: Path = Path("/etc/hosts")) -> None:
        """
        @param hosts: where the machine has names for its own addresses, besides.
        """
        self._hostname = hostname.lower()
        self._hosts = hosts

    def has(self, host: str) -> bool:
        """Does this C{Host} of a request mean this machine?"""
        return is_nobodys(host) or _name(host) in {self._hostname, *self._listed()}

    def _listed(self) -> Iterator[str]:
        try:
            lines = self._hosts.read_text("utf-8", "replace").splitlines()
        except OSError:
            return
        for line in lines:
            address, *names = line.partition("#")[0].lower().split() or [""]
            if is_loopback(address):
                yield from names


@lru_cache(maxsize=256)
def is_nobodys(host: str) -> bool:
    """Is it an address, or a name that means the machine itself everywhere (RFC 6761, 6.3)? No page can have it.

    Requests without a C{Host} come from no browser.
    """
    name = _name(host)
    if name in {"", "localhost"} or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


@lru_cache(maxsize=256)
def is_loopback(address: str) -> bool:
    """Is it the address of whoever asks?"""
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _name(host: str) -> str:
    return _PORT.sub("", host.strip()).rstrip(".").lower()
