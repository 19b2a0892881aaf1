"""TLS towards Foreman: always verified, with our client certificate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet.ssl import (
    Certificate,
    KeyPair,
    PrivateCertificate,
    TLSVersion,
    optionsForClientTLS,
    platformTrust,
    trustRootFromCertificates,
)
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from smartdyn.errors import SettingsError

_PEM_END = b"-----END CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class ForemanCertificates:
    """Files; without a CA the system's store decides whom to trust."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


@implementer(IPolicyForHTTPS)
class ForemanPolicy:
    """Verifies Foreman's certificate and name, and shows ours.

    Ruby's proxy does not verify at all when no CA is set; that is never done here.
    """

    def __init__(self, certificates: ForemanCertificates) -> None:
        """
        @raise SettingsError: a file cannot be used.
        """
        self._trust = _trust(certificates.ca)
        self._ours = _ours(certificates)

    def creatorForNetloc(self, hostname: bytes, port: int) -> Any:
        return optionsForClientTLS(
            hostname.decode("ascii"),
            trustRoot=self._trust,
            clientCertificate=self._ours,
            extraCertificateOptions={"raiseMinimumTo": TLSVersion.TLSv1_2},
        )


def _trust(ca: Path | None) -> Any:
    if ca is None:
        return platformTrust()
    blocks = [block + _PEM_END for block in _read(ca).split(_PEM_END) if b"BEGIN CERTIFICATE" in block]
    if not blocks:
        raise SettingsError([f"{ca} holds no certificate."])
    return trustRootFromCertificates([Certificate.loadPEM(block) for block in blocks])


def _ours(certificates: ForemanCertificates) -> PrivateCertificate | None:
    if certificates.certificate is None or certificates.key is None:
        return None
    key = KeyPair.load(_read(certificates.key), 1)
    own: PrivateCertificate = PrivateCertificate.fromCertificateAndKeyPair(
        Certificate.loadPEM(_read(certificates.certificate)), key
    )
    return own


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError([f"{path} cannot be read: {error.strerror}."]) from error
