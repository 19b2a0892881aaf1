"""How it is decided whether a server is the host that it should be."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Protocol

from smartdyn.ssh.certificates import CERTIFICATE, plain_key
from smartdyn.ssh.errors import HostKeyRejected, KeyUnusable
from smartdyn.ssh.known_hosts_format import fingerprint, host_name

KEY_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
"""The types of host keys that we know to check, best first."""

_RSA_SIGNATURES = ("rsa-sha2-512", "rsa-sha2-256")

CHANGED = """@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
"""


class HostTrust(Protocol):
    """Knows what to ask a host for, and whether to believe the answer.

    Both raise L{smartdyn.ssh.errors.KnownHostsUnusable} when they cannot look.
    """

    def key_types(self, host: str, port: int) -> Sequence[str]:
        """The types of the keys that would be believed, best first; certificates among them when one would be."""

    def verify(self, host: str, port: int, key_type: str, blob: bytes) -> None:
        """Accept a host key or refuse it.

        @raise HostKeyRejected: it is not to be trusted.
        """


class PinnedKey:
    """Believes one key and no other; nothing is learned (the C{host_public_key} of a job)."""

    def __init__(self, text: str) -> None:
        """
        @param text: the type and the key in base64, as in a C{.pub} file.
        @raise KeyUnusable: it is no such thing.
        """
        fields = text.split()
        try:
            self._blob = base64.b64decode(fields[1], validate=True)
            self._key_type, _ = plain_key(fields[0], self._blob)
        except (IndexError, binascii.Error, ValueError):
            raise KeyUnusable("`host_public_key` must be the key's type and the key in base64.") from None

    def key_types(self, host: str, port: int) -> Sequence[str]:
        """The one."""
        return [self._key_type]

    def verify(self, host: str, port: int, key_type: str, blob: bytes) -> None:
        """It must be exactly this one.

        @raise HostKeyRejected: it is not.
        """
        if blob != self._blob:
            name = host_name(host, port)
            text = (
                f"{CHANGED}The {key_type} key sent by {name} has the fingerprint {fingerprint(blob)}, and the job came "
                f"with another `host_public_key` ({fingerprint(self._blob)})."
            )
            raise HostKeyRejected(name, key_type, text)


def algorithms(preferred: Sequence[str]) -> list[bytes]:
    """The host key algorithms to offer (RFC 4253, 7.1): those of preferred types first, then all plain ones.

    Certificates are asked for only by those who can judge them.
    """
    names = [*preferred, *KEY_TYPES]
    known = {*KEY_TYPES, *(key_type + CERTIFICATE for key_type in KEY_TYPES)}
    offered = (name for key_type in names if key_type in known for name in _of_type(key_type))
    return [name.encode() for name in dict.fromkeys(offered)]


def _of_type(key_type: str) -> list[str]:
    """A type's algorithms: RSA keys have several (RFC 8332), and the one with SHA-1 is not among ours."""
    plain = key_type.removesuffix(CERTIFICATE)
    suffix = key_type[len(plain) :]
    return [name + suffix for name in _RSA_SIGNATURES] if plain == "ssh-rsa" else [key_type]
