"""Who may ask for what: one table of all routes, and the guard that stands before each of them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from functools import wraps
from typing import Any, Final

from twisted.web.iweb import IRequest

from smartdyn.web.authorization import Forbidden, Policy, RoleNeeded
from smartdyn.web.origin import refuse_foreign
from smartdyn.web.peers import name_of, peer_of
from smartdyn.web.requests import ROLE_HEADER, header
from smartdyn.web.roles import Role
from smartdyn.web.route import Handler, Route


class Gate(Enum):
    """Ways in that do not depend on a role."""

    OPEN = auto()
    """Whoever reaches the port: what Foreman asks before it knows anybody, and what monitors and browsers need."""

    API = auto()
    """Whoever may use the API: C{trusted_hosts}."""

    REPORT = auto()
    """A job's script with its one-time password, which the route checks; without one, whoever may use the API."""

    RELAYED = auto()
    """What is relayed: each path has its own way in, which the relay knows."""


OPEN, API, REPORT, RELAYED = Gate.OPEN, Gate.API, Gate.REPORT, Gate.RELAYED
VIEWER, OPERATOR, ADMIN = Role.VIEWER, Role.OPERATOR, Role.ADMIN

ACCESS: Final[Mapping[str, Gate | Role]] = {
    "GET /features": OPEN,
    "GET /v2/features": API,
    "GET /version": OPEN,
    "GET /ssh/pubkey": OPEN,
    "GET /ssh/ca_pubkey": OPEN,
    "GET /health/live": OPEN,
    "GET /health/ready": OPEN,
    "GET /metrics": API,
    "GET /logs": API,
    "GET /logs/levels": API,
    "PUT /logs/levels": ADMIN,
    "GET /openapi.json": OPEN,
    "DELETE /ssh/known_hosts/<name>": API,
    "POST /tasks/launch": API,
    "POST /tasks": API,
    "POST /tasks/status": API,
    "POST /tasks/statuses": API,
    "GET /tasks/count": API,
    "GET /tasks/operations": API,
    "GET /tasks/<plan_id>/status": API,
    "POST /tasks/<plan_id>/cancel": API,
    "POST /tasks/<plan_id>/update": REPORT,
    "POST /tasks/<plan_id>/done": REPORT,
    "GET /dynflow": RELAYED,
    "GET /dynflow/": RELAYED,
    "GET /dynflow/<path:rest>": RELAYED,
    "POST /dynflow": RELAYED,
    "POST /dynflow/": RELAYED,
    "POST /dynflow/<path:rest>": RELAYED,
    "GET /api/tasks": VIEWER,
    "GET /api/tasks/<plan_id>": VIEWER,
    "GET /api/tasks/<plan_id>/output": VIEWER,
    "POST /api/tasks/<plan_id>/cancel": OPERATOR,
    "POST /api/tasks/<plan_id>/cancel/<step>": OPERATOR,
    "POST /api/tasks/<plan_id>/resume": OPERATOR,
    "POST /api/tasks/<plan_id>/skip/<step>": OPERATOR,
    "POST /api/tasks/<plan_id>/resend": OPERATOR,
    "POST /api/tasks/<plan_id>/force-cancel": ADMIN,
    "POST /api/tasks/<plan_id>/halt": ADMIN,
    "POST /api/resend": OPERATOR,
    "POST /api/bulk": OPERATOR,
    "GET /api/bulk/<key>": VIEWER,
    "POST /api/prune": ADMIN,
    "GET /api/prune/<key>": VIEWER,
    "GET /api/hosts": VIEWER,
    "GET /api/host": VIEWER,
    "POST /api/host/forget-key": ADMIN,
    "GET /api/status": VIEWER,
    "GET /api/queue": VIEWER,
    "GET /api/drain": VIEWER,
    "POST /api/drain": ADMIN,
    "POST /api/run": API,
    "GET /console/static/<name>": OPEN,
    "GET /console": VIEWER,
    "GET /console/help": VIEWER,
    "POST /console/theme": VIEWER,
    "GET /console/tasks": VIEWER,
    "GET /console/host": VIEWER,
    "GET /console/batches/<plan_id>": VIEWER,
    "GET /console/status": VIEWER,
    "GET /console/status/connections": VIEWER,
    "GET /console/status/coroutines": VIEWER,
    "GET /console/status/timers": VIEWER,
    "GET /console/audit": VIEWER,
    "GET /console/<plan_id>": VIEWER,
    "GET /console/<plan_id>/output": VIEWER,
    "GET /console/<plan_id>/output.<form>": VIEWER,
    "GET /console/<plan_id>/confirm/<deed>": OPERATOR,
    "POST /console/<plan_id>/cancel": OPERATOR,
    "POST /console/<plan_id>/cancel/<step>": OPERATOR,
    "POST /console/<plan_id>/resume": OPERATOR,
    "POST /console/<plan_id>/skip/<step>": OPERATOR,
    "POST /console/<plan_id>/resend": OPERATOR,
    "POST /console/<plan_id>/force-cancel": ADMIN,
    "POST /console/<plan_id>/halt": ADMIN,
    "GET /console/go": VIEWER,
    "GET /console/complete": VIEWER,
    "GET /console/searches": VIEWER,
    "POST /console/searches": OPERATOR,
    "POST /console/searches/delete": OPERATOR,
    "GET /console/resend": OPERATOR,
    "POST /console/resend": OPERATOR,
    "GET /console/bulk": OPERATOR,
    "POST /console/bulk": OPERATOR,
    "GET /console/bulk/<key>": VIEWER,
    "GET /console/forget-key": ADMIN,
    "POST /console/forget-key": ADMIN,
}
"""By method and path without prefix. A route that is not in here is not served."""


def guarded(route: Route, policy: Policy) -> Handler:
    """A route's handler for those who may use it; the others hear what they lack.

    Nothing is changed for a page of somebody else's, whose visitor has a certificate or sits at this machine.

    @raise KeyError: nobody has said who may use the route.
    """
    access = ACCESS[route.key]

    @wraps(route.handler)
    async def call(request: IRequest, **parameters: str) -> bytes:
        try:
            await _let_in(request, access, policy)
            if route.method != "GET":
                refuse_foreign(request)
        except Forbidden as error:
            if route.refusal is None:
                raise
            return route.refusal(request, error)
        return await route.handler(request, **parameters)

    return call


def role_of(request: Any) -> Role | None:
    """What whoever sends a request may do in the console; None when it was not let in as a visitor of that."""
    role: Role | None = getattr(request, "smartdyn_role", None)
    return role


def may(request: Any, key: str) -> bool:
    """Could whoever sends this request use that route of the console, too? Then it is offered to them."""
    role, needed = role_of(request), ACCESS[key]
    return role is not None and isinstance(needed, Role) and role >= needed


def require(request: Any, key: str) -> None:
    """
    @raise RoleNeeded: whoever sends the request could not use that route.
    """
    role, needed = role_of(request), ACCESS[key]
    if role is None or not isinstance(needed, Role) or role < needed:
        raise RoleNeeded(needed if isinstance(needed, Role) else Role.ADMIN, role, name_of(request))


async def visit(request: Any, policy: Policy) -> Role:
    """The role in which a peer visits the console.

    A proxy that relays says what its visitor may do, and is believed when that is less than it may do itself.

    @raise Forbidden: it may not.
    """
    peer = peer_of(request)
    role = await policy.role_of(peer, request.path.decode("utf-8", "replace"))
    relayed = header(request, ROLE_HEADER)
    if relayed is not None:
        role = min(role, next((each for each in Role if each.word == relayed), Role.VIEWER))
    request.smartdyn_role = role
    return role


async def _let_in(request: Any, access: Gate | Role, policy: Policy) -> None:
    if isinstance(access, Role):
        role = await visit(request, policy)
        if role < access:
            raise RoleNeeded(access, role, name_of(request))
    elif access is Gate.API or (access is Gate.REPORT and header(request, "Authorization") is None):
        await policy.require(peer_of(request), request.path.decode("utf-8", "replace"))
