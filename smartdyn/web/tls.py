"""TLS for our listeners: which versions and ciphers, whose certificates, and what is done when the files change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IOpenSSLContextFactory
from twisted.internet.ssl import AcceptableCiphers as Ciphers
from twisted.internet.ssl import Certificate, CertificateOptions, KeyPair, TLSVersion
from twisted.logger import Logger
from zope.interface import implementer

from smartdyn.errors import SettingsError
from smartdyn.pem import Watched, certificates, read

CIPHERS: Final = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
)
"""For TLS 1.2: those of the smart proxy without CBC, and those that keys on elliptic curves need."""

CIPHERS_13: Final = ("TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256")

_VERSIONS: Final = {"1.2": TLSVersion.TLSv1_2, "1.3": TLSVersion.TLSv1_3}


@dataclass(frozen=True, slots=True)
class ServerTLS:
    """The files and what is not wanted.

    @param ca: verifies client certificates, which may be shown and need not be.
    @param certificate: ours, with its chain behind it.
    """

    ca: Path
    certificate: Path
    key: Path
    disabled_ciphers: Sequence[str] = ()
    disabled_versions: Sequence[str] = ()


def server_context(wanted: ServerTLS) -> Any:
    """An OpenSSL context for a listener.

    @raise SettingsError: a file cannot be used, or nothing is left of the versions or ciphers.
    """
    versions = [version for name, version in _VERSIONS.items() if name not in wanted.disabled_versions]
    ciphers = [name for name in CIPHERS if name not in wanted.disabled_ciphers]
    ciphers_13 = [name for name in CIPHERS_13 if name not in wanted.disabled_ciphers]
    if not versions or not (ciphers_13 if versions == [TLSVersion.TLSv1_3] else ciphers):
        raise SettingsError(["`tls_disabled_versions` and `ssl_disabled_ciphers` leave nothing to speak TLS with."])
    try:
        own, *chain = [Certificate.loadPEM(block) for block in certificates(wanted.certificate)]
        key = KeyPair.load(read(wanted.key), crypto.FILETYPE_PEM)
        trusted = [Certificate.loadPEM(block).original for block in certificates(wanted.ca)]
        options = CertificateOptions(
            privateKey=key.original,
            certificate=own.original,
            extraCertChain=[each.original for each in chain],
            verify=True,
            caCerts=trusted,
            requireCertificate=False,
            insecurelyLowerMinimumTo=versions[0],
            lowerMaximumSecurityTo=versions[-1] if versions[-1] is not TLSVersion.TLSv1_3 else None,
            acceptableCiphers=Ciphers.fromOpenSSLCipherString(":".join(ciphers)),
        )
        context: Any = options.getContext()
        context.set_tls13_ciphersuites(":".join(ciphers_13 or CIPHERS_13).encode())
        context.check_privatekey()
    except (SSL.Error, crypto.Error, ValueError) as error:
        raise SettingsError(
            [f"{wanted.certificate} and {wanted.key} cannot be used for TLS: {_text(error)}."]
        ) from error
    return context


def expires_at(path: Path) -> datetime:
    """When the certificate in a file expires.

    @raise SettingsError: there is none.
    """
    return x509.load_pem_x509_certificate(certificates(path)[0]).not_valid_after_utc


@implementer(IOpenSSLContextFactory)
class ReloadingContextFactory:
    """Gives each new connection a context made of the files as they are now.

    Files that are changed and cannot be used are reported, and the former ones go on being used.
    """

    _log = Logger()

    def __init__(self, wanted: ServerTLS) -> None:
        """
        @raise SettingsError: as L{server_context}.
        """
        self._watch(wanted)
        self._context = server_context(wanted)

    def use(self, wanted: ServerTLS, context: Any) -> None:
        """Give new connections another context, made of other files."""
        self._watch(wanted)
        self._context = context

    def getContext(self) -> Any:
        """Called by Twisted for each connection."""
        if self._files.have_changed():
            try:
                self._context = server_context(self._wanted)
            except SettingsError as error:
                self._log.error("new TLS files are not used: {error}", error=error)
            else:
                self._log.info("TLS files have changed and are used from now on")
        return self._context

    def _watch(self, wanted: ServerTLS) -> None:
        self._wanted = wanted
        self._files = Watched((wanted.ca, wanted.certificate, wanted.key))


def _text(error: Exception) -> str:
    """OpenSSL's reasons without its lists and tuples."""
    if error.args and isinstance(error.args[0], list):
        return "; ".join(reason[-1] for reason in error.args[0]) or "they do not fit together"
    return str(error)
