"""Launchers: how the operations that Foreman asks for become plans (SPD task_launcher.rb)."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from smartdyn.actions.action import Action
from smartdyn.actions.batch import Batch
from smartdyn.actions.rejected import Rejected
from smartdyn.engine.planning import Planned, PlanRequest
from smartdyn.engine.world import World
from smartdyn.errors import InvalidRequest, PlanConflict, UnknownAction, UnknownOperation
from smartdyn.model import wire
from smartdyn.secret import Secret, conceal_secrets
from smartdyn.store import plans
from smartdyn.store.json import encode
from smartdyn.store.vault import Vault


@dataclass(frozen=True, slots=True)
class LaunchContext:
    """Where a launch came from.

    @param callback_host: base URL under which hosts reach this service.
    """

    callback_host: str
    request_id: str


@dataclass(frozen=True, slots=True)
class ChildInput:
    """One job of a launch.

    @param problem: why it cannot be planned as asked, if so.
    @param named: the action class that the request names.
    """

    action: type[Action]
    action_input: dict[str, Any]
    problem: str | None = None
    named: Any = None


class Launcher(abc.ABC):
    """Accepts the input of one operation."""

    ruby_name: ClassVar[str]

    def __init__(self, world: World, vault: Vault) -> None:
        self._world = world
        self._vault = vault

    @abc.abstractmethod
    async def launch(self, input: Any, options: Any, context: LaunchContext) -> dict[str, Any]:
        """Plan what C{input} asks for and give the answer to the request.

        @raise InvalidRequest: it cannot be understood.
        @raise UnknownAction: a class it names is not there.
        @raise PlanConflict: an id is taken by another input.
        """

    def find(self, name: Any) -> type[Action]:
        """The action class of this name."""
        if not isinstance(name, str) or not name:
            raise InvalidRequest("`action_class` must name an action class.")
        return self._world.registry.find(name)

    def request(
        self, action: type[Action], action_input: dict[str, Any], context: LaunchContext, **fields: Any
    ) -> PlanRequest:
        """How an action is planned from the outside."""
        args = ({**action_input, "callback_host": context.callback_host},)
        fields.setdefault("plan_id", self._world.new_id())
        return PlanRequest(action, args, request_id=context.request_id, **fields)


class SingleLauncher(Launcher):
    """One action, under an id of our own (SPD C{TaskLauncher::Single})."""

    ruby_name: ClassVar[str] = "Proxy::Dynflow::TaskLauncher::Single"

    async def launch(self, input: Any, options: Any, context: LaunchContext) -> dict[str, Any]:
        if not isinstance(input, dict) or "action_class" not in input:
            raise InvalidRequest("`input` must be an object with `action_class` and `action_input`.")
        action = self.find(input["action_class"])
        planned = self._world.plan(self.request(action, _action_input(input), context))
        await self._world.accept([planned])
        if planned.error is not None:
            return {"result": "error", "errors": [wire.error_text(planned.error)]}
        return {"result": "success", "task_id": planned.whole.plan.id}


class BatchLauncher(Launcher):
    """Many jobs, each under the id that Foreman gave it, and a parent for them (SPD C{TaskLauncher::Batch}).

    Everything is planned and committed before the answer. Foreman repeats a launch whose answer it did not get, so an
    id that was launched with the same input is not launched again.
    """

    ruby_name: ClassVar[str] = "Proxy::Dynflow::TaskLauncher::Batch"

    async def launch(self, input: Any, options: Any, context: LaunchContext) -> dict[str, Any]:
        children = self._children(input)
        try:
            return await self._launch(children, options, context)
        except PlanConflict:
            # The same launch may have come in twice, and the other one was stored meanwhile
            return await self._launch(children, options, context)

    async def _launch(self, children: Mapping[str, ChildInput], options: Any, context: LaunchContext) -> dict[str, Any]:
        digests = {key: self._digest(child) for key, child in children.items()}
        known = await self._world.database.query(lambda tx: plans.launched(tx, list(children)))
        for key, launched in known.items():
            if launched.digest != digests[key]:
                raise PlanConflict(key)
        fresh = {key: child for key, child in children.items() if key not in known}
        parents = [launched.parent_id for launched in known.values() if launched.parent_id]
        if fresh or not parents:
            parent_id = await self._plan(fresh, digests, options, context)
        else:
            parent_id = parents[0]
        return {
            "parent": {"result": "success", "task_id": parent_id},
            **{key: _child_answer(key, child) for key, child in children.items()},
        }

    async def _plan(
        self,
        children: Mapping[str, ChildInput],
        digests: Mapping[str, bytes],
        options: Any,
        context: LaunchContext,
    ) -> str:
        launcher, input_hash = self.describe(children, options, context)
        parent = PlanRequest(Batch, (launcher, input_hash), self._world.new_id(), request_id=context.request_id)
        planned = [self._world.plan(parent)]
        for key, child in children.items():
            planned.append(self._plan_child(key, child, parent.plan_id, digests[key], context))
        await self._world.accept(planned)
        return parent.plan_id

    def describe(
        self, children: Mapping[str, ChildInput], options: Any, context: LaunchContext
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """What a parent keeps of its launch: by whom, and of what."""
        input_hash = {
            key: {"action_class": child.named, "action_input": child.action_input} for key, child in children.items()
        }
        return {"class": self.ruby_name, "callback": context.callback_host, "options": options or {}}, input_hash

    def _plan_child(
        self, key: str, child: ChildInput, parent_id: str, digest: bytes, context: LaunchContext
    ) -> Planned:
        """Plan one job; one that cannot be planned as asked is planned to say so, and alone."""
        fields: dict[str, Any] = {"plan_id": key, "caller": (parent_id, 1), "launch_digest": digest}
        if child.problem is None:
            planned = self._world.plan(self.request(child.action, child.action_input, context, **fields))
            if planned.error is None:
                return planned
            child = replace(child, problem=f"{planned.error.exception_class} - {planned.error.message}")
        rejected = {**child.action_input, "problem": child.problem}
        return self._world.plan(self.request(Rejected, rejected, context, **fields))

    def _children(self, input: Any) -> dict[str, ChildInput]:
        if input is None:
            return {}
        if not isinstance(input, dict):
            raise InvalidRequest("`input` must be an object of task ids and their inputs.")
        return {_key(key): self._child(child) for key, child in input.items()}

    def _child(self, child: Any) -> ChildInput:
        if not isinstance(child, dict):
            return ChildInput(Rejected, {}, "Invalid input - it must be an object")
        action_input = child.get("action_input") or {}
        if not isinstance(action_input, dict):
            return ChildInput(Rejected, {}, "Invalid input - `action_input` must be an object")
        action_input, named = conceal_secrets(action_input), child.get("action_class")
        try:
            return ChildInput(self.find(named), action_input, named=named)
        except (InvalidRequest, UnknownAction) as error:
            return ChildInput(Rejected, action_input, f"{type(error).__name__} - {error}", named)

    def _digest(self, child: ChildInput) -> bytes:
        """A keyed digest of a job's input; the request id changes with each attempt and does not count."""
        considered = {key: value for key, value in child.action_input.items() if key != "current_request_id"}
        return self._vault.digest(encode([child.action.name(), child.problem, _sorted(considered)]))


class Launchers:
    """The operations of this service, in the order of their registration."""

    def __init__(self) -> None:
        self._by_operation: dict[str, Launcher] = {}

    def register(self, operation: str, launcher: Launcher) -> None:
        """Offer C{operation}."""
        self._by_operation[operation] = launcher

    def operations(self) -> list[str]:
        """The names that C{GET /tasks/operations} and the features show."""
        return list(self._by_operation)

    def find(self, operation: Any) -> Launcher:
        """The launcher of an operation.

        @raise UnknownOperation: there is none.
        """
        launcher = self._by_operation.get(operation) if isinstance(operation, str) else None
        if launcher is None:
            # Whatever else stands there may be anything, a password too
            raise UnknownOperation(operation if isinstance(operation, str) else type(operation).__name__)
        return launcher


def _action_input(input: Mapping[str, Any]) -> dict[str, Any]:
    action_input = input.get("action_input") or {}
    if not isinstance(action_input, dict):
        raise InvalidRequest("`action_input` must be an object.")
    concealed: dict[str, Any] = conceal_secrets(action_input)
    return concealed


def _key(key: Any) -> str:
    if not isinstance(key, str) or not key or len(key) > 200 or "/" in key:
        raise InvalidRequest(f"{str(key)[:80]!r} cannot be a task id.")
    return key


def _child_answer(key: str, child: ChildInput) -> dict[str, Any]:
    if child.problem is not None:
        return {"result": "error", "task_id": key, "errors": [child.problem]}
    return {"result": "success", "task_id": key}


def _sorted(value: Any) -> Any:
    """C{value} in one form whatever the order of its keys, with secrets in clear: it goes into a keyed digest only."""
    if isinstance(value, Secret):
        return ["secret", value.reveal()]
    if isinstance(value, dict):
        return [[key, _sorted(value[key])] for key in sorted(value)]
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return value
