"""Output references: a value that another action will have produced by the time it is needed.

The JSON form is Dynflow's (execution_plan/output_reference.rb); clients see it in the input of an action that has not
run yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

CLASS_NAME: Final = "Dynflow::ExecutionPlan::OutputReference"


@dataclass(frozen=True, slots=True)
class OutputReference:
    """Stands for (a part of) the output of an action while a plan is being made."""

    plan_id: str
    step_id: int
    action_id: int
    subkeys: tuple[str, ...] = ()

    def __getitem__(self, key: str) -> OutputReference:
        return OutputReference(self.plan_id, self.step_id, self.action_id, (*self.subkeys, key))

    def __iter__(self) -> Iterator[str]:
        raise TypeError("an output reference has no items before its action has run")

    def __str__(self) -> str:
        return f"Step({self.step_id}).output" + "".join(f"[:{key}]" for key in self.subkeys)

    def to_json(self) -> dict[str, Any]:
        """The form in which it is stored and shown."""
        return {
            "class": CLASS_NAME,
            "execution_plan_id": self.plan_id,
            "step_id": self.step_id,
            "action_id": self.action_id,
            "subkeys": list(self.subkeys),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> OutputReference:
        """The reference that L{to_json} wrote."""
        return cls(value["execution_plan_id"], value["step_id"], value["action_id"], tuple(value["subkeys"]))


class DanglingReference(Exception):
    """An output lacks the key that a reference asks for."""

    def __init__(self, reference: OutputReference, key: str) -> None:
        super().__init__(f"{reference} cannot be resolved: the output has no key {key!r}")


def is_reference(value: Any) -> bool:
    """Is this the JSON form of a reference?"""
    return isinstance(value, dict) and value.get("class") == CLASS_NAME


def serialize(value: Any) -> Any:
    """C{value} with each L{OutputReference} in it replaced by its JSON form."""
    if isinstance(value, OutputReference):
        return value.to_json()
    if isinstance(value, dict):
        return {key: serialize(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [serialize(item) for item in value]
    return value


def references(value: Any) -> Iterator[OutputReference]:
    """All references anywhere in a serialized value."""
    if is_reference(value):
        yield OutputReference.from_json(value)
    elif isinstance(value, dict):
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def dereference(value: Any, output_of: Callable[[OutputReference], Any]) -> Any:
    """C{value} with each reference replaced by what it stands for.

    @param output_of: gives the whole output of the action that a reference names.
    @raise DanglingReference: a subkey is missing.
    """
    if is_reference(value):
        reference = OutputReference.from_json(value)
        found = output_of(reference)
        for key in reference.subkeys:
            if not isinstance(found, dict) or key not in found:
                raise DanglingReference(reference, key)
            found = found[key]
        return found
    if isinstance(value, dict):
        return {key: dereference(item, output_of) for key, item in value.items()}
    if isinstance(value, list):
        return [dereference(item, output_of) for item in value]
    return value
