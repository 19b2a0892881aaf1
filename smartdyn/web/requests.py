"""Reading requests and writing answers."""

from __future__ import annotations

import re
import uuid
from typing import Any, TypeVar

import msgspec
from twisted.web.iweb import IRequest

from smartdyn.errors import InvalidRequest
from smartdyn.store.json import encode

T = TypeVar("T")

JSON = b"application/json"
HTML = b"text/html;charset=utf-8"
FORM = b"application/x-www-form-urlencoded"
"""What browsers send for a form."""

PREFIX = "/dynflow"
PREFIX_HEADER = "X-Forwarded-Prefix"
"""A smart proxy that relays says with it below what its own clients find us."""

ROLE_HEADER = "X-Forwarded-Role"
"""What a smart proxy that relays lets its own client do in the console."""

USER_HEADER = "X-Forwarded-User"
"""What a smart proxy that relays calls its own client."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
"""An id that may stand in a line of the log and in a header, without looking like anything else there."""

NOT_FOUND = b"Requested url was not found"


def read_json(request: IRequest, kind: type[T]) -> T:
    """The body as a value of type C{kind}, whatever its Content-Type says: Foreman's old versions say nothing.

    @raise InvalidRequest: it is no JSON or has another shape; the text names the place.
    """
    content: Any = request.content
    body: bytes = content.read()
    if not body.strip():
        raise InvalidRequest("The request has no body; a JSON object is expected.")
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"The request's JSON is not as expected: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"The request's body is not valid JSON: {error}") from error


def send_json(request: IRequest, value: Any, status: int = 200) -> bytes:
    """An answer in JSON."""
    return send(request, encode(value), JSON, status)


def send(request: IRequest, body: bytes, content_type: bytes, status: int = 200) -> bytes:
    """An answer."""
    headers: Any = request.responseHeaders
    request.setResponseCode(status)
    headers.setRawHeaders(b"content-type", [content_type])
    headers.setRawHeaders(b"content-length", [str(len(body)).encode()])
    return body


def header(request: IRequest, name: str) -> str | None:
    """A request's header."""
    value: bytes | None = request.getHeader(name.encode())
    return None if value is None else value.decode("latin-1")


def request_id(request: Any) -> str:
    """The request's id: Foreman's own, or a fresh one. It goes into logs, plans and callbacks."""
    known: str | None = getattr(request, "smartdyn_request_id", None)
    if known is None:
        given = header(request, "X-Request-Id") or ""
        known = given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())
        request.smartdyn_request_id = known
    return known


def base_url(request: Any, host: str | None = None) -> str:
    """The URL under which the client reached us.

    @param host: what a proxy before us was called, if there is one.
    """
    scheme = "https" if request.isSecure() else "http"
    return f"{scheme}://{host or header(request, 'Host') or 'localhost'}"
