"""Which rescue strategy applies to a plan with failed steps (action/rescue.rb)."""

from __future__ import annotations

from twisted.logger import Logger

from smartdyn.actions.action import Action
from smartdyn.actions.phases import Phase
from smartdyn.actions.registry import Registry
from smartdyn.model import rules
from smartdyn.model.records import ActionRecord, WholePlan
from smartdyn.model.rules import RescueStrategy

_log = Logger()


def strategy(whole: WholePlan, registry: Registry) -> RescueStrategy:
    """The strategy of the root action, L{RescueStrategy.SKIP} when it has none.

    When an action fails at naming its own, a human has to decide.
    """
    try:
        return _strategy(whole, registry)
    except Exception:
        _log.failure("no rescue strategy can be had for task {plan_id}, so it is paused", plan_id=whole.plan.id)
        return RescueStrategy.PAUSE


def _strategy(whole: WholePlan, registry: Registry, root_id: int = 1) -> RescueStrategy:
    failed = rules.failed_actions(whole.steps.values())

    def of(record: ActionRecord) -> RescueStrategy | None:
        action = _present(registry, record)
        found = [action.rescue_strategy_for_self()] if record.id in failed else []
        for child in rules.children_of(whole.actions, record.id):
            below = of(child)
            if below is not None:
                found.append(below)
        return action.rescue_strategy(rules.combine(found))

    return of(whole.actions[root_id]) or RescueStrategy.SKIP


def _present(registry: Registry, record: ActionRecord) -> Action:
    return registry.find_or_missing(record.class_name)(Phase(record.plan_id, record.id, record.input, record.output))
