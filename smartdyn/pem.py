"""Files with certificates and keys."""

from __future__ import annotations

from collections.abc import Iterable
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


class Watched:
    """Files that somebody may renew while the service runs."""

    def __init__(self, paths: Iterable[Path | None]) -> None:
        """
        @param paths: None for those that are not there.
        """
        self._paths = [path for path in paths if path is not None]
        self._seen = self._look()

    def have_changed(self) -> bool:
        """Since this was asked last?"""
        before, self._seen = self._seen, self._look()
        return before != self._seen

    def _look(self) -> list[tuple[int, int]]:
        return [_stamp(path) for path in self._paths]


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size
