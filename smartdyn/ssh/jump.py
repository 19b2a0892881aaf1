"""Getting to a host by way of others (ProxyJump of ssh_config(5))."""

from __future__ import annotations

from typing import Any

from smartdyn.metrics.ssh import SshMeters
from smartdyn.ssh.client import Deadlines, connect
from smartdyn.ssh.config import Route
from smartdyn.ssh.connection import Connection
from smartdyn.ssh.trust import HostTrust
from smartdyn.ssh.userauth import Credentials


async def connect_by_way(
    reactor: Any,
    route: Route,
    credentials: Credentials,
    trust: HostTrust,
    hop_trust: HostTrust,
    deadlines: Deadlines | None = None,
    *,
    keepalive: float = 15.0,
    meters: SshMeters | None = None,
) -> Connection:
    """Log in to each hop and then to the host; closing the connection closes all of them.

    A hop is checked and logged in to like any host, each stage with its own deadline; its errors name it. The password
    of the host is not shown to hops: they get our key.

    @raise SSHError: as L{connect}, for a hop or for the host.
    """
    through: Connection | None = None
    keys = Credentials(keys=credentials.keys)
    options: dict[str, Any] = {"keepalive": keepalive, "meters": meters}
    for hop in route.hops:
        through = await connect(reactor, hop, keys, hop_trust, deadlines, through=through, **options)
    return await connect(reactor, route.target, credentials, trust, deadlines, through=through, **options)
