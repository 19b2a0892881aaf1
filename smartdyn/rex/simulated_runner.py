"""Pretends to run scripts, for trying out loads without hosts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.interfaces import IReactorTime

from smartdyn.actions.runner import Runner, RunnerContext
from smartdyn.aio import sleep

_TICK = 1.0


@dataclass(frozen=True, slots=True)
class Simulation:
    """What to pretend.

    @param fail_chance: in percent; how often the exit status is C{exit_status} and not 0.
    """

    lines: tuple[str, ...]
    exit_status: int = 0
    fail_chance: int = 0


class SimulatedRunner(Runner):
    """Shows one line a second, then ends."""

    def __init__(
        self,
        id: str,
        input: dict[str, Any],
        clock: IReactorTime,
        simulation: Simulation,
        random: Callable[[], float],
    ) -> None:
        super().__init__(id, input)
        self._clock = clock
        self._simulation = simulation
        self._random = random
        self._killed = False

    async def run(self, context: RunnerContext, *, resumed: bool) -> None:
        """After a restart it goes on with the line that is due."""
        for number, line in enumerate(self._simulation.lines, 1):
            if self._killed:
                break
            if number > context.offset:
                await sleep(self._clock, _TICK)
                await context.publish(f"{line}\n", offset=number)
        failed = self._killed or self._random() * 100 < self._simulation.fail_chance
        await context.exit(self._simulation.exit_status if failed else 0)

    async def kill(self) -> None:
        """End at the next line."""
        self._killed = True
