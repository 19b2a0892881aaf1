"""Logging in with a Kerberos ticket (gssapi-with-mic, RFC 4462, section 3).

The package C{gssapi} is an extra, since it is built against the system's Kerberos libraries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from twisted.internet.defer import Deferred

from smartdyn.ssh.errors import KeyUnusable

METHOD = b"gssapi-with-mic"
MECHANISM = bytes.fromhex("06092a864886f712010202")
"""Kerberos 5 as an object identifier in DER (RFC 1964, section 1)."""


def kerberos_problem() -> str | None:
    """Why there is no logging in with tickets on this machine, None when there is."""
    if find_spec("gssapi") is None:
        return (
            "`kerberos_auth` needs the Python package gssapi: install smartdyn[kerberos], "
            "for which a C compiler and libkrb5-dev (krb5-devel) must be there"
        )
    return None


@dataclass(frozen=True, slots=True)
class Kerberos:
    """The tickets of the service's account.

    @param in_thread: calls what may block: the library asks the KDC for a ticket for each new host.
    """

    in_thread: Callable[[Callable[[], Any]], Deferred[Any]]

    def begin(self, host: str) -> KerberosExchange:
        """Prove to a host who we are."""
        return KerberosExchange(host, self.in_thread)


class KerberosExchange:
    """The tokens of one login."""

    def __init__(self, host: str, in_thread: Callable[[Callable[[], Any]], Deferred[Any]]) -> None:
        self._host = host
        self._in_thread = in_thread
        self._context: Any = None

    async def step(self, token: bytes | None) -> bytes | None:
        """The next token for the host, None when it needs no more.

        @param token: what the host sent, None at the beginning.
        @raise KeyUnusable: there is no ticket, or the host's answer is wrong.
        """
        answer: bytes | None = await self._call(lambda: self._step(token))
        return answer

    @property
    def is_complete(self) -> bool:
        """Do both sides know each other?"""
        return bool(self._context is not None and self._context.complete)

    async def seal(self, data: bytes) -> bytes:
        """The code that binds C{data} to what was agreed upon.

        @raise KeyUnusable: it cannot be made.
        """
        sealed: bytes = await self._call(lambda: bytes(self._context.get_signature(data)))
        return sealed

    async def _call(self, work: Callable[[], Any]) -> Any:
        from gssapi.raw.misc import GSSError  # noqa: PLC0415  # an extra, which may be missing where nobody needs it

        try:
            return await self._in_thread(work)
        except GSSError as error:
            raise KeyUnusable(f"Kerberos: {error}") from error

    def _step(self, token: bytes | None) -> bytes | None:
        import gssapi  # noqa: PLC0415  # as above

        if self._context is None:
            self._context = gssapi.SecurityContext(
                name=gssapi.Name(f"host@{self._host}", gssapi.NameType.hostbased_service),
                mech=gssapi.MechType.kerberos,
                flags=gssapi.RequirementFlag.mutual_authentication | gssapi.RequirementFlag.integrity,
                usage="initiate",
            )
        answer = self._context.step(token)
        return bytes(answer) if answer else None
