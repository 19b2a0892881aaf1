"""One service per database file.

The lock is the kernel's (C{flock}), so it goes away with the process, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path

from smartdyn.errors import DatabaseInUse, StoreError
from smartdyn.files import belongs_like


class Ownership:
    """The right to write to a database file, held as long as the process lives."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._path = database.with_name(database.name + ".lock")
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the right.

        @raise DatabaseInUse: another process has it.
        @raise StoreError: the lock file cannot be made.
        """
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            belongs_like(descriptor, self._database if self._database.exists() else self._path.parent)
        except OSError as error:
            raise StoreError(
                f"The lock file {self._path} cannot be made: {error.strerror}. "
                "Check `database` and the owner of its directory."
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(descriptor, 200).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise DatabaseInUse(str(self._database), owner) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"pid {os.getpid()} on {socket.gethostname()}\n".encode())
        self._descriptor = descriptor

    def release(self) -> None:
        """Give it back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
