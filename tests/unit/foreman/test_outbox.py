"""Callbacks until Foreman has them."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.errors import StoreError
from smartdyn.foreman import retry
from smartdyn.foreman.outbox import Outbox
from smartdyn.foreman.retry import Answer
from smartdyn.store import callbacks
from smartdyn.store.callbacks import EnqueueCallback, SendAgain
from tests.support.engine import START, Engine
from tests.support.rig import Noop

OK = Answer(200, "")


class FakeClient:
    """Answers as told; an answer that is None never comes."""

    def __init__(self) -> None:
        self.answers: list[Answer | None] = []
        self.bodies: list[dict[str, Any]] = []
        self.pending: list[Deferred[Answer]] = []

    async def callback(self, body: dict[str, Any], request_id: str | None) -> Answer:
        """Record and answer."""
        self.bodies.append(body)
        answer = self.answers.pop(0) if self.answers else OK
        if answer is not None:
            return answer
        waiting: Deferred[Answer] = Deferred()
        self.pending.append(waiting)
        return await waiting


class OutboxTestCase(SynchronousTestCase):
    """Has an outbox and what it needs."""

    def setUp(self) -> None:
        self.engine = Engine()
        self.client = FakeClient()
        self.outbox = self.make()
        self.plans = 0

    def make(self) -> Outbox:
        """An outbox on the database, as after a start."""

        async def load(plan_id: str, action_id: int) -> dict[str, Any]:
            return {"of": [plan_id, action_id]}

        engine = self.engine
        return Outbox(engine.clock, engine.clock.seconds, lambda: 0.5, engine.database, self.client, load)

    def enqueue(self, **fields: Any) -> None:
        """A callback of a finished plan."""
        self.plans += 1
        plan_id = f"p{self.plans}"
        from smartdyn.engine.planning import PlanRequest  # noqa: PLC0415

        planned = self.engine.world.plan(PlanRequest(Noop, (), plan_id))
        self.successResultOf(Deferred.fromCoroutine(self.engine.world.accept([planned])))
        fields.setdefault("data", {"x": 1})
        callback = fields.pop("callback", {"task_id": plan_id, "step_id": 3})
        write = EnqueueCallback(plan_id, 1, callback, self.engine.clock.seconds(), **fields)
        self.successResultOf(self.engine.database.commit(write))
        self.outbox.notify()

    def counts(self) -> dict[str, int]:
        """How many callbacks are in which state."""
        return self.successResultOf(self.engine.database.query(callbacks.counts))


class BusyTests(OutboxTestCase):
    """For how long the outbox has been at something: L{Outbox.busy_for}."""

    def test_a_request_that_is_not_answered(self) -> None:
        """It counts from its beginning to its answer."""
        self.client.answers = [None]
        self.outbox.startService()
        self.enqueue()
        self.engine.advance(30)
        self.assertEqual(self.outbox.busy_for, 30.0)
        self.client.pending[0].callback(OK)
        self.assertEqual(self.outbox.busy_for, 0.0)

    def test_waiting_for_the_next_attempt(self) -> None:
        """Is not being busy: Foreman may be away for a day."""
        self.client.answers = [Answer(None, "no")]
        self.outbox.startService()
        self.enqueue()
        self.assertEqual(self.outbox.busy_for, 0.0)


class OutboxTests(OutboxTestCase):
    """L{Outbox}."""

    def test_delivery(self) -> None:
        """A callback is sent at once, with its data, and is then done."""
        self.outbox.startService()
        self.enqueue()
        self.assertEqual(self.client.bodies, [{"callback": {"task_id": "p1", "step_id": 3}, "data": {"x": 1}}])
        self.assertEqual(self.counts(), {"delivered": 1})

    def test_a_look_that_is_out_of_date(self) -> None:
        """What was delivered while the outbox was being read is not sent again."""
        self.client.answers = [None]
        self.outbox.startService()
        self.enqueue()
        database = self.engine.database
        read, late = database.query, Deferred[Any]()

        def query_slowly(reader: Any) -> Any:
            found = self.successResultOf(read(reader))
            return late.addCallback(lambda _: found)

        self.patch(database, "query", query_slowly)
        self.outbox.notify()
        self.client.pending[0].callback(OK)
        self.patch(database, "query", read)
        late.callback(None)
        self.assertEqual(len(self.client.bodies), 1)
        self.assertEqual(self.counts(), {"delivered": 1})

    def test_the_output_of_an_action_is_read_when_it_is_sent(self) -> None:
        """It is not stored a second time."""
        self.outbox.startService()
        self.enqueue(data=None, data_action_id=2)
        self.assertEqual(self.client.bodies[0]["data"], {"of": ["p1", 2]})

    def test_refusals_are_tried_again_later_and_later(self) -> None:
        """After 1, 2, 4 ... seconds, until it is taken."""
        self.outbox.startService()
        self.client.answers = [Answer(500, "oops"), Answer(None, "refused"), Answer(403, "who are you?")]
        self.enqueue()
        for seconds, sent in ((0.9, 1), (0.2, 2), (1.8, 2), (0.3, 3), (3.6, 3), (0.5, 4)):
            self.engine.clock.advance(seconds)
            self.assertEqual(len(self.client.bodies), sent)
        self.assertEqual(self.counts(), {"delivered": 1})

    def test_what_foreman_cannot_take_is_parked(self) -> None:
        """With an error that says so; it is not sent again."""
        self.outbox.startService()
        self.client.answers = [Answer(404, "unknown task")]
        self.enqueue()
        self.engine.clock.advance(3600)
        self.assertEqual((len(self.client.bodies), self.counts()), (1, {"parked": 1}))

    def test_an_earlier_life_is_taken_over(self) -> None:
        """What was enqueued before a crash is sent after the next start."""
        self.enqueue()
        self.assertEqual(self.client.bodies, [])
        self.outbox = self.make()
        self.outbox.startService()
        self.assertEqual(len(self.client.bodies), 1)

    def test_what_was_parked_is_sent_again(self) -> None:
        """When somebody wants it: the refused one of the task that is named, and no other; it arrives once."""
        self.outbox.startService()
        self.client.answers = [Answer(404, "unknown task"), Answer(413, "too large")]
        self.enqueue()
        self.enqueue()
        self.send_again("p2")
        self.assertEqual(len(self.client.bodies), 3)
        self.assertEqual(self.client.bodies[2], self.client.bodies[1])
        self.assertEqual(self.counts(), {"delivered": 1, "parked": 1})
        self.send_again(None)
        self.engine.clock.advance(retry.LONGEST_DELAY)
        self.assertEqual((len(self.client.bodies), self.counts()), (4, {"delivered": 2}))

    def test_sending_again_is_not_given_up_at_once(self) -> None:
        """What could not be sent for a day is tried for another one."""
        self.outbox.startService()
        self.client.answers = [Answer(None, "refused"), Answer(None, "refused"), Answer(None, "refused")]
        self.enqueue()
        self.engine.clock.advance(retry.PATIENCE)
        self.assertEqual(self.counts(), {"parked": 1})
        self.send_again("p1")
        self.assertEqual(self.counts(), {"pending": 1})
        self.engine.clock.advance(2)
        self.assertEqual(self.counts(), {"delivered": 1})

    def send_again(self, plan_id: str | None) -> None:
        """What was parked is wanted after all."""
        self.successResultOf(self.engine.database.commit(SendAgain(self.engine.clock.seconds(), plan_id)))
        self.outbox.notify()

    def test_a_few_at_once(self) -> None:
        """Many callbacks do not overrun Foreman, and all get their turn."""
        self.outbox.startService()
        self.client.answers = [None] * 20
        for _ in range(20):
            self.enqueue()
        self.assertEqual(len(self.client.pending), 8)
        for number in range(20):
            self.client.pending[number].callback(OK)
        self.assertEqual(self.counts(), {"delivered": 20})

    def test_a_database_that_stumbles(self) -> None:
        """The outcome of an attempt is written later; nothing is sent twice meanwhile."""
        self.outbox.startService()
        self.client.answers = [None]
        self.enqueue()
        self.engine.database.fail_next(StoreError("disk full"))
        self.client.pending[0].callback(OK)
        self.assertEqual(self.counts(), {"pending": 1})
        self.engine.clock.advance(1)
        self.assertEqual((len(self.client.bodies), self.counts()), (1, {"delivered": 1}))

    def test_enqueuing_twice_is_once(self) -> None:
        """A step that is repeated after a crash promises the same callback."""
        self.outbox.startService()
        self.enqueue()
        write = EnqueueCallback("p1", 1, {"task_id": "p1"}, START, data={})
        self.successResultOf(self.engine.database.commit(write))
        self.assertEqual(self.counts(), {"delivered": 1})


class Digesting(FakeClient):
    """Takes batches up to the first element that it cannot digest."""

    def __init__(self, bad: dict[str, int]) -> None:
        super().__init__()
        self.bad = bad
        self.taken: list[str] = []

    async def callback(self, body: dict[str, Any], request_id: str | None) -> Answer:
        """Like Foreman's controller."""
        self.bodies.append(body)
        for part in body.get("callbacks", [body]):
            task = part["callback"]["task_id"]
            if task in self.bad:
                return Answer(self.bad[task], f"no {task}")
            self.taken.append(task)
        return OK


class BatchTests(OutboxTestCase):
    """Callbacks of groups."""

    def send(self, bad: dict[str, int], count: int = 8) -> Digesting:
        """A group of which some elements are indigestible."""
        self.client = client = Digesting(bad)
        self.outbox = self.make()
        self.outbox.startService()
        parts = [{"plan_id": f"p{number}", "callback": {"task_id": f"t{number}"}} for number in range(count)]
        self.enqueue(data=None, callback=parts)
        return client

    def test_all_at_once(self) -> None:
        """One request, when Foreman takes it."""
        client = self.send({})
        self.assertEqual((len(client.bodies), len(client.taken)), (1, 8))
        self.assertEqual(client.bodies[0]["callbacks"][1], {"callback": {"task_id": "t1"}, "data": {"of": ["p1", 1]}})
        self.assertEqual(self.counts(), {"delivered": 1})

    def test_one_that_is_poisoned(self) -> None:
        """Does not hold up the others; it alone is tried again, and is taken when Foreman is better."""
        client = self.send({"t2": 500})
        self.assertEqual(set(client.taken), {f"t{number}" for number in range(8)} - {"t2"})
        self.assertEqual(self.counts(), {"pending": 1})
        client.bodies.clear()
        client.bad.clear()
        self.engine.advance(10)
        self.assertEqual([len(body["callbacks"]) for body in client.bodies], [1])
        self.assertEqual((client.taken[-1], self.counts()), ("t2", {"delivered": 1}))

    def test_one_that_is_unknown(self) -> None:
        """Is given up; the others are delivered."""
        client = self.send({"t2": 404, "t5": 500})
        self.assertEqual(set(client.taken), {f"t{number}" for number in range(8)} - {"t2", "t5"})
        client.bad.clear()
        self.engine.advance(10)
        self.assertEqual(client.taken[-1], "t5")
        self.assertNotIn("t2", client.taken)
        self.assertEqual(self.counts(), {"delivered": 1})

    def test_none_that_is_known(self) -> None:
        """Nothing is left to try."""
        self.send({"t0": 404, "t1": 404}, 2)
        self.assertEqual(self.counts(), {"parked": 1})

    def test_foreman_is_away(self) -> None:
        """That has nothing to do with any of them: one request, not many."""
        client = self.send({"t0": 403})
        self.assertEqual(len(client.bodies), 1)
        client.bad.clear()
        self.engine.advance(10)
        self.assertEqual(len(client.bodies[1]["callbacks"]), 8)


class TogetherTests(OutboxTestCase):
    """Many callbacks that are due at the same time."""

    def send(self, bad: dict[str, int], count: int) -> Digesting:
        """Callbacks that were waiting when the outbox began."""
        self.client = client = Digesting(bad)
        for _ in range(count):
            self.enqueue()
        self.outbox = self.make()
        self.outbox.startService()
        return client

    def test_many(self) -> None:
        """Go in requests of a hundred; each arrives once."""
        client = self.send({}, 250)
        self.assertEqual(sorted(client.taken), sorted(f"p{number}" for number in range(1, 251)))
        self.assertEqual([len(body["callbacks"]) for body in client.bodies], [100, 100, 50])
        self.assertEqual(self.counts(), {"delivered": 250})

    def test_a_poisoned_one(self) -> None:
        """Is found and tried again by itself; the others arrive, once each."""
        client = self.send({"p7": 500}, 40)
        self.assertEqual(sorted(set(client.taken)), sorted(f"p{number}" for number in range(1, 41) if number != 7))
        self.assertEqual(self.counts(), {"delivered": 39, "pending": 1})
        self.assertIn({"callback": {"task_id": "p7", "step_id": 3}, "data": {"x": 1}}, client.bodies)
        client.bad.clear()
        self.engine.advance(10)
        self.assertEqual(self.counts(), {"delivered": 40})

    def test_a_foreman_that_knows_no_batches(self) -> None:
        """Gets them one by one."""
        self.client = old = OldForeman()
        for _ in range(20):
            self.enqueue()
        self.outbox = self.make()
        self.outbox.startService()
        self.assertEqual(len(old.taken), 20)
        self.assertEqual(self.counts(), {"delivered": 20})

    def test_one_that_cannot_be_put_together(self) -> None:
        """Neither holds up the others nor is tried without a pause."""
        self.client = client = Digesting({})
        for number in range(20):
            self.enqueue(data=None, data_action_id=99 if number == 3 else 1)
        load = self.outbox._load_data

        async def broken(plan_id: str, action_id: int) -> dict[str, Any]:
            if action_id == 99:
                raise LookupError("no such action")
            return await load(plan_id, action_id)

        self.outbox = self.make()
        self.outbox._load_data = broken
        self.outbox.startService()
        self.assertEqual((len(client.taken), self.counts()), (19, {"delivered": 19, "pending": 1}))
        self.engine.advance(10)
        self.assertEqual(self.counts(), {"delivered": 19, "pending": 1})
        self.assertLess(len(self.flushLoggedErrors(LookupError)), 8)

    def test_large_ones(self) -> None:
        """A request does not become larger than five megabytes, unless one callback is."""
        self.client = client = Digesting({})
        for _ in range(20):
            self.enqueue(data={"text": "x" * 1_000_000})
        self.outbox = self.make()
        self.outbox.startService()
        self.assertLessEqual(max(len(body.get("callbacks", [1])) for body in client.bodies), 5)
        self.assertEqual(len(client.taken), 20)


class OldForeman(FakeClient):
    """Understands one callback at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[str] = []

    async def callback(self, body: dict[str, Any], request_id: str | None) -> Answer:
        """Refuse what has no C{callback}."""
        if "callback" not in body:
            return Answer(400, "no callback")
        self.taken.append(body["callback"]["task_id"])
        return OK
