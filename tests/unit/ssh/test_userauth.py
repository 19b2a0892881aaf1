"""The order of ways in, with a server that the test plays."""

from __future__ import annotations

from typing import Any

from twisted.conch.ssh.common import NS, getNS
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.secret import Secret
from smartdyn.ssh import Credentials
from smartdyn.ssh.errors import AuthenticationFailed, KeyUnusable
from smartdyn.ssh.userauth import UserAuth

FAILURE, BANNER, REQUEST_60 = 51, 53, 60
ED = b"ssh-ed25519"


class FakeKey:
    """Signs with its name, or not at all."""

    def __init__(self, name: str, problem: str = "") -> None:
        self.blob = NS(ED) + NS(name.encode())
        self._problem = problem

    async def sign(self, data: bytes, algorithm: bytes) -> bytes:
        """Sign."""
        if self._problem:
            raise KeyUnusable(self._problem)
        return b"signed"


class FakeTransport:
    """Keeps what is sent."""

    sessionID = b"session"
    peerExtensions: dict[bytes, bytes] = {}  # noqa: RUF012  # as Conch declares it

    def __init__(self) -> None:
        self.sent: list[tuple[int, bytes]] = []

    def sendPacket(self, number: int, payload: bytes) -> None:
        """Keep it."""
        self.sent.append((number, payload))

    def methods(self) -> list[str]:
        """The methods that were tried, C{none} among them."""
        return [getNS(payload, 3)[2].decode() for number, payload in self.sent if number == 50]


class Connection:
    """The service to come."""

    name = b"ssh-connection"


class UserAuthTests(SynchronousTestCase):
    """L{UserAuth}."""

    def begin(self, password: str | None = None, *keys: Any) -> None:
        """Begin to log in."""
        self.transport = FakeTransport()
        credentials = Credentials(Secret(password) if password else None, keys)
        self.auth = UserAuth("u", "h", credentials, Connection())
        self.auth.transport = self.transport
        self.auth.serviceStarted()

    def refuse(self, methods: str, *, partial: bool = False) -> None:
        """The server wants something else."""
        self.auth.packetReceived(FAILURE, NS(methods.encode()) + bytes((partial,)))

    def failure(self) -> AuthenticationFailed:
        """Why it failed."""
        return self.successResultOf(self.auth.failed)

    def test_each_way_once_in_order(self) -> None:
        """Password, then each key; when all were refused, no more is sent."""
        self.begin("p", FakeKey("a"), FakeKey("b"))
        for _ in range(4):
            self.refuse("publickey,password")
        self.assertEqual(self.transport.methods(), ["none", "password", "publickey", "publickey"])
        failure = self.failure()
        self.assertEqual([each.method for each in failure.attempts], ["password", "publickey", "publickey"])
        self.assertEqual(str(failure), "u@h: Permission denied (publickey,password).")

    def test_what_the_server_does_not_want_is_not_sent(self) -> None:
        """A password never goes to a server that takes keys only; the text says so all the same."""
        self.begin("p")
        self.refuse("publickey")
        self.assertEqual(self.transport.methods(), ["none"])
        self.assertEqual(self.failure().attempts[0].text, "u@h: Permission denied (publickey).")

    def test_several_methods(self) -> None:
        """What is not wanted yet is kept until it is."""
        self.begin("p", FakeKey("a"))
        self.refuse("publickey")
        self.refuse("password", partial=True)
        self.assertEqual(self.transport.methods(), ["none", "publickey", "password"])

    def test_an_expired_password(self) -> None:
        """It is not changed: the text says that it has to be, and the next way is tried."""
        self.begin("p", FakeKey("a"))
        self.refuse("publickey,password")
        self.auth.packetReceived(REQUEST_60, NS(b"New password:") + NS(b""))
        self.assertEqual(self.transport.methods()[-1], "none")
        self.refuse("publickey,password")
        self.refuse("publickey,password")
        texts = [attempt.text for attempt in self.failure().attempts]
        self.assertEqual(texts[0], "The password of u has expired. Set a new one on h.")
        self.assertEqual(self.transport.methods().count("password"), 1)

    def test_a_key_that_does_not_sign(self) -> None:
        """Its keeper's words are passed on, and the next way is tried."""
        self.begin(None, FakeKey("a", "no agent"), FakeKey("b"))
        self.refuse("publickey")
        self.refuse("publickey")
        self.refuse("publickey")
        self.assertEqual(self.failure().attempts[0].text, "no agent")
        self.assertEqual(self.transport.methods(), ["none", "none", "publickey"])

    def test_prompts(self) -> None:
        """Only the first hidden prompt that stands alone gets the password; what is asked beside it gets nothing."""
        self.begin("p")
        self.refuse("keyboard-interactive")
        head = NS(b"") * 3
        hidden, shown = NS(b"Password: ") + b"\0", NS(b"Code: ") + b"\1"
        for prompts in ([hidden], [hidden], [hidden, shown], []):
            self.auth.packetReceived(REQUEST_60, head + len(prompts).to_bytes(4, "big") + b"".join(prompts))
        answers = [payload for number, payload in self.transport.sent if number == 61]
        one, two = (1).to_bytes(4, "big"), (2).to_bytes(4, "big")
        self.assertEqual(answers, [one + NS(b"p"), one + NS(b""), two + NS(b"") * 2, bytes(4)])

    def test_banners_are_logged(self) -> None:
        """With the host that sent them."""
        events: list[Any] = []
        observer: Any = events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.begin("p")
        self.auth.packetReceived(BANNER, NS(b"Authorised use only\n") + NS(b""))
        found = [(each["log_level"], each["text"]) for each in events if "banner" in (each["log_format"] or "")]
        self.assertEqual(found, [(LogLevel.info, "Authorised use only")])
