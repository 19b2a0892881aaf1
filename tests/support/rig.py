"""The trivial actions that the recorded exchanges of the reference use."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from smartdyn.actions.action import Action
from smartdyn.actions.callback import Callback, split_callback
from smartdyn.actions.events import Cancel, ExternalEvent
from smartdyn.actions.passwords import OneTimePasswords
from smartdyn.model.rules import RescueStrategy


class Noop(Action):
    """Does nothing, successfully."""

    class_name: ClassVar[str] = "Rig::Noop"

    def run(self) -> None:
        """Say so."""
        self.output["done"] = True


class NoopCallback(Noop):
    """Does nothing and reports it."""

    class_name: ClassVar[str] = "Rig::NoopCallback"

    def plan(self, input: dict[str, Any]) -> None:
        """Plan the callback behind it."""
        rest, callback = split_callback(input)
        rest.pop("task_id", None)
        self.plan_self(rest)
        self.plan_action(Callback, callback, self.output)


class RaiseInPlan(Action):
    """Cannot be planned."""

    class_name: ClassVar[str] = "Rig::RaiseInPlan"

    def plan(self, *args: Any) -> None:
        """Refuse."""
        raise ValueError("refused in plan phase")


class RaiseInRun(Action):
    """Fails."""

    class_name: ClassVar[str] = "Rig::RaiseInRun"

    def run(self) -> None:
        """Fail."""
        raise RuntimeError("failed in run phase")


class WaitForUpdate(Action):
    """Collects what is posted to it until it is told to finish."""

    class_name: ClassVar[str] = "Rig::WaitForUpdate"
    cancellable: ClassVar[bool] = True

    def run(self, event: Any = None) -> None:
        """Begin, collect, finish."""
        if event is None:
            if self.input.get("otp"):
                password, write = self.resource(OneTimePasswords).generate(self.plan_id)
                self.output["otp"] = password.reveal()
                self.write(write)
            self.output["events"] = []
            self.suspend()
        if isinstance(event, Cancel):
            return
        assert isinstance(event, ExternalEvent)
        self.output["events"].append(event.data)
        if not event.data.get("finish"):
            self.suspend()


class Effect(Action):
    """Has an effect outside: a line in a file, which shows how often it was run."""

    class_name: ClassVar[str] = "Rig::Effect"

    def plan(self, input: dict[str, Any]) -> None:
        """Report it, also when it was interrupted."""
        rest, callback = split_callback(input)
        with self.concurrence():
            self.plan_self(rest)
            self.plan_action(Callback, callback, {"reported": True})

    def run(self) -> None:
        """Append the line in one system call."""
        descriptor = os.open(self.input["file"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, f"{self.plan_id}\n".encode())
        os.close(descriptor)

    def rescue_strategy_for_self(self) -> RescueStrategy:
        return RescueStrategy.FAIL


ACTIONS = (Effect, Noop, NoopCallback, RaiseInPlan, RaiseInRun, WaitForUpdate)


def install(service: Any) -> None:
    """Make the actions known to a service, as a plugin does."""
    for action in ACTIONS:
        service.registry.register(action)
