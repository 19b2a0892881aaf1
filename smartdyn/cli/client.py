"""Asks the service, over its unix socket or over the network. Has the standard library only, so that it is quick."""

from __future__ import annotations

import json
import os
import socket
import ssl
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import quote, urlencode, urlsplit

from smartdyn.cli.failures import BrokenOff, CommandFailed, Status, Unreachable

_DEADLINE: Final = 60.0
"""Seconds that an answer, or a part of one, may take; output has a sign of life every 15 s."""

_CONNECT: Final = 10.0
_API: Final = "/dynflow/api/"
_STATUSES: Final = {
    400: Status.USAGE,
    403: Status.REFUSED,
    404: Status.NOT_FOUND,
    409: Status.REFUSED,
    503: Status.REFUSED,
}


class Way(Protocol):
    """How the service is reached."""

    def connect(self) -> HTTPConnection:
        """
        @raise CommandFailed: nobody is there, or we may not.
        """

    def explain(self, error: Exception) -> CommandFailed:
        """What is wrong when a request over it fails."""


class Service:
    """The management API; what goes wrong is a L{CommandFailed}."""

    def __init__(self, way: Way, user: str | None = None) -> None:
        """
        @param user: on whose behalf we ask, when that is somebody else than whom the service sees.
        """
        self._way = way
        self._user = user

    def get(self, *path: str, **query: str | int) -> Any:
        """What is there."""
        return self._ask("GET", _below(path), query, None)

    def post(self, *path: str, body: Any = None) -> Any:
        """What comes of doing something.

        @raise BrokenOff: it may have been done.
        """
        return self._ask("POST", _below(path), {}, body)

    def proxy(self, method: str, where: str, body: Any = None) -> Any:
        """What the proxy itself answers, beside the management API.

        @param where: the path from the root.
        """
        return self._ask(method, where, {}, body)

    def lines(self, *path: str, **query: str | int) -> Iterator[Any]:
        """The lines of an answer that has begun, as they come; it may end too early."""
        connection = self._way.connect()
        try:
            answer = self._send(connection, "GET", _below(path), query, None)
        except (OSError, HTTPException) as error:
            connection.close()
            raise self._way.explain(error) from error
        return self._read(connection, answer)

    def _read(self, connection: HTTPConnection, answer: HTTPResponse) -> Iterator[Any]:
        try:
            while line := answer.readline():
                if line.strip():
                    yield json.loads(line)
        except (OSError, HTTPException, ValueError) as error:
            raise self._way.explain(error) from error
        finally:
            connection.close()

    def _ask(self, method: str, where: str, query: dict[str, str | int], body: Any) -> Any:
        connection = self._way.connect()
        try:
            return json.loads(self._send(connection, method, where, query, body).read())
        except (OSError, HTTPException, ValueError) as error:
            raise BrokenOff(str(self._way.explain(error))) from error
        finally:
            connection.close()

    def _send(
        self, connection: HTTPConnection, method: str, where: str, query: dict[str, str | int], body: Any
    ) -> HTTPResponse:
        headers = {"Accept": "application/json"}
        if self._user is not None:
            headers["X-Forwarded-User"] = self._user
        sent = json.dumps(body).encode() if body is not None else b"" if method == "POST" else None
        connection.request(method, f"{where}?{urlencode(query)}" if query else where, sent, headers)
        answer = connection.getresponse()
        if answer.status >= 300:
            raise _refusal(answer)
        return answer


def _below(path: Sequence[str]) -> str:
    return _API + "/".join(quote(part, safe="") for part in path)


class UnixWay:
    """Over a unix socket, the first of several that is there."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    def connect(self) -> HTTPConnection:
        found: Exception = FileNotFoundError()
        for path in self._paths:
            end = socket.socket(socket.AF_UNIX)
            end.settimeout(_CONNECT)
            try:
                end.connect(str(path))
            except OSError as error:
                end.close()
                if not isinstance(error, FileNotFoundError):
                    found = error
                continue
            end.settimeout(_DEADLINE)
            connection = HTTPConnection("localhost")
            connection.sock = end
            return connection
        raise self.explain(found)

    def explain(self, error: Exception) -> CommandFailed:
        places = " or ".join(map(str, self._paths))
        if isinstance(error, PermissionError):
            text = f"Only root and the account of the service may use {places}. Use sudo."
            return CommandFailed(Status.REFUSED, text)
        if isinstance(error, TimeoutError):
            return Unreachable(f"The service behind {places} does not answer. Its log may say why.")
        if isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
            return Unreachable(
                f"The service is not running: nobody listens on {places}. Start it with `systemctl start smartdyn`; if "
                "it has another configuration directory, name that with -c; if it runs elsewhere, say where with --url."
            )
        return Unreachable(f"The service behind {places} broke off: {error or type(error).__name__}. Try it again.")


class UrlWay:
    """Over the network."""

    def __init__(self, url: str, *, ca: str | None, cert: str | None, key: str | None) -> None:
        """
        @raise CommandFailed: this is no URL, or a file cannot be used.
        """
        try:
            parts = urlsplit(url if "://" in url else f"https://{url}")
            if "@" in parts.netloc:
                text = "A name or a password in --url has no meaning here. Log in with a certificate: --cert and --key."
                raise CommandFailed(Status.USAGE, text)
            self._host, self._port = parts.hostname or "", parts.port
            if parts.scheme not in {"http", "https"} or not self._host:
                raise ValueError(url)
        except ValueError:
            text = f"--url {url} is no URL such as https://proxy.example.org:9090."
            raise CommandFailed(Status.USAGE, text) from None
        self._url = f"{parts.scheme}://{parts.netloc}"
        self._context = _context(ca, cert, key) if parts.scheme == "https" else None

    def connect(self) -> HTTPConnection:
        connection: HTTPConnection
        if self._context is not None:
            connection = HTTPSConnection(self._host, self._port, timeout=_CONNECT, context=self._context)
        else:
            connection = HTTPConnection(self._host, self._port, timeout=_CONNECT)
        try:
            connection.connect()
        except OSError as error:
            raise self.explain(error) from error
        connection.sock.settimeout(_DEADLINE)
        return connection

    def explain(self, error: Exception) -> CommandFailed:
        if isinstance(error, ssl.SSLCertVerificationError):
            return Unreachable(f"{self._url} is not trusted: {error.verify_message}. Name its CA with --ca.")
        if isinstance(error, ssl.SSLError):
            text = f"No TLS with {self._url}: {error.reason or error}. It may want a certificate: --cert and --key."
            return Unreachable(text)
        if isinstance(error, socket.gaierror):
            why = error.strerror
        else:
            why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        why = why or type(error).__name__
        return Unreachable(f"{self._url} does not answer: {why}. Is the service running there, and is --url right?")


def _context(ca: str | None, cert: str | None, key: str | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca)
        if cert is not None:
            context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        given = ", ".join(path for path in (ca, cert, key) if path)
        raise CommandFailed(Status.USAGE, f"{given}: {error}. Check --ca, --cert and --key.") from error
    return context


def _refusal(answer: HTTPResponse) -> CommandFailed:
    body = answer.read()
    try:
        text = str(json.loads(body)["error"])
    except (ValueError, TypeError, KeyError):
        if answer.status == 404:
            return Unreachable("What answers there is no smartdyn, or an older one. Check --url or --socket.")
        text = f"The service answered {answer.status} {answer.reason}."
    return CommandFailed(_STATUSES.get(answer.status, Status.FAILED), text)
