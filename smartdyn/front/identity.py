"""The one certificate that a core lets in: the smart proxy's, which may be renewed."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from twisted.logger import Logger

from smartdyn.errors import SettingsError
from smartdyn.pem import Watched, certificates
from smartdyn.web.peers import ClientCertificate


class TheCertificate:
    """The certificate in a file, as the file is now; as it was, when it cannot be read any more."""

    _log = Logger()

    def __init__(self, path: Path) -> None:
        """
        @raise SettingsError: there is none in it.
        """
        self._path = path
        self._watched = Watched((path,))
        self._found = _read(path)

    def __call__(self) -> ClientCertificate:
        """What it is."""
        if self._watched.have_changed():
            try:
                self._found = _read(self._path)
            except SettingsError as error:
                self._log.error("the new certificate of the smart proxy is not used: {error}", error=error)
            else:
                self._log.info("{path} has changed: another certificate is let in", path=str(self._path))
        return self._found


def _read(path: Path) -> ClientCertificate:
    try:
        return ClientCertificate.parse(x509.load_pem_x509_certificate(certificates(path)[0]))
    except ValueError as error:
        raise SettingsError([f"{path} holds no certificate that can be read: {error}."]) from error
