"""Keys that an ssh-agent keeps: it signs, and we never see them (draft-miller-ssh-agent)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.conch.error import ConchError
from twisted.conch.ssh.agent import AGENT_SIGN_RESPONSE, AGENTC_SIGN_REQUEST, SSHAgentClient
from twisted.conch.ssh.common import NS, getNS
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from smartdyn.aio import deadline
from smartdyn.errors import DeadlineExceeded
from smartdyn.ssh.errors import KeyUnusable

_LIMIT = 30.0
"""Seconds for a signature: somebody may have to touch a hardware key."""

_FLAGS = {b"rsa-sha2-256": 2, b"rsa-sha2-512": 4}


@dataclass(frozen=True, slots=True)
class AgentKey:
    """A key in the agent.

    Only the one that is configured is asked for (C{IdentitiesOnly}), so no other of the agent's is shown to a host.
    """

    reactor: Any
    socket: str
    path: Path
    blob: bytes

    async def sign(self, data: bytes, algorithm: bytes) -> bytes:
        """A signature of C{data}.

        @raise KeyUnusable: there is no agent, or it does not have the key or may not use it.
        """
        factory = Factory.forProtocol(_Agent)
        factory.noisy = False
        endpoint = UNIXClientEndpoint(self.reactor, self.socket, timeout=_LIMIT)
        try:
            agent = await deadline(self.reactor, _LIMIT, "reaching the ssh-agent", endpoint.connect(factory))
        except (ConnectError, DeadlineExceeded) as error:
            raise KeyUnusable(f"There is no ssh-agent at {self.socket} (SSH_AUTH_SOCK): {error}") from error
        try:
            return await deadline(
                self.reactor, _LIMIT, "signing", agent.sign(self.blob, data, _FLAGS.get(algorithm, 0))
            )
        except (ConchError, DeadlineExceeded) as error:
            text = f"The ssh-agent at {self.socket} does not sign with {self.path}; load it with `ssh-add {self.path}`."
            raise KeyUnusable(text) from error
        finally:
            agent.transport.loseConnection()


def agent_key(reactor: Any, socket: str, path: Path) -> AgentKey | None:
    """The key in the agent that belongs to the C{.pub} file beside C{path}, None when there is no such file."""
    try:
        blob = base64.b64decode(path.with_name(f"{path.name}.pub").read_bytes().split()[1], validate=True)
    except (OSError, IndexError, binascii.Error):
        return None
    return AgentKey(reactor, socket, path, blob)


class _Agent(SSHAgentClient):
    """Conch's client, which cannot ask for SHA-2 and waits for ever when the agent goes away."""

    deferreds: list[Deferred[bytes]]

    def sign(self, blob: bytes, data: bytes, flags: int) -> Deferred[bytes]:
        """Ask for a signature.

        @param flags: how an RSA key is to sign (draft-miller-ssh-agent, 3.6.1).
        """
        asked: Deferred[bytes] = self.sendRequest(AGENTC_SIGN_REQUEST, NS(blob) + NS(data) + flags.to_bytes(4, "big"))
        return asked.addCallback(_signature)

    def connectionLost(self, reason: Failure | None = None) -> None:
        waiting, self.deferreds = self.deferreds, []
        for each in waiting:
            if not each.called:
                each.errback(ConchError("the agent closed the connection"))


def _signature(answer: bytes) -> bytes:
    if answer[:1] != bytes((AGENT_SIGN_RESPONSE,)):
        raise ConchError("not a signature")
    signature: bytes = getNS(answer[1:])[0]
    return signature
