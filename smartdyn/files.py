"""Files that we make: who owns them, and that they are whole or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from smartdyn.errors import CannotWrite


@contextmanager
def fresh(path: Path) -> Iterator[BinaryIO]:
    """Make a file and fill it; it is on the disk when this ends, and gone when that fails.

    @raise CannotWrite: it is there already, or cannot be made or filled.
    """
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise CannotWrite(path, "exists already. Name a file that does not") from None
    except OSError as error:
        raise CannotWrite(path, f"cannot be made: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        _sync_folder(path)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise CannotWrite(path, f"cannot be written: {error.strerror}") from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def belongs_like(descriptor: int, example: Path) -> None:
    """What root makes among the files of the service's account is to be that account's, which has to go on with it."""
    if os.geteuid() == 0:
        found = example.stat()
        os.fchown(descriptor, found.st_uid, found.st_gid)


def _sync_folder(path: Path) -> None:
    """Its name is on the disk only then (fsync(2))."""
    descriptor = os.open(path.absolute().parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
