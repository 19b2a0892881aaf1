"""All routes of ours, and their description."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from smartdyn import __version__
from smartdyn.metrics.http import HttpMeters
from smartdyn.web.api import TaskApi
from smartdyn.web.console.status_views import Inspector
from smartdyn.web.console.views import Console
from smartdyn.web.facade import HostKeys, TaskFacade
from smartdyn.web.health import HealthApi
from smartdyn.web.host_keys import HostKeyApi
from smartdyn.web.log_levels import LogLevelApi
from smartdyn.web.logs import LogApi
from smartdyn.web.management.routes import ManagementApi
from smartdyn.web.openapi import OpenApi, document
from smartdyn.web.proxy_api import ProxyApi
from smartdyn.web.route import Route
from smartdyn.web.way import Way


@dataclass(frozen=True, slots=True)
class Served:
    """What the routes lead to.

    @param now: the time, seconds since the epoch.
    @param clock: paces what is sent as it comes.
    @param way: how commands on this machine reach the service.
    """

    tasks: TaskFacade
    keys: HostKeys
    proxy: ProxyApi
    health: HealthApi
    logs: LogApi
    levels: LogLevelApi
    inspector: Inspector
    now: Callable[[], float]
    clock: Any
    meters: HttpMeters
    way: Way


@dataclass(frozen=True, slots=True)
class Routes:
    """
    @param dynflow: Dynflow's routes, ours to look after it and the console's, below a prefix.
    @param about: what is said of the proxy itself, at the root.
    """

    dynflow: tuple[Route, ...]
    about: tuple[Route, ...]


def routes(served: Served, prefix: str, *, behind_proxy: bool = False) -> Routes:
    """All of them, and the one that describes them.

    @param prefix: below which the description has Dynflow's.
    @param behind_proxy: see L{TaskApi}.
    """
    dynflow, about = _dynflow(served, behind_proxy), _about(served)
    described = OpenApi(__version__, [("", about), (prefix, dynflow)])
    return Routes(tuple(dynflow), (*about, *described.routes()))


def describe(prefix: str) -> dict[str, Any]:
    """The OpenAPI document of a service of this version, which does not have to run."""
    nobody: Any = _Nobody()
    served = Served(
        nobody,
        nobody,
        ProxyApi(nobody, nobody),
        HealthApi(nobody, nobody),
        LogApi(nobody, nobody),
        LogLevelApi(nobody, nobody),
        nobody,
        nobody,
        nobody,
        nobody,
        nobody,
    )
    return document(__version__, [("", _about(served)), (prefix, _dynflow(served, behind_proxy=False))])


def _dynflow(served: Served, behind_proxy: bool) -> list[Route]:
    tasks, keys = served.tasks, served.keys
    api = TaskApi(tasks, behind_proxy=behind_proxy)
    management = ManagementApi(tasks, served.now, served.clock, keys, served.meters)
    console = Console(tasks, served.now, served.clock, keys, served.inspector, served.meters, served.way)
    return [*api.routes(), *management.routes(), *console.routes()]


def _about(served: Served) -> list[Route]:
    host_keys = HostKeyApi(served.tasks.control, served.keys.forget)
    parts = served.proxy, served.health, served.logs, served.levels, host_keys
    return [route for part in parts for route in part.routes()]


class _Nobody:
    """Stands where the service would, as long as nobody asks for anything."""

    def __getattr__(self, name: str) -> Any:
        return self
