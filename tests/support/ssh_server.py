"""The other end of a connection, played by the test, which may break every rule; nothing goes over a network."""

from __future__ import annotations

import hashlib
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from twisted.conch.ssh.common import MP, NS
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from smartdyn.ssh.algorithms import STRICT_SERVER, Proposal
from smartdyn.ssh.ciphers import Keys, protection
from smartdyn.ssh.key_exchange import derive
from smartdyn.ssh.packets import PacketReader, PacketWriter
from smartdyn.ssh.transport import ClientTransport

DISCONNECT, IGNORE, UNIMPLEMENTED, DEBUG, SERVICE_REQUEST, SERVICE_ACCEPT, EXT_INFO = 1, 2, 3, 4, 5, 6, 7
KEXINIT, NEWKEYS, KEX_INIT, KEX_REPLY = 20, 21, 30, 31
VERSION = b"SSH-2.0-Played_1.0"
CIPHER = "aes128-gcm@openssh.com"


class AnyKey:
    """Believes every host key."""

    def key_types(self, host: str, port: int) -> list[str]:
        """No preference."""
        return []

    def verify(self, host: str, port: int, key_type: str, blob: bytes) -> None:
        """It is fine."""


class PlayedServer:
    """Speaks to a client through its memory.

    @ivar received: the messages of the client since the last L{take}, each with its number in front.
    """

    def __init__(self, *, strict: bool = True, client: ClientTransport | None = None) -> None:
        self.clock = Clock()
        self.client = client or ClientTransport(self.clock, "h1", 22, AnyKey())
        self.wire = StringTransport()
        self.strict = strict
        self.host_key = Ed25519PrivateKey.generate()
        self.reader = PacketReader()
        self.writer = PacketWriter()
        self._session = b""
        self._greeted = False
        self._ours = self._theirs = b""
        self.client.makeConnection(self.wire)

    def feed(self, data: bytes) -> None:
        """Raw bytes for the client; an end that it has made is carried out."""
        if not self.wire.disconnecting and self.wire.connected:
            self.client.dataReceived(data)
        self.settle()

    def settle(self) -> None:
        """The network sees that the client has closed the connection, as a real one does."""
        if self.wire.connected and self.is_ended():
            self.hang_up()

    def is_ended(self) -> bool:
        """Has the client closed or cut the connection?"""
        return bool(self.wire.disconnecting or self.wire.disconnected)

    def hang_up(self) -> None:
        """Close the connection."""
        self.wire.connected = False
        self.client.connectionLost(Failure(ConnectionDone()))

    def advance(self, seconds: float) -> None:
        """Time passes."""
        self.clock.advance(seconds)
        self.settle()

    def greet(self) -> None:
        """Say the version."""
        self.feed(VERSION + b"\r\n")

    def send(self, number: int, payload: bytes = b"") -> None:
        """Send a message."""
        self.feed(self.writer.seal(bytes((number,)) + payload))

    def take(self) -> list[bytes]:
        """What the client has said since."""
        data = self.wire.value()
        self.wire.clear()
        if not self._greeted:
            self._greeted = True
            data = data.partition(b"\r\n")[2]
        self.reader.feed(data)
        found = []
        while (payload := self.reader.next_payload()) is not None:
            found.append(payload)
        return found

    def propose(self, **lists: Any) -> None:
        """Send our proposal, and look at the client's."""
        names: dict[str, Any] = {
            "key_exchange": ("curve25519-sha256", *([STRICT_SERVER] if self.strict else [])),
            "host_key": ("ssh-ed25519",),
            **{f"{kind}_{way}": (value,) for way in ("c2s", "s2c") for kind, value in _CHOICE.items()},
            **lists,
        }
        payload = Proposal(**names).encode(bytes(16))
        self._ours = bytes((KEXINIT,)) + payload
        self.send(KEXINIT, payload)

    def reply(self, *, signature: bytes | None = None) -> None:
        """Answer the client's part of the key exchange."""
        self._theirs, begin = (message for message in self.take() if message[0] in (KEXINIT, KEX_INIT))
        public = begin[5:]
        mine = X25519PrivateKey.generate()
        answer = mine.public_key().public_bytes_raw()
        secret: bytes = MP(int.from_bytes(mine.exchange(X25519PublicKey.from_public_bytes(public)), "big"))
        blob = NS(b"ssh-ed25519") + NS(self.host_key.public_key().public_bytes_raw())
        parts = (self.client.ourVersionString, VERSION, self._theirs, self._ours, blob, public, answer)
        exchanged = hashlib.sha256(b"".join(NS(part) for part in parts) + secret).digest()
        signed = NS(b"ssh-ed25519") + NS(self.host_key.sign(exchanged))
        self._session = self._session or exchanged
        self._material = secret, exchanged
        self.send(KEX_REPLY, NS(blob) + NS(answer) + NS(signature or signed))

    def change_keys(self) -> None:
        """Both sides use the new keys."""
        self.send(NEWKEYS)
        assert self.take() == [bytes((NEWKEYS,))]
        self.writer.renew(protection(CIPHER, None, self._keys(b"BDF"), outgoing=True), restart=self.strict)
        self.reader.renew(protection(CIPHER, None, self._keys(b"ACE"), outgoing=False), restart=self.strict)

    def shake_hands(self) -> None:
        """Everything until the connection is secure."""
        self.greet()
        self.propose()
        self.reply()
        self.change_keys()

    def _keys(self, letters: bytes) -> Keys:
        secret, exchanged = self._material
        return Keys(*(derive("sha256", secret, exchanged, self._session, bytes((each,))) for each in letters))


_CHOICE = {"cipher": CIPHER, "mac": "hmac-sha2-256", "compression": "none"}
