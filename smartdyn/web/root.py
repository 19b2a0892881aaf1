"""All routes together, and what happens when one fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from klein import Klein
from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from werkzeug.exceptions import HTTPException

from smartdyn.errors import Draining, SmartdynError, TooManyViewers
from smartdyn.web.access import guarded
from smartdyn.web.authorization import Policy
from smartdyn.web.errors import UNEXPECTED, status_of
from smartdyn.web.requests import JSON, NOT_FOUND, send, send_json
from smartdyn.web.route import Handler, Route

_log = Logger()

_NOT_BUILT: Final = {
    "jobs": "there is no pull mode in this version; scripts go to hosts over SSH (`mode: ssh`)",
    "session": "there are no cockpit sessions in this version",
}
"""What the Ruby plugin serves below C{/ssh} and this service does not (RXS api.rb, cockpit.rb)."""


def make_app(
    dynflow: Iterable[Route],
    about: Iterable[Route],
    until_ready: Callable[[], Awaitable[None]],
    prefixes: Iterable[str],
    policy: Policy,
) -> Klein:
    """The whole of what a listener serves.

    @param dynflow: Dynflow's routes and the console's.
    @param about: what is said of the proxy itself, at the root.
    @param prefixes: below which Dynflow's routes are.
    @param until_ready: requests wait for this, so that none is answered by a service that has not looked yet.
    @param policy: who is let in, to what L{smartdyn.web.access} says of each route.
    """
    app = Klein()
    wanted = list(dynflow)
    for prefix in prefixes:
        _add(app, prefix, wanted, until_ready, policy)
    _add(app, "", about, _at_once, policy)
    app.handle_errors(HTTPException)(_not_found)
    app.handle_errors(CancelledError)(_gone)
    app.handle_errors(SmartdynError)(_refused)
    app.handle_errors(Exception)(_failed)
    return app


def _add(
    app: Klein, prefix: str, routes: Iterable[Route], until_ready: Callable[[], Awaitable[None]], policy: Policy
) -> None:
    for route in routes:
        handler = guarded(route, policy)
        for path in (route.path, f"{route.path}/") if route.slash else (route.path,):
            name = f"{route.method} {prefix}{path}"
            app.route(f"{prefix}{path}", methods=[route.method], endpoint=name, strict_slashes=True)(
                _handler(route.path, handler, until_ready)
            )


def _handler(path: str, handler: Handler, until_ready: Callable[[], Awaitable[None]]) -> Any:
    """Klein calls handlers as functions of the request.

    @param path: the template under which the request is counted.
    """

    async def call(request: Any, **parameters: str) -> Any:
        request.smartdyn_route = path
        await until_ready()
        return await handler(request, **parameters)

    return call


async def _at_once() -> None:
    return None


def _not_found(request: IRequest, failure: Failure) -> bytes:
    first, _, rest = request.path.decode("utf-8", "replace").lstrip("/").partition("/")
    reason = _NOT_BUILT.get(rest.partition("/")[0]) if first == "ssh" else None
    if reason is not None:
        return send_json(request, {"error": f"Not here: {reason}."}, 404)
    return send(request, NOT_FOUND, JSON, 404)


def _gone(request: IRequest, failure: Failure) -> bytes:
    """The client went away; there is nobody to answer."""
    return b""


def _refused(request: IRequest, failure: Failure) -> bytes:
    error = failure.value
    assert isinstance(error, SmartdynError)
    status = status_of(error)
    if status >= 500 and not isinstance(error, (Draining, TooManyViewers)):
        _log.failure("a request failed", failure=failure)
    if status == 503:
        request.setHeader(b"retry-after", b"5")
    return send_json(request, {"error": str(error) if status < 500 or status == 503 else UNEXPECTED}, status)


def _failed(request: IRequest, failure: Failure) -> bytes:
    _log.failure("a request failed", failure=failure)
    return send_json(request, {"error": UNEXPECTED}, 500)
