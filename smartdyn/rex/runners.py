"""Which runner does a script job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smartdyn.actions.runner import Runner
from smartdyn.rex.hosts import Hosts
from smartdyn.rex.script_runner import ScriptRunner
from smartdyn.rex.simulated_runner import SimulatedRunner, Simulation

_YES = {"yes", "true", "1"}
_BANNER = ("This is a simulation:", "no host is contacted,", "and nothing is run.", "It shows one line", "a second.")


@dataclass(frozen=True, slots=True)
class ScriptRunners:
    """Makes the runners of script jobs.

    @param simulation: what to pretend instead of contacting hosts, None to contact them.
    """

    hosts: Hosts
    simulation: Simulation | None = None

    def make(self, runner_id: str, input: dict[str, Any]) -> Runner:
        """The runner for one job."""
        if self.simulation is not None:
            return SimulatedRunner(runner_id, input, self.hosts.reactor, self.simulation, self.hosts.random)
        return ScriptRunner(runner_id, input, self.hosts)


def simulation_from(environment: Mapping[str, str]) -> Simulation | None:
    """What the environment asks to be simulated (RXS fake_script_runner.rb).

    @raise OSError: C{REX_SIMULATE_PATH} cannot be read.
    @raise ValueError: a number is none.
    """
    if environment.get("REX_SIMULATE", "").lower() not in _YES:
        return None
    path = environment.get("REX_SIMULATE_PATH")
    lines = tuple(Path(path).read_text(encoding="utf-8").splitlines()) if path else _BANNER
    return Simulation(
        lines=lines,
        exit_status=int(environment.get("REX_SIMULATE_EXIT", "0")),
        fail_chance=int(environment.get("REX_SIMULATE_FAIL_CHANCE", "0")),
    )
