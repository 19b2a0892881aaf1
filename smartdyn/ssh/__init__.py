"""An SSH client on Conch's base classes. Knows nothing of plans."""

from smartdyn.ssh.client import Deadlines, Target, connect
from smartdyn.ssh.connection import Connection
from smartdyn.ssh.keys import PrivateKey, load_private_key
from smartdyn.ssh.known_hosts import KnownHosts
from smartdyn.ssh.session import ByteStream, ExitStatus, Session
from smartdyn.ssh.trust import HostTrust, PinnedKey
from smartdyn.ssh.userauth import Credentials

__all__ = [
    "ByteStream",
    "Connection",
    "Credentials",
    "Deadlines",
    "ExitStatus",
    "HostTrust",
    "KnownHosts",
    "PinnedKey",
    "PrivateKey",
    "Session",
    "Target",
    "connect",
    "load_private_key",
]
