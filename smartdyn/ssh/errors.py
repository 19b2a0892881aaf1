"""What can go wrong between us and an SSH server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from smartdyn.errors import SmartdynError


class SSHError(SmartdynError):
    """Base of all errors of this room."""


IMPOSSIBLE_NAME = "Could not resolve hostname: it is not a name that a host can have"
"""Why nothing is connected to what cannot even be asked for."""


class ConnectFailed(SSHError):
    """No TCP connection could be made."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(f"ssh: connect to host {host} port {port}: {reason}")
        self.host = host
        self.port = port
        self.reason = reason


class HandshakeFailed(SSHError):
    """The server did not get through version and key exchange; nothing has been run.

    @ivar is_passing: the server only had too much to do, so trying again may help.
    """

    def __init__(self, host: str, port: int, reason: str, *, is_passing: bool = False) -> None:
        super().__init__(f"The key exchange with {host} port {port} failed: {reason}")
        self.host = host
        self.port = port
        self.reason = reason
        self.is_passing = is_passing


class HostKeyRejected(SSHError):
    """The server's host key is not one we trust."""

    def __init__(self, name: str, key_type: str, text: str) -> None:
        super().__init__(f"{text}\nHost key verification failed.")
        self.name = name
        self.key_type = key_type


class KnownHostsUnusable(SSHError):
    """The file with the host keys cannot be read or written: no host is to blame."""

    def __init__(self, path: Path, deed: str, reason: str) -> None:
        super().__init__(
            f"The host keys in {path} cannot be {deed}: {reason}. `smartdyn doctor` says what to do when an owner or a "
            "mode is wrong; otherwise see whether the disk is full or read-only. The host has done nothing wrong."
        )
        self.path = path
        self.deed = deed
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way in that was tried, in OpenSSH's words."""

    method: str
    text: str


class AuthenticationFailed(SSHError):
    """No credential was accepted.

    @param attempts: what was tried, in order.
    @param accepted: the methods that the server would take.
    """

    def __init__(self, user: str, host: str, attempts: Sequence[Attempt], accepted: Sequence[str]) -> None:
        super().__init__(f"{user}@{host}: Permission denied ({','.join(accepted)}).")
        self.user = user
        self.host = host
        self.attempts = tuple(attempts)
        self.accepted = tuple(accepted)


class ConnectionLost(SSHError):
    """The connection ended before we closed it."""

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(f"The connection to {host} was lost: {reason}")
        self.host = host
        self.reason = reason


class ChannelFailed(SSHError):
    """The server did not open a session or did not run the command."""


class SessionRefused(ChannelFailed):
    """The server did not open one more session on this connection (C{MaxSessions} of sshd_config(5))."""


class KeyUnusable(SSHError):
    """A private key cannot be used; the text says why and what to do."""
