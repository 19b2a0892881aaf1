"""Logging in: each credential is tried once, in our order (RFC 4252).

Conch's own client asks for a method again and again until the server hangs up, which locks accounts; only its packet
handling is used here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from twisted.conch.ssh.common import NS, getNS
from twisted.conch.ssh.userauth import MSG_USERAUTH_INFO_RESPONSE, MSG_USERAUTH_REQUEST, SSHUserAuthClient
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from smartdyn.secret import Secret
from smartdyn.ssh.errors import Attempt, AuthenticationFailed
from smartdyn.ssh.keys import PrivateKey


@dataclass(frozen=True, slots=True)
class Credentials:
    """What we may log in with; the password is tried before the keys."""

    password: Secret | None = None
    keys: tuple[PrivateKey, ...] = ()

    def methods(self) -> list[str]:
        """The methods these allow, in the order in which they are tried."""
        return [*(["password"] if self.password else []), *(["publickey"] if self.keys else [])]


class UserAuth(SSHUserAuthClient):
    """Tries a user's credentials one after another."""

    _log = Logger()
    transport: Any

    def __init__(self, user: str, host: str, credentials: Credentials, connection: Any) -> None:
        super().__init__(user.encode(), connection)
        self.failed: Deferred[AuthenticationFailed] = Deferred()
        self._login = user
        self._host = host
        self._credentials = credentials
        self._pending: list[Secret | PrivateKey] = [
            *([credentials.password] if credentials.password else []),
            *credentials.keys,
        ]
        self._current: Secret | PrivateKey | None = None
        self._method = b"none"
        self._attempts: list[Attempt] = []
        self._answered = False

    def serviceStarted(self) -> None:
        self._request(b"none", b"")

    def ssh_USERAUTH_FAILURE(self, packet: bytes) -> None:
        methods = [name.decode("ascii", "replace") for name in getNS(packet)[0].split(b",")]
        if self._current is not None:
            self._attempts.append(Attempt(self._shown_method(), self._refusal(methods)))
        self._try_next(methods)

    def ssh_USERAUTH_PK_OK(self, packet: bytes) -> None:
        """Message 60: its meaning depends on the method that is being tried."""
        if self._method == b"keyboard-interactive":
            self._answer_prompts(packet)
        else:
            self._request(b"none", b"")

    def ssh_USERAUTH_BANNER(self, packet: bytes) -> None:
        text = getNS(packet)[0].decode("utf-8", "replace")
        self._log.debug("banner of {host}: {text}", host=self._host, text=text.strip())

    def _try_next(self, methods: Sequence[str]) -> None:
        while self._pending:
            self._current = self._pending.pop(0)
            if isinstance(self._current, PrivateKey):
                if "publickey" in methods:
                    self._send_signature(self._current)
                    return
            elif "password" in methods:
                self._request(b"password", b"\0" + NS(self._current.reveal().encode()))
                return
            elif "keyboard-interactive" in methods:
                self._answered = False
                self._request(b"keyboard-interactive", NS(b"") + NS(b""))
                return
            method = "publickey" if isinstance(self._current, PrivateKey) else "password"
            self._attempts.append(Attempt(method, self._refusal(methods)))
        if not self.failed.called:
            self.failed.callback(AuthenticationFailed(self._login, self._host, self._attempts, methods))

    def _send_signature(self, key: PrivateKey) -> None:
        offered = self.transport.peerExtensions.get(b"server-sig-algs", b"")
        algorithm = key.algorithm(frozenset(offered.split(b",")))
        body = b"\1" + NS(algorithm) + NS(key.blob)
        signed = (
            NS(self.transport.sessionID)
            + bytes((MSG_USERAUTH_REQUEST,))
            + NS(self.user)
            + NS(self.instance.name)
            + NS(b"publickey")
            + body
        )
        self._request(b"publickey", body + NS(key.sign(signed, algorithm)))

    def _answer_prompts(self, packet: bytes) -> None:
        """Answer one prompt that hides what is typed, once; anything else is not the password prompt we expect."""
        _, _, _, rest = getNS(packet, 3)
        count = int.from_bytes(rest[:4], "big")
        answers: list[bytes] = []
        if count == 1:
            _, rest = getNS(rest[4:])
            hidden = rest[:1] == b"\0"
            if hidden and not self._answered and isinstance(self._current, Secret):
                self._answered = True
                answers = [self._current.reveal().encode()]
            else:
                answers = [b""]
        elif count:
            answers = [b""] * count
        reply = count.to_bytes(4, "big") + b"".join(NS(answer) for answer in answers)
        self.transport.sendPacket(MSG_USERAUTH_INFO_RESPONSE, reply)

    def _request(self, method: bytes, data: bytes) -> None:
        self._method = method
        self.askForAuth(method, data)

    def _shown_method(self) -> str:
        return "publickey" if isinstance(self._current, PrivateKey) else "password"

    def _refusal(self, methods: Sequence[str]) -> str:
        return f"{self._login}@{self._host}: Permission denied ({','.join(methods)})."
