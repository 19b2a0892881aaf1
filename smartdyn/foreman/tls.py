"""TLS towards Foreman: always verified, with our client certificate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from OpenSSL import SSL, crypto
from twisted.internet.error import VerifyError
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
from smartdyn.pem import certificates, read


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

    def __init__(self, files: ForemanCertificates) -> None:
        """
        @raise SettingsError: a file cannot be used.
        """
        try:
            self._trust = _trust(files.ca)
            self._ours = _ours(files)
        except (VerifyError, SSL.Error, crypto.Error, ValueError) as error:
            named = ", ".join(str(path) for path in (files.ca, files.certificate, files.key) if path is not None)
            raise SettingsError([f"{named} cannot be used for TLS towards Foreman: {error}"]) from error

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
    return trustRootFromCertificates([Certificate.loadPEM(block) for block in certificates(ca)])


def _ours(files: ForemanCertificates) -> PrivateCertificate | None:
    if files.certificate is None or files.key is None:
        return None
    key = KeyPair.load(read(files.key), 1)
    own: PrivateCertificate = PrivateCertificate.fromCertificateAndKeyPair(
        Certificate.loadPEM(certificates(files.certificate)[0]), key
    )
    return own
