"""How a client on the machine of the service reaches it. Has the standard library only: the command line uses it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

USUAL_SOCKETS: Final = (Path("/run/smartdyn/smartdyn.sock"), Path("/var/lib/smartdyn/smartdyn.sock"))
"""Where the command line looks by itself."""


@dataclass(frozen=True, slots=True)
class Way:
    """
    @param socket: the unix socket; without one, the client asks over the network.
    @param ca: of the service's certificate, where that has TLS.
    @param certificate: what this machine shows there, with its C{key}.
    """

    socket: Path | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
