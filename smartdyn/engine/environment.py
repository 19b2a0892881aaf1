"""What every running plan shares: the engine's collaborators in one place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smartdyn.actions.registry import Registry
from smartdyn.aio import Spawner
from smartdyn.engine.queues import Queues
from smartdyn.store.database import Write
from smartdyn.store.persistence import Persistence

if TYPE_CHECKING:
    from smartdyn.engine.plan_run import PlanRun


@dataclass(frozen=True, slots=True)
class Environment:
    """
    @param now: the time, seconds since the epoch.
    @param resources: collaborators that actions may ask for, by type.
    @param closing_writes: what else is to be written when a plan stops.
    @param ended: called when a plan is stopped or paused and that is durable.
    """

    world_id: str
    now: Callable[[], float]
    registry: Registry
    persistence: Persistence
    spawner: Spawner
    queues: Queues
    resources: dict[type[Any], Any]
    closing_writes: Callable[[str], Sequence[Write]]
    ended: Callable[[PlanRun], None]
