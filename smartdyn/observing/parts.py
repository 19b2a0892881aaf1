"""What is looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from smartdyn.actions.dispatcher import RunnerDispatcher
from smartdyn.aio import Spawner
from smartdyn.engine.world import World
from smartdyn.foreman.outbox import Outbox
from smartdyn.front.doors import Front
from smartdyn.health.readiness import Readiness
from smartdyn.observing.trends import TrendWatch
from smartdyn.rex.hosts import Hosts
from smartdyn.settings import Settings
from smartdyn.store.database import SqliteDatabase
from smartdyn.web.expiry import CertificateWatch


@dataclass(frozen=True, slots=True)
class Parts:
    """
    @param settings: those in force.
    @param threads: pools of threads, by name.
    @param spawners: what works in the background, by part.
    """

    reactor: Any
    settings: Callable[[], Settings]
    database: SqliteDatabase
    world: World
    dispatcher: RunnerDispatcher
    hosts: Hosts
    outbox: Outbox
    watch: CertificateWatch
    trends: TrendWatch
    front: Front
    readiness: Readiness
    threads: Mapping[str, Any]
    spawners: Mapping[str, Spawner]
