"""Where an exchange of keys stands, and which messages may come meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from twisted.conch.ssh.transport import (
    MSG_DEBUG,
    MSG_DISCONNECT,
    MSG_IGNORE,
    MSG_KEXINIT,
    MSG_NEWKEYS,
    MSG_UNIMPLEMENTED,
)

_ALWAYS = (MSG_DISCONNECT,)
_HARMLESS = (MSG_IGNORE, MSG_UNIMPLEMENTED, MSG_DEBUG)
_KEY_EXCHANGE = range(20, 50)


class Stage(Enum):
    """What is awaited from the server."""

    QUIET = auto()
    """No exchange is running; the server may begin one."""
    PROPOSED = auto()
    """We have sent our proposal."""
    EXCHANGING = auto()
    """The method is running."""
    JUDGING = auto()
    """The host key is being looked at. What follows is encrypted with keys that are not there yet: nothing is read."""
    NEW_KEYS = auto()
    """We have changed our keys, the server has not."""


@dataclass(slots=True)
class Handshake:
    """The state of key exchange on one connection.

    @ivar strict: both sides refuse whatever is not a part of the first exchange (OpenSSH PROTOCOL, section 1.10).
    @ivar secured: the first exchange is over.
    @ivar expects: the number of the method's next message.
    """

    stage: Stage = Stage.QUIET
    strict: bool = False
    secured: bool = False
    expects: int = 0

    def may_come(self, number: int) -> bool:
        """Whether the server may send this message now (RFC 4253, section 7.1)."""
        if number == self._awaited() or number in _ALWAYS:
            return True
        if number in _HARMLESS:
            return self.secured or not self.strict
        # Between our proposal and the server's everything goes on as before
        return self.secured and self.stage in (Stage.QUIET, Stage.PROPOSED) and number not in _KEY_EXCHANGE

    def may_go(self, number: int) -> bool:
        """Whether we may send this message now; else it has to wait for the end of the exchange."""
        return self.stage is Stage.QUIET or number in _ALWAYS or number in _HARMLESS or number in _KEY_EXCHANGE

    def _awaited(self) -> int:
        if self.stage is Stage.EXCHANGING:
            return self.expects
        return MSG_NEWKEYS if self.stage is Stage.NEW_KEYS else MSG_KEXINIT
