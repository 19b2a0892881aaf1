"""All checks of this machine, by what they are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from smartdyn.doctor import database, files, foreman, host, network, service, settings, ssh, tls
from smartdyn.doctor.verdict import Check

KINDS: Final[Mapping[str, Sequence[Check]]] = {
    "settings": settings.CHECKS,
    "files": files.CHECKS,
    "database": database.CHECKS,
    "network": network.CHECKS,
    "foreman": foreman.CHECKS,
    "tls": tls.CHECKS,
    "ssh": ssh.CHECKS,
    "host": host.CHECKS,
    "service": service.CHECKS,
}
