"""An SSH host that runs commands as the current user: for demonstrations, on loopback only."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from twisted.conch.avatar import ConchUser
from twisted.conch.checkers import InMemorySSHKeyDB, SSHPublicKeyChecker
from twisted.conch.interfaces import ISession
from twisted.conch.ssh.factory import SSHFactory
from twisted.conch.ssh.keys import Key
from twisted.conch.ssh.session import SSHSession
from twisted.cred.portal import IRealm, Portal
from twisted.internet.error import ProcessExitedAlready
from twisted.python.components import registerAdapter
from zope.interface import implementer


class DemoUser(ConchUser):
    """Whoever logs in with the right key: commands run as the user who runs the demonstration."""

    def __init__(self, reactor: Any) -> None:
        super().__init__()
        self.reactor = reactor
        self.channelLookup[b"session"] = SSHSession


@implementer(IRealm)
class DemoRealm:
    """Lets everybody in who has the key."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def requestAvatar(self, avatarId: Any, mind: Any, *interfaces: Any) -> Any:
        return interfaces[0], DemoUser(self._reactor), lambda: None


@implementer(ISession)
class DemoSession:
    """Runs a command through C{/bin/sh}."""

    def __init__(self, user: DemoUser) -> None:
        self._reactor = user.reactor
        self._process: Any = None

    def getPty(self, term: bytes, windowSize: Any, modes: Any) -> None:
        """Terminals are not needed here."""

    def execCommand(self, protocol: Any, command: bytes) -> None:
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(Path.home())}
        self._process = self._reactor.spawnProcess(
            protocol, "/bin/sh", ["sh", "-c", command.decode("utf-8", "surrogateescape")], env=environment
        )

    def openShell(self, protocol: Any) -> None:
        raise NotImplementedError("this host runs commands only")

    def windowChanged(self, newWindowSize: Any) -> None:
        """There is no terminal whose size could matter."""

    def eofReceived(self) -> None:
        if self._process is not None:
            self._process.closeStdin()

    def closed(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessExitedAlready):
                self._process.signalProcess(signal.SIGHUP)


registerAdapter(DemoSession, DemoUser, ISession)


def make_key(path: Path) -> None:
    """Write an ed25519 key pair that nobody else may read."""
    private = ed25519.Ed25519PrivateKey.generate()
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(
            private.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
            )
        )
    public = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    path.with_name(f"{path.name}.pub").write_bytes(public + b"\n")


def make_host(reactor: Any, user: str, authorized_key: Path, host_key: Path) -> Any:
    """A host that C{user} can log in to with one key."""
    factory: Any = SSHFactory()
    key = Key.fromFile(str(host_key))
    factory.publicKeys = {key.sshType(): key.public()}
    factory.privateKeys = {key.sshType(): key}
    authorized = Key.fromFile(str(authorized_key))
    checker = SSHPublicKeyChecker(InMemorySSHKeyDB({user.encode(): [authorized]}))
    factory.portal = Portal(DemoRealm(reactor), [checker])
    return factory
