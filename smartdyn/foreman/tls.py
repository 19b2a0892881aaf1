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
from twisted.logger import Logger
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from smartdyn.errors import SettingsError
from smartdyn.pem import Watched, certificates, read


@dataclass(frozen=True, slots=True)
class ForemanCertificates:
    """Files; without a CA the system's store decides whom to trust."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


@implementer(IPolicyForHTTPS)
class ForemanPolicy:
    """Verifies Foreman's certificate and name, and shows ours, with its chain, as the files are at each connection.

    Files that are changed and cannot be used are reported, and the former ones go on being used. Ruby's proxy does not
    verify at all when no CA is set; that is never done here.
    """

    _log = Logger()

    def __init__(self, files: ForemanCertificates) -> None:
        """
        @raise SettingsError: a file cannot be used.
        """
        self._files = files
        self._watched = Watched((files.ca, files.certificate, files.key))
        self._load()

    def creatorForNetloc(self, hostname: bytes, port: int) -> Any:
        if self._watched.have_changed():
            try:
                self._load()
            except SettingsError as error:
                self._log.error("new TLS files are not used: {error}", error=error)
            else:
                self._log.info("TLS files for Foreman have changed and are used from now on")
        chain = {"extraCertChain": self._chain} if self._chain else {}
        return optionsForClientTLS(
            hostname.decode("ascii"),
            trustRoot=self._trust,
            clientCertificate=self._ours,
            extraCertificateOptions={"raiseMinimumTo": TLSVersion.TLSv1_2, **chain},
        )

    def _load(self) -> None:
        files = self._files
        try:
            trust, (ours, chain) = _trust(files.ca), _ours(files)
        except (VerifyError, SSL.Error, crypto.Error, ValueError) as error:
            named = ", ".join(str(path) for path in (files.ca, files.certificate, files.key) if path is not None)
            raise SettingsError([f"{named} cannot be used for TLS towards Foreman: {error}"]) from error
        self._trust, self._ours, self._chain = trust, ours, chain


def _trust(ca: Path | None) -> Any:
    if ca is None:
        return platformTrust()
    return trustRootFromCertificates([Certificate.loadPEM(block) for block in certificates(ca)])


def _ours(files: ForemanCertificates) -> tuple[PrivateCertificate | None, list[Any]]:
    """Our certificate, and those behind it that lead to the CA."""
    if files.certificate is None or files.key is None:
        return None, []
    own, *chain = [Certificate.loadPEM(block) for block in certificates(files.certificate)]
    key = KeyPair.load(read(files.key), 1)
    ours = PrivateCertificate.fromCertificateAndKeyPair(own, key)
    # Says whether both belong together
    ours.options().getContext()
    return ours, [each.original for each in chain]
