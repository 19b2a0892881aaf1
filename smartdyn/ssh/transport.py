"""The encrypted connection (RFC 4253), with the algorithms that are still trusted."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

from twisted.conch.ssh.common import getNS
from twisted.conch.ssh.connection import MSG_CHANNEL_DATA
from twisted.conch.ssh.service import SSHService
from twisted.conch.ssh.transport import (
    DISCONNECT_HOST_KEY_NOT_VERIFIABLE,
    DISCONNECT_PROTOCOL_ERROR,
    MSG_KEXINIT,
    MSG_NEWKEYS,
    SSHClientTransport,
)
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from smartdyn.metrics.ssh import SshMeters
from smartdyn.ssh.algorithms import STRICT_SERVER, Algorithms, NoCommonAlgorithm, Proposal, agree, our_proposal
from smartdyn.ssh.backlog import Backlog
from smartdyn.ssh.ciphers import Keys, PacketRefused, Protection, protection
from smartdyn.ssh.errors import HandshakeFailed, HostKeyRejected, KnownHostsUnusable
from smartdyn.ssh.handshake import Handshake, Stage
from smartdyn.ssh.host_signature import BadHostSignature, verify_host_signature
from smartdyn.ssh.identification import IdentificationReader, NotSSH
from smartdyn.ssh.key_exchange import KeyExchange, Message, Reply, derive, exchange_hash, key_exchange
from smartdyn.ssh.packets import PacketReader, PacketWriter, RekeyLimits
from smartdyn.ssh.trust import HostTrust, algorithms
from smartdyn.ssh.wire import MessageReader, shown

CLOSED = "the server closed the connection"
"""Why a connection ended, when the server did not say why."""

_COOKIE_LENGTH = 16
_SERVICE_MESSAGES = 50
_METHOD_MESSAGES = range(30, 50)

_MOST_UNREAD = 4 * 1024 * 1024
"""Bytes that a server may send while its host key is being judged: more than the windows of some sessions."""

_EXCHANGE_LIMIT = 60.0
"""Seconds for an exchange of fresh keys; the first one is watched by whoever connects."""

_GOODBYE_LIMIT = 5.0
"""Seconds for a server to take our last words before we cut it off."""


class ClientTransport(SSHClientTransport):
    """Our side of a connection, up to the moment when it is secure.

    Packets, algorithms and key exchange are our own: Conch's have no authenticated encryption, and let messages slip
    in before the first keys (Terrapin). No SHA-1, MD5, CBC, 3DES or DSS; the host key type that we know of the host
    comes first.
    """

    rekey_limits = RekeyLimits()

    def __init__(
        self, clock: IReactorTime, host: str, port: int, trust: HostTrust, meters: SshMeters | None = None
    ) -> None:
        self._clock = clock
        self._meters = meters or SshMeters()
        self._host = host
        self._port = port
        self._trust = trust
        self._reason: str | None = None
        self._closing = False
        self._timers: dict[str, Any] = {}
        self._identification: IdentificationReader | None = IdentificationReader()
        self._reader = PacketReader()
        self._writer = PacketWriter()
        self._backlog = Backlog()
        self._requested: SSHService | None = None
        self._handshake = Handshake()
        self._method: KeyExchange | None = None
        self._incoming: Protection | None = None
        self._waiting: list[tuple[int, bytes]] = []
        self.algorithms: Algorithms | None = None
        self.secure: Deferred[None] = Deferred()
        self.lost: Deferred[str] = Deferred()
        self.rejected: HostKeyRejected | KnownHostsUnusable | None = None
        self.supportedPublicKeys = algorithms(trust.key_types(host, port))

    def connectionMade(self) -> None:
        wire: Any = self.transport
        wire.registerProducer(self._backlog, True)
        self._write(self.ourVersionString + b"\r\n")
        self.sendKexInit()

    def dataReceived(self, data: bytes) -> None:
        if self._closing:
            return
        self._meters.received.inc(len(data))
        try:
            self._identify(data) if self._identification is not None else self._reader.feed(data)
            self._take_packets()
            if self._reader.unread > _MOST_UNREAD:
                raise PacketRefused("the server went on and on before we knew its key")
        except NotSSH as error:
            self.drop(str(error))
        except (PacketRefused, NoCommonAlgorithm, BadHostSignature) as error:
            self.sendDisconnect(DISCONNECT_PROTOCOL_ERROR, str(error).encode())

    def dispatchMessage(self, messageNum: int, payload: bytes) -> None:
        if not self._handshake.may_come(messageNum):
            raise PacketRefused(f"the server sent message {messageNum} when it must not")
        if messageNum in _METHOD_MESSAGES:
            self._continue_exchange(payload)
        else:
            super().dispatchMessage(messageNum, payload)

    def sendPacket(self, messageType: int, payload: bytes) -> None:
        if not self._handshake.may_go(messageType):
            self._waiting.append((messageType, payload))
            return
        packet = self._writer.seal(bytes((messageType,)) + payload)
        self._write(packet)
        if messageType != MSG_CHANNEL_DATA and not self._backlog.add(len(packet)):
            self.drop("the server asks and asks, and does not read the answers")
        self._renew_worn_keys()

    def isEncrypted(self, direction: str = "out") -> bool:
        return self._handshake.secured

    def isVerified(self, direction: str = "out") -> bool:
        return self._handshake.secured

    def sendKexInit(self) -> None:
        proposal = our_proposal([name.decode() for name in self.supportedPublicKeys])
        payload = proposal.encode(os.urandom(_COOKIE_LENGTH))
        self.ourKexInitPayload = bytes((MSG_KEXINIT,)) + payload
        self._handshake.stage = Stage.PROPOSED
        if self._handshake.secured:
            self._after(_EXCHANGE_LIMIT, "exchange", partial(self.drop, "the server did not renew its keys in time"))
        self.sendPacket(MSG_KEXINIT, payload)

    def ssh_KEXINIT(self, packet: bytes) -> None:
        theirs = Proposal.decode(packet)
        if not self._handshake.secured:
            self._handshake.strict = STRICT_SERVER in theirs.key_exchange
            if self._handshake.strict and self.incomingPacketSequence:
                raise PacketRefused("the server sent something before its proposal, which strict key exchange forbids")
        if self._handshake.stage is Stage.QUIET:
            self.sendKexInit()
        self.otherKexInitPayload = bytes((MSG_KEXINIT,)) + packet
        self.algorithms = agree(Proposal.decode(self.ourKexInitPayload[1:]), theirs)
        self._log.debug("agreed with {host} on {algorithms}", host=self._host, algorithms=self.algorithms)
        self._method = key_exchange(self.algorithms.key_exchange)
        self._advance(self._method.begin())

    def ssh_NEWKEYS(self, packet: bytes) -> None:
        assert self._incoming is not None, "only awaited when our keys are there"
        self._reader.renew(self._incoming, restart=self._handshake.strict)
        self._incoming = None
        self._handshake.stage = Stage.QUIET
        self._cancel("exchange")
        self._after(self.rekey_limits.seconds, "rekey", self.sendKexInit)
        waiting, self._waiting = self._waiting, []
        for number, payload in waiting:
            self.sendPacket(number, payload)
        if not self._handshake.secured:
            self._handshake.secured = True
            self.connectionSecure()

    def verifyHostKey(self, hostKey: bytes, fingerprint: bytes) -> Deferred[Any]:
        key_type = getNS(hostKey)[0].decode("ascii", "replace")
        try:
            self._trust.verify(self._host, self._port, key_type, hostKey)
        except (HostKeyRejected, KnownHostsUnusable) as error:
            self.rejected = error
            return fail(error)
        return succeed(True)

    def connectionSecure(self) -> None:
        self.secure.callback(None)

    def requestService(self, instance: SSHService) -> None:
        self._requested = instance
        super().requestService(instance)

    def ssh_SERVICE_ACCEPT(self, packet: bytes) -> None:
        """A second one would begin the login anew."""
        service, self._requested = self._requested, None
        if service is None or (packet and MessageReader(packet).string() != service.name):
            raise PacketRefused("the server accepted a service that it was not asked for")
        self.setService(service)

    def ssh_DISCONNECT(self, packet: bytes) -> None:
        """Nothing may be said after it (RFC 4253, section 11.1), and whether the server closes is not waited for."""
        reader = MessageReader(packet)
        reader.uint32()
        self.drop(shown(reader.string()) or "the server ended the connection")

    def receiveUnimplemented(self, seqnum: int) -> None:
        self._log.debug("{host} does not know our message {number}", host=self._host, number=seqnum)

    def sendDisconnect(self, reason: int, desc: bytes) -> None:
        if self._closing:
            return
        self._reason = self._reason or desc.decode("utf-8", "replace")
        self._closing = True
        # With a producer the wire would wait for its end
        wire: Any = self.transport
        wire.unregisterProducer()
        self._after(_GOODBYE_LIMIT, "goodbye", partial(self.drop, self._reason))
        super().sendDisconnect(reason, desc)

    def connectionLost(self, reason: Failure | None = None) -> None:
        text = self._reason or self._unexplained(reason)
        self._closing = True
        for name in list(self._timers):
            self._cancel(name)
        self.connection_ending(text)
        try:
            super().connectionLost(reason)
        finally:
            if not self.secure.called:
                self.secure.errback(self.rejected or self._handshake_failed(text))
            self.lost.callback(text)

    def connection_ending(self, reason: str) -> None:
        """Let the channels know why they are about to be closed."""
        service = getattr(self, "service", None)
        ending = getattr(service, "connection_ending", None)
        if ending is not None:
            ending(reason)

    def drop(self, reason: str) -> None:
        """End the connection at once."""
        self._reason = self._reason or reason
        self._closing = True
        if self.transport is not None:
            wire: Any = self.transport
            wire.abortConnection()

    def _write(self, data: bytes) -> None:
        self._meters.sent.inc(len(data))
        wire: Any = self.transport
        wire.write(data)

    def _identify(self, data: bytes) -> None:
        assert self._identification is not None
        found = self._identification.feed(data)
        if found is not None:
            self.gotVersion = True
            self._identification = None
            self.otherVersionString, rest = found
            self._reader.feed(rest)

    def _take_packets(self) -> None:
        while self.gotVersion and not self._closing and self._handshake.stage is not Stage.JUDGING:
            self.incomingPacketSequence = self._reader.sequence
            payload = self._reader.next_payload()
            if payload is None:
                break
            self._dispatch(payload[0], payload[1:])
        self._renew_worn_keys()

    def _dispatch(self, number: int, payload: bytes) -> None:
        try:
            self.dispatchMessage(number, payload)
        except (PacketRefused, NoCommonAlgorithm, BadHostSignature):
            raise
        except Exception as error:
            if number >= _SERVICE_MESSAGES and not isinstance(error, ValueError):
                self._log.failure("message {number} from {host} was not handled", number=number, host=self._host)
            raise PacketRefused(f"the server sent a message {number} that makes no sense: {error!r}") from error

    def _continue_exchange(self, payload: bytes) -> None:
        assert self._method is not None, "only awaited while a method is running"
        answer = self._method.receive(payload)
        if isinstance(answer, Message):
            self._advance(answer)
        else:
            self._judge(self._method.digest, answer)

    def _advance(self, message: Message) -> None:
        assert self._method is not None
        self._handshake.stage = Stage.EXCHANGING
        self._handshake.expects = self._method.expects
        self.sendPacket(message.number, message.payload)

    def _judge(self, digest: str, reply: Reply) -> None:
        assert self.algorithms is not None
        versions = self.ourVersionString, self.otherVersionString
        exchanged = exchange_hash(digest, versions, (self.ourKexInitPayload, self.otherKexInitPayload), reply)
        # Only a key that the host has proven to own is looked up, or learned
        verify_host_signature(self.algorithms.host_key, reply.host_key, reply.signature, exchanged)
        self._method = None
        self._handshake.stage = Stage.JUDGING
        judged = self.verifyHostKey(reply.host_key, b"")
        judged.addCallback(lambda _: self._change_keys(digest, reply.secret, exchanged))
        judged.addErrback(self._refuse_host)

    def _refuse_host(self, failure: Failure) -> None:
        text = failure.getErrorMessage()
        self.sendDisconnect(DISCONNECT_HOST_KEY_NOT_VERIFIABLE, text.encode())

    def _change_keys(self, digest: str, secret: bytes, exchanged: bytes) -> None:
        if self._closing:
            return
        agreed = self.algorithms
        assert agreed is not None
        self.sessionID = session = self.sessionID or exchanged

        def keys(letters: bytes) -> Keys:
            return Keys(*(derive(digest, secret, exchanged, session, bytes((letter,))) for letter in letters))

        self._incoming = protection(agreed.cipher_in, agreed.mac_in, keys(b"BDF"), outgoing=False)
        self.sendPacket(MSG_NEWKEYS, b"")
        outgoing = protection(agreed.cipher_out, agreed.mac_out, keys(b"ACE"), outgoing=True)
        self._writer.renew(outgoing, restart=self._handshake.strict)
        self._handshake.stage = Stage.NEW_KEYS
        # What came while the host key was being judged has waited
        self.dataReceived(b"")

    def _renew_worn_keys(self) -> None:
        idle = self._handshake.secured and self._handshake.stage is Stage.QUIET and not self._closing
        if idle and (self.rekey_limits.reached(self._reader) or self.rekey_limits.reached(self._writer)):
            self.sendKexInit()

    def _handshake_failed(self, text: str) -> HandshakeFailed:
        waited = self._identification if self._reason is None else None
        return HandshakeFailed(self._host, self._port, text, is_passing=waited is not None and waited.turned_away)

    def _unexplained(self, reason: Failure | None) -> str:
        if self._identification is not None and self._identification.last_words:
            return f"{CLOSED}: {self._identification.last_words}"
        if reason is None or reason.check(ConnectionDone):
            return CLOSED
        return reason.getErrorMessage()

    def _after(self, seconds: float, name: str, call: Any) -> None:
        self._cancel(name)
        self._timers[name] = self._clock.callLater(seconds, call)

    def _cancel(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None and timer.active():
            timer.cancel()
