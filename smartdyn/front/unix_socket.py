"""The unix socket that the command line asks over: for root and the service's own account."""

from __future__ import annotations

import errno
import socket
from pathlib import Path
from typing import Any

from twisted.internet.error import CannotListenError

from smartdyn.errors import SettingsError

_MODE = 0o600
"""Others cannot even connect. In the moment before this counts, the kernel tells us who they are (SO_PEERCRED)."""

_BACKLOG = 1024
"""Connections that may wait to be taken; the kernel refuses more at once, instead of trying again as with TCP."""


def open_socket(reactor: Any, path: Path, factory: Any) -> Any:
    """Listen there; what a service that was killed has left is put out of the way.

    @raise SettingsError: nobody can listen there, or somebody does.
    """
    _clear(path)
    try:
        return reactor.listenUNIX(str(path), factory, backlog=_BACKLOG, mode=_MODE)
    except CannotListenError as error:
        raise SettingsError([f"Cannot listen on {path}: {error.socketError}. Set another `socket`."]) from error


def _clear(path: Path) -> None:
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe:
        answer = probe.connect_ex(str(path))
    if answer == 0:
        raise SettingsError([f"Another process listens on {path}. Stop it, or set another `socket`."])
    if answer == errno.ECONNREFUSED:
        path.unlink(missing_ok=True)
