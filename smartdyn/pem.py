"""Files with certificates and keys."""

from __future__ import annotations

from pathlib import Path

from smartdyn.errors import SettingsError

_END = b"-----END CERTIFICATE-----"


def read(path: Path) -> bytes:
    """
    @raise SettingsError: the file cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError([f"{path} cannot be read: {error.strerror}."]) from error


def certificates(path: Path) -> list[bytes]:
    """The certificates in a file, one after another.

    @raise SettingsError: there is none.
    """
    blocks = [block + _END for block in read(path).split(_END) if b"BEGIN CERTIFICATE" in block]
    if not blocks:
        raise SettingsError([f"{path} holds no certificate."])
    return blocks
