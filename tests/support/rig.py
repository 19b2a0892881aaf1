"""The trivial actions that the recorded exchanges of the reference use."""

from __future__ import annotations

import contextlib
import os
from importlib import import_module
from typing import Any, ClassVar

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from smartdyn.actions.action import Action
from smartdyn.actions.callback import Callback, split_callback
from smartdyn.actions.events import Cancel, ExternalEvent
from smartdyn.actions.passwords import OneTimePasswords
from smartdyn.actions.runner import GroupContext, Runner
from smartdyn.actions.runner_action import RunnerAction
from smartdyn.aio import sleep
from smartdyn.model.rules import RescueStrategy
from smartdyn.secret import Secret


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


class Nested(Action):
    """Plans something small and another of its kind, so many levels deep."""

    class_name: ClassVar[str] = "Rig::Nested"

    def plan(self, input: dict[str, Any]) -> None:
        """Refuse at the deepest level, if told so."""
        if input["depth"]:
            self.plan_action(Noop, {})
            self.plan_action(Nested, {**input, "depth": input["depth"] - 1})
        elif input.get("fail"):
            raise ValueError("there is nothing deeper")


class RaiseInRun(Action):
    """Fails."""

    class_name: ClassVar[str] = "Rig::RaiseInRun"

    def run(self) -> None:
        """Fail."""
        raise RuntimeError("failed in run phase")


class Careless(Action):
    """Has a password at hand when it fails, and speaks of it."""

    class_name: ClassVar[str] = "Rig::Careless"
    _log = Logger()

    def plan(self, input: dict[str, Any]) -> None:
        """Fail at once, or later."""
        if input.get("fail_in") == "plan":
            self._fail(input["secrets"]["password"])
        self.plan_self(input)

    def run(self) -> None:
        """Log it, and fail."""
        self._log.debug("logging in with {password}", password=self.input["secrets"]["password"])
        self._fail(self.input["secrets"]["password"])

    def _fail(self, password: Secret) -> None:
        clear = password.reveal()
        raise RuntimeError(f"{password} was not accepted, although it has {len(clear)} characters")


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


class Wait(WaitForUpdate):
    """Likewise, always with a one-time password."""

    class_name: ClassVar[str] = "Rig::Wait"

    def plan(self, input: dict[str, Any]) -> None:
        """Ask for one."""
        self.plan_self({**input, "otp": True})


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


class StubbornRunner(Runner):
    """Does not let itself be cancelled."""

    async def run(self, context: Any, *, resumed: bool) -> None:
        """Say that it runs, and wait for ever."""
        await context.publish("running")
        while True:
            with contextlib.suppress(CancelledError):
                await Deferred()

    async def kill(self) -> None:
        """Take no notice."""


class Stubborn(RunnerAction):
    """Its job."""

    class_name: ClassVar[str] = "Rig::Stubborn"

    def make_runner(self, runner_id: str) -> Runner:
        return StubbornRunner(runner_id, self.input)


ACTIONS = (Careless, Effect, Nested, Noop, NoopCallback, RaiseInPlan, RaiseInRun, Stubborn, Wait, WaitForUpdate)


class Group(Runner):
    """Works for many hosts: each says one thing at once and another after its delay, and then may end."""

    def __init__(self, id: str, input: dict[str, Any], clock: Any) -> None:
        super().__init__(id, input)
        self._clock = clock
        self._work: Deferred[None] | None = None

    async def run(self, context: GroupContext, *, resumed: bool) -> None:
        """In the order of the delays; when it is killed, all that are left end with 2."""
        self._work = Deferred.fromCoroutine(self._speak(context))
        try:
            await self._work
        except CancelledError:
            await context.broadcast("killed\n", "debug")
            await context.exit(2)

    async def _speak(self, context: GroupContext) -> None:
        jobs = {name: each["action_input"] for name, each in self.input.items()}
        for name, job in jobs.items():
            await context.publish_for(name, f"line one of {job['name']}\n")
        passed = 0.0
        for name, job in sorted(jobs.items(), key=lambda each: float(each[1]["delay"])):
            await sleep(self._clock, job["delay"] - passed)
            passed = job["delay"]
            await context.publish_for(name, f"line two of {job['name']}\n", "stderr")
            if "exit" in job:
                await context.exit_for(name, job["exit"])
        await context.exit(max(job.get("main_exit", 0) for job in jobs.values()))

    async def kill(self) -> None:
        """It may be asked more than once."""
        if self._work is not None:
            self._work.cancel()


def install(service: Any) -> None:
    """Make the actions known to a service, as a plugin does, and have it lose patience as early as wanted."""
    for action in ACTIONS:
        service.registry.register(action)
    if patience := os.environ.get("SMARTDYN_TEST_PATIENCE"):
        name, seconds = patience.split("=")
        module, _, limit = name.rpartition(".")
        setattr(import_module(f"smartdyn.{module}"), limit, float(seconds))
    service.add_group("rig-group", lambda id, targets: Group(id, targets, reactor))
