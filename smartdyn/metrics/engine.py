"""Plans, steps, queues and events."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from smartdyn.metrics.buckets import WORK
from smartdyn.metrics.kinds import prepare


class EngineMeters:
    """What the engine does."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._count_plans(registry)
        self._count_steps(registry)
        self._count_waits(registry)
        self._accepted: dict[str, Counter] = {}
        self._ended: dict[tuple[str, str, str], tuple[Counter, Histogram]] = {}
        self._queue_waits: dict[str, Histogram] = {}
        self._steps: dict[tuple[str, str], StepMeter] = {}

    def _count_plans(self, registry: CollectorRegistry | None) -> None:
        self.launches = Counter(
            "smartdyn_launches",
            "Launches of operations, by whether they were accepted",
            ["operation", "result"],
            registry=registry,
        )
        self.plans = Gauge(
            "smartdyn_plans", "Execution plans that are not over, by state", ["state"], registry=registry
        )
        self.plans_running = Gauge(
            "smartdyn_plans_running",
            "Execution plans that are being executed, by the action that they are for",
            ["label"],
            registry=registry,
        )
        self.plans_accepted = Counter(
            "smartdyn_plans_accepted", "Execution plans that were stored", ["label"], registry=registry
        )
        self.plans_ended = Counter(
            "smartdyn_plans_ended",
            "Execution plans that ended, or were paused, with their result",
            ["label", "state", "result"],
            registry=registry,
        )
        self.plan_seconds = Histogram(
            "smartdyn_plan_duration_seconds",
            "From the beginning of a plan to its end",
            ["label"],
            registry=registry,
            buckets=WORK,
        )
        self.plans_recovered = Counter(
            "smartdyn_plans_recovered",
            "Unfinished plans found at the start, by what became of them",
            ["fate"],
            registry=registry,
        )
        prepare(self.plans_recovered, ("execute", "continue", "leave", "failed"))

    def _count_steps(self, registry: CollectorRegistry | None) -> None:
        self.steps = Counter(
            "smartdyn_steps",
            "Calls of the code of steps, by the state that they left",
            ["action", "phase", "state"],
            registry=registry,
        )
        self.step_execution = Histogram(
            "smartdyn_step_execution_seconds",
            "Time that the code of a step took, in all its calls",
            ["action", "phase"],
            registry=registry,
            buckets=WORK,
        )
        self.step_real = Histogram(
            "smartdyn_step_real_seconds",
            "From the first call of a step to its end, with the time it was suspended",
            ["action", "phase"],
            registry=registry,
            buckets=WORK,
        )

    def _count_waits(self, registry: CollectorRegistry | None) -> None:
        self.queue_limit = Gauge(
            "smartdyn_queue_limit",
            "Steps of a queue that may run their code at the same time",
            ["queue"],
            registry=registry,
        )
        self.queue_busy = Gauge(
            "smartdyn_queue_busy", "Steps of a queue that run their code now", ["queue"], registry=registry
        )
        self.queue_waiting = Gauge(
            "smartdyn_queue_waiting", "Steps that wait for a place in a queue", ["queue"], registry=registry
        )
        self.queue_wait = Histogram(
            "smartdyn_queue_wait_seconds",
            "How long steps waited for a place in a queue",
            ["queue"],
            registry=registry,
            buckets=WORK,
        )
        self.events = Counter(
            "smartdyn_events", "Events sent to steps, by what came of them", ["result"], registry=registry
        )
        self.events_planned = Gauge("smartdyn_planned_events", "Events that wait for their time", registry=registry)
        prepare(self.events, ("delivered", "undeliverable"))

    def queue_waited(self, queue: str, seconds: float) -> None:
        """A step got its place in a queue."""
        histogram = self._queue_waits.get(queue)
        if histogram is None:
            histogram = self._queue_waits[queue] = self.queue_wait.labels(queue)
        histogram.observe(seconds)

    def of_step(self, action: str, phase: str) -> StepMeter:
        """Where the steps of an action's phase are counted."""
        meter = self._steps.get((action, phase))
        if meter is None:
            meter = self._steps[action, phase] = StepMeter(self, action, phase)
        return meter

    def plan_accepted(self, label: str) -> None:
        """A plan was stored."""
        counter = self._accepted.get(label)
        if counter is None:
            counter = self._accepted[label] = self.plans_accepted.labels(label)
        counter.inc()

    def plan_ended(self, label: str, state: str, result: str, seconds: float | None) -> None:
        """A plan stopped, or was paused.

        @param seconds: that it took; None when it never began, or is not over.
        """
        ended = self._ended.get((label, state, result))
        if ended is None:
            ended = self.plans_ended.labels(label, state, result), self.plan_seconds.labels(label)
            self._ended[label, state, result] = ended
        ended[0].inc()
        if seconds is not None:
            ended[1].observe(seconds)


class StepMeter:
    """The steps of one phase of one action."""

    def __init__(self, meters: EngineMeters, action: str, phase: str) -> None:
        self._labels = action, phase
        self._all = meters.steps
        self._by_state: dict[str, Counter] = {}
        self._execution = meters.step_execution.labels(action, phase)
        self._real = meters.step_real.labels(action, phase)

    def left(self, state: str) -> None:
        """The code of a step returned, or its step was skipped."""
        counter = self._by_state.get(state)
        if counter is None:
            counter = self._by_state[state] = self._all.labels(*self._labels, state)
        counter.inc()

    def ended(self, real: float, execution: float) -> None:
        """A step is over."""
        self._real.observe(real)
        self._execution.observe(execution)
