"""Telling Foreman how an action ended (SPD callback.rb)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from smartdyn.actions.action import Action
from smartdyn.model import references
from smartdyn.store.callbacks import EnqueueCallback


@dataclass(frozen=True, slots=True)
class CallbackSender:
    """Whoever delivers callbacks; told when there is a new one."""

    notify: Callable[[], None]


class Callback(Action):
    """Puts a callback into the outbox, in the same transaction as the end of what it reports.

    The plan's own state and result do not depend on whether Foreman can be reached.
    """

    class_name: ClassVar[str] = "Proxy::Dynflow::Callback::Action"
    transactional: ClassVar[bool] = True
    resolves_references: ClassVar[bool] = False

    def plan(self, callback: Any, data: Any) -> None:
        """Report C{data}, usually the output of another action, to whom C{callback} names."""
        self.plan_self({"callback": callback, "data": data})

    def run(self) -> None:
        """Enqueue it."""
        data = self.input.pop("data", None)
        source: int | None = None
        if references.is_reference(data):
            source, data = references.OutputReference.from_json(data).action_id, None
        self.write(
            EnqueueCallback(
                plan_id=self.plan_id,
                action_id=self.action_id,
                callback=self.input["callback"],
                at=self.now,
                data_action_id=source,
                data=data,
                request_id=self.input.get("current_request_id"),
            )
        )
        self.after_commit(self.resource(CallbackSender).notify)


def split_callback(input: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """C{input} of a job as Foreman sends it, without its callback and with Foreman's task id; and the callback.

    Foreman finds its job in a status by C{input.task_id} (FT C{ProxyAction}).
    """
    rest = {key: value for key, value in input.items() if key != "callback"}
    callback = input.get("callback")
    if isinstance(callback, dict) and "task_id" in callback:
        rest["task_id"] = callback["task_id"]
    return rest, callback
