"""Logging in: each credential is tried once, in our order (RFC 4252).

Conch's own client asks for a method again and again until the server hangs up, which locks accounts; only its packet
handling is used here.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.conch.ssh.common import NS
from twisted.conch.ssh.userauth import MSG_USERAUTH_INFO_RESPONSE, MSG_USERAUTH_REQUEST, SSHUserAuthClient
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from smartdyn.secret import Secret
from smartdyn.ssh.errors import Attempt, AuthenticationFailed, KeyUnusable
from smartdyn.ssh.kerberos import MECHANISM, METHOD, Kerberos, KerberosExchange
from smartdyn.ssh.keys import Identity, signature_algorithm
from smartdyn.ssh.wire import Malformed, MessageReader, shown

_WAYS: Mapping[str, tuple[bytes, ...]] = {
    "password": (b"password", b"keyboard-interactive"),
    "publickey": (b"publickey",),
    "gssapi-with-mic": (METHOD,),
}
"""The methods of RFC 4252 by which each of ours is done, best first."""


_LONGEST_BANNER = 4096
_MOST_PROMPTS = 100

_GSSAPI_TOKEN = 61
_GSSAPI_ERROR = 64
_GSSAPI_MIC = 66

Credential = Secret | Identity | Kerberos


@dataclass(frozen=True, slots=True)
class Credentials:
    """What we may log in with; the password is tried before the keys, those in their order, and tickets last."""

    password: Secret | None = None
    keys: tuple[Identity, ...] = ()
    kerberos: Kerberos | None = None

    def ways(self) -> list[tuple[str, Credential]]:
        """The credentials in the order in which they are tried, each with its method."""
        ways: list[tuple[str, Credential]] = [("password", self.password)] if self.password else []
        ways.extend(("publickey", key) for key in self.keys)
        if self.kerberos is not None:
            ways.append(("gssapi-with-mic", self.kerberos))
        return ways

    def methods(self) -> list[str]:
        """The methods these allow, in the order in which they are tried."""
        return list(dict.fromkeys(method for method, _ in self.ways()))


class UserAuth(SSHUserAuthClient):
    """Tries a user's credentials one after another.

    A server may want several (C{AuthenticationMethods}); one that it does not want yet is kept for later.
    """

    _log = Logger()
    transport: Any

    def __init__(self, user: str, host: str, credentials: Credentials, connection: Any) -> None:
        super().__init__(user.encode(), connection)
        self.protocolMessages = {
            **SSHUserAuthClient.protocolMessages,
            _GSSAPI_TOKEN: "MSG_USERAUTH_GSSAPI_TOKEN",
            _GSSAPI_ERROR: "MSG_USERAUTH_GSSAPI_ERROR",
        }
        self.failed: Deferred[AuthenticationFailed] = Deferred()
        self._login = user
        self._host = host
        self._pending = list(enumerate(credentials.ways()))
        self._current: tuple[int, tuple[str, Credential]] | None = None
        self._method = b"none"
        self._attempts: list[tuple[int, Attempt]] = []
        self._answered = False
        self._exchange: KerberosExchange | None = None

    def serviceStarted(self) -> None:
        self._request(b"none", b"")

    def ssh_USERAUTH_FAILURE(self, packet: bytes) -> None:
        reader = MessageReader(packet)
        methods = reader.string().split(b",")
        if reader.take(1) == b"\1":
            self._note(f"Accepted, but {self._host} wants more: {_shown(methods)}.")
        else:
            self._note(self._refusal(methods))
        self._try_next(methods)

    def ssh_USERAUTH_PK_OK(self, packet: bytes) -> None:
        """Message 60: its meaning depends on the method that is being tried."""
        if self._method == b"keyboard-interactive":
            self._answer_prompts(packet)
        elif self._method == b"password":
            self._note(f"The password of {self._login} has expired. Set a new one on {self._host}.")
            self._request(b"none", b"")
        elif self._method == METHOD and self._exchange is not None:
            self._spawn(self._send_token(self._exchange, None))
        else:
            self._request(b"none", b"")

    def ssh_USERAUTH_GSSAPI_TOKEN(self, packet: bytes) -> None:
        if self._exchange is not None:
            self._spawn(self._send_token(self._exchange, MessageReader(packet).string()))

    def ssh_USERAUTH_GSSAPI_ERROR(self, packet: bytes) -> None:
        """What the server thinks of our ticket; its refusal follows."""
        reader = MessageReader(packet)
        reader.take(8)
        self._note(f"Kerberos: {shown(reader.string())}")

    def ssh_USERAUTH_BANNER(self, packet: bytes) -> None:
        text = MessageReader(packet).string()[:_LONGEST_BANNER].decode("utf-8", "replace")
        self._log.info("banner of {host}: {text}", host=self._host, text=text.strip())

    def _try_next(self, methods: Sequence[bytes]) -> None:
        for place, (method, credential) in self._pending:
            name = next((each for each in _WAYS[method] if each in methods), None)
            if name is not None:
                self._current = (place, (method, credential))
                self._pending.remove(self._current)
                self._begin(name, credential)
                return
        self._give_up(methods)

    def _begin(self, name: bytes, credential: Credential) -> None:
        if isinstance(credential, Kerberos):
            self._exchange = credential.begin(self._host)
            self._request(name, (1).to_bytes(4, "big") + NS(MECHANISM))
        elif not isinstance(credential, Secret):
            self._spawn(self._send_signature(credential, name))
        elif name == b"password":
            self._request(name, b"\0" + NS(credential.reveal().encode()))
        else:
            self._answered = False
            self._request(name, NS(b"") + NS(b""))

    def _give_up(self, methods: Sequence[bytes]) -> None:
        refusal = self._refusal(methods)
        self._attempts.extend((place, Attempt(method, refusal)) for place, (method, _) in self._pending)
        attempts = [attempt for _, attempt in sorted(self._attempts, key=lambda each: each[0])]
        if not self.failed.called:
            shown = [name.decode("ascii", "replace") for name in methods]
            self.failed.callback(AuthenticationFailed(self._login, self._host, attempts, shown))

    async def _send_signature(self, key: Identity, name: bytes) -> None:
        offered = self.transport.peerExtensions.get(b"server-sig-algs", b"")
        algorithm = signature_algorithm(key.blob, frozenset(offered.split(b",")))
        body = b"\1" + NS(algorithm) + NS(key.blob)
        message = bytes((MSG_USERAUTH_REQUEST,)) + NS(self.user) + NS(self.instance.name) + NS(name) + body
        try:
            signature = await key.sign(NS(self.transport.sessionID) + message, algorithm)
        except KeyUnusable as error:
            self._note(str(error))
            self._request(b"none", b"")
            return
        self._request(name, body + NS(signature))

    async def _send_token(self, exchange: KerberosExchange, token: bytes | None) -> None:
        try:
            answer = await exchange.step(token)
            if answer is not None:
                self.transport.sendPacket(_GSSAPI_TOKEN, NS(answer))
            if exchange.is_complete:
                head = NS(self.transport.sessionID) + bytes((MSG_USERAUTH_REQUEST,))
                sealed = await exchange.seal(head + NS(self.user) + NS(self.instance.name) + NS(METHOD))
                self.transport.sendPacket(_GSSAPI_MIC, NS(sealed))
        except KeyUnusable as error:
            self._note(str(error))
            self._request(b"none", b"")

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        Deferred.fromCoroutine(work).addErrback(self._broken)

    def _broken(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self._log.failure("logging in failed", failure=failure)
            self.transport.drop("logging in failed")

    def _answer_prompts(self, packet: bytes) -> None:
        """Answer one prompt that hides what is typed, once; anything else is not the password prompt we expect."""
        reader = MessageReader(packet)
        for _ in ("name", "instruction", "language"):
            reader.string()
        count = reader.uint32()
        answers: list[bytes] = []
        if count == 1:
            reader.string()
            credential = self._current[1][1] if self._current is not None else None
            hidden = reader.take(1) == b"\0"
            if hidden and not self._answered and isinstance(credential, Secret):
                self._answered = True
                answers = [credential.reveal().encode()]
            else:
                answers = [b""]
        elif count:
            if count > _MOST_PROMPTS:
                raise Malformed(f"it asks {count} questions at once")
            answers = [b""] * count
        reply = len(answers).to_bytes(4, "big") + b"".join(NS(answer) for answer in answers)
        self.transport.sendPacket(MSG_USERAUTH_INFO_RESPONSE, reply)

    def _request(self, method: bytes, data: bytes) -> None:
        self._method = method
        self.askForAuth(method, data)

    def _note(self, text: str) -> None:
        """What came of the current attempt."""
        if self._current is not None:
            place, (method, _) = self._current
            self._current = None
            self._attempts.append((place, Attempt(method, text)))

    def _refusal(self, methods: Sequence[bytes]) -> str:
        return f"{self._login}@{self._host}: Permission denied ({_shown(methods)})."


def _shown(methods: Sequence[bytes]) -> str:
    return shown(b",".join(methods))
