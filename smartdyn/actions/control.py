"""What people may do to tasks, one or many; each time it is written down who does it and what comes of it."""

from __future__ import annotations

from collections.abc import Callable

from smartdyn.actions.bulk import Bulk
from smartdyn.actions.callback import CallbackSender
from smartdyn.actions.ledger import Ledger
from smartdyn.engine.intake import Drain
from smartdyn.engine.world import World
from smartdyn.errors import NothingToSend
from smartdyn.model.audit import Actor, cancel_step
from smartdyn.store import callbacks, plans
from smartdyn.store.callbacks import SendAgain


class Control:
    """Does it through the engine's interventions.

    @ivar ledger: who did what.
    @ivar bulk: does it to many.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._interventions = world.interventions
        self._intake = world.intake
        self._now = world.now
        self.ledger = Ledger(world)
        self.bulk = Bulk(world, self.ledger)

    async def cancel(self, plan_id: str, by: Actor, *, force: bool = False) -> int:
        """Ask a task to end; how many of its steps were told."""
        return await self.ledger.recorded(
            by,
            "force-cancel" if force else "cancel",
            plan_id,
            lambda: self._interventions.cancel(plan_id, force=force),
            lambda told: f"{told} {'step was' if told == 1 else 'steps were'} told.",
        )

    async def cancel_step(self, plan_id: str, step_id: int, by: Actor) -> None:
        """Ask one step of a task to end."""
        await self.ledger.recorded(
            by,
            cancel_step(step_id),
            plan_id,
            lambda: self._interventions.cancel_step(plan_id, step_id),
            lambda _: "The step was told.",
        )

    async def resume(self, plan_id: str, by: Actor) -> None:
        """Go on with a paused task."""
        await self.ledger.recorded(
            by, "resume", plan_id, lambda: self._interventions.resume(plan_id), lambda _: "It was resumed."
        )

    async def skip(self, plan_id: str, step_id: int, by: Actor) -> list[int]:
        """Leave out a failed step when the task is resumed; the steps that were marked."""
        return await self.ledger.recorded(
            by,
            f"skip step {step_id}",
            plan_id,
            lambda: self._interventions.skip(plan_id, step_id),
            lambda marked: f"Steps marked: {', '.join(map(str, marked)) or 'none'}.",
        )

    async def halt(self, plan_id: str, by: Actor) -> None:
        """Stop a task by force."""
        await self.ledger.recorded(
            by, "halt", plan_id, lambda: self._interventions.halt(plan_id), lambda _: "It was halted."
        )

    async def resend(self, plan_id: str, by: Actor) -> int:
        """Have the results of a task sent again that are not sent any more; how many these are.

        @raise smartdyn.errors.PlanNotFound: there is no such task.
        @raise NothingToSend: it has none.
        """

        async def work() -> int:
            await self._world.database.query(lambda tx: plans.load(tx, plan_id))
            count = await self._send_again(plan_id)
            if not count:
                raise NothingToSend(plan_id)
            return count

        return await self.ledger.recorded(by, "resend", plan_id, work, _sent_again)

    async def resend_all(self, by: Actor) -> int:
        """Likewise those of all tasks."""
        return await self.ledger.recorded(by, "resend all", "service", lambda: self._send_again(None), _sent_again)

    async def _send_again(self, plan_id: str | None) -> int:
        database = self._world.database
        count = await database.query(lambda tx: callbacks.parked(tx, plan_id))
        if count:
            await database.commit(SendAgain(self._now(), plan_id))
            sender: CallbackSender = self._world.environment.resources[CallbackSender]
            sender.notify()
        return count

    async def drain(self, by: Actor) -> None:
        """Have the service take no new tasks."""

        async def work() -> None:
            self._intake.close(Drain(by.name, self._now()))

        await self.ledger.recorded(by, "drain", "service", work, lambda _: "No new tasks are taken.")

    async def accept_again(self, by: Actor) -> None:
        """Have the service take new tasks."""

        async def work() -> None:
            self._intake.open()

        await self.ledger.recorded(by, "end drain", "service", work, lambda _: "New tasks are taken.")

    async def forget_host_key(self, name: str, by: Actor, forget: Callable[[str], None]) -> None:
        """Have the next job on a host learn its key anew.

        @param forget: does it.
        """

        async def work() -> None:
            forget(name)

        await self.ledger.recorded(by, "forget host key", name, work, lambda _: "The next job learns its key anew.")


def _sent_again(count: int) -> str:
    return f"{count} {'result is' if count == 1 else 'results are'} sent again."
