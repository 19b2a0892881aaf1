"""What people do to tasks, and what they see of all of them together."""

from __future__ import annotations

from typing import Any

from msgspec import DecodeError
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.actions.ledger import BEGUN
from smartdyn.engine.cleaner import Cleaner, Retention
from smartdyn.errors import InvalidRequest, MatchesChanged, NotPossibleNow, PlanNotFound, StoreError
from smartdyn.model.audit import Actor, AuditEntry, AuditQuery
from smartdyn.model.query import EVERYTHING, TaskQuery, parse
from smartdyn.model.records import Delay
from smartdyn.model.rules import RescueStrategy
from smartdyn.testing import done
from tests.support.engine import Engine
from tests.support.jobs import PrintingJob, run
from tests.support.rig import RaiseInRun
from tests.support.stored import Damage

ADMIN = Actor("admin.example.org", "192.0.2.1", "console")


class Stumbling(RaiseInRun):
    """Pauses its plan."""

    class_name = "Rig::Stumbling"

    def rescue_strategy_for_self(self) -> RescueStrategy:
        """Somebody has to decide."""
        return RescueStrategy.PAUSE


class Unplanned(RaiseInRun):
    """Cannot be planned."""

    class_name = "Rig::Unplanned"

    def plan(self, input: dict[str, Any]) -> None:
        """Fail with a text of two lines."""
        raise ValueError("there is no such host\nnor another one")


class ControlTests(SynchronousTestCase):
    """L{smartdyn.actions.control.Control}."""

    def setUp(self) -> None:
        self.engine = Engine((PrintingJob, Stumbling))
        self.control = self.engine.tasks.control

    def entries(self, about: str | None = None) -> list[AuditEntry]:
        """What the log has, the newest first."""
        return [entry for _, entry in done(self.control.ledger.find(AuditQuery(about=about)))]

    def audit(self, about: str | None = None) -> list[tuple[str, str, str]]:
        """Who did what, and what came of it."""
        entries = self.entries(about)
        self.assertTrue(all(entry.by == ADMIN for entry in entries))
        return [(entry.what, entry.subject, entry.outcome) for entry in entries]

    def test_nothing_is_done_before_it_is_written_down(self) -> None:
        """A database that cannot write keeps a task as it is; while something is done, the log has it."""
        task = run(self.engine)
        self.engine.database.fail_next(StoreError("The disk is full."))
        with self.assertRaises(StoreError):
            done(self.control.cancel(task, ADMIN))
        self.assertEqual((self.engine.state(task), self.entries()), ("running", []))
        work: Deferred[None] = Deferred()

        async def wait() -> None:
            await work

        doing = self.control.ledger.recorded(ADMIN, "wait", "x", wait, lambda _: "It is over.")
        self.assertEqual([(each.outcome, each.ended_at) for each in self.entries("x")], [(BEGUN, None)])
        doing.addErrback(lambda failure: failure.trap(CancelledError))
        doing.cancel()
        work.callback(None)
        self.assertEqual([each.outcome for each in self.entries("x")], ["It is over."])

    def test_what_fails_is_written_down(self) -> None:
        """Also when nobody expected that it could."""

        async def fail() -> None:
            raise ValueError("no such thing")

        with self.assertRaises(ValueError):
            done(self.control.ledger.recorded(ADMIN, "try", "x", fail, str))
        self.assertEqual(self.audit(), [("try", "x", "It failed: ValueError: no such thing")])

    def test_bulk_cancel(self) -> None:
        """As many are cancelled as were counted, those that it concerns and no others; one entry tells of them all."""
        mine = [run(self.engine, host=f"web{number}") for number in range(45)]
        other = run(self.engine, host="db")
        run(self.engine, host="web1", status=0)
        wanted = parse("host:web*", 0.0)
        self.assertEqual((done(self.control.bulk.count(wanted, "cancel")), self.audit()), (45, []))
        outcome = done(self.control.bulk.run(wanted, "cancel", ADMIN, expected=45))
        self.assertEqual((outcome.matched, outcome.done, outcome.refused), (45, 45, ()))
        self.assertEqual({self.engine.state(task) for task in mine}, {"stopped"})
        self.assertEqual(self.engine.state(other), "running")
        entry = ("cancel all", "host:web*", "Done to 45 of 45 tasks.")
        self.assertEqual((self.audit(), self.audit(mine[7]), self.audit(other)), ([entry], [entry], []))

    def test_what_is_counted_can_be_cancelled(self) -> None:
        """Tasks that run or are to begin later; paused ones have no step that could be told, and stay as they are."""
        running, paused = run(self.engine), self.engine.trigger(Stumbling, {})
        later = self.engine.delay(Stumbling, {}, delay=Delay(start_at=self.engine.clock.seconds() + 60))
        counted = done(self.control.bulk.count(EVERYTHING, "cancel"))
        self.assertEqual(done(self.control.bulk.run(EVERYTHING, "cancel", ADMIN, expected=counted)).done, counted)
        self.assertEqual([self.engine.state(task) for task in (running, later, paused)], ["stopped"] * 2 + ["paused"])
        self.assertEqual((counted, self.engine.result(paused)), (2, "error"))

    def test_how_far_it_is(self) -> None:
        """While it is done to many, it can be seen how far it is; what is refused is named, with the reason."""
        for _ in range(25):
            run(self.engine)
        turns: list[tuple[str, Deferred[int]]] = []

        def cancel(plan_id: str) -> Deferred[int]:
            turns.append((plan_id, Deferred()))
            return turns[-1][1]

        self.patch(self.engine.world.interventions, "cancel", cancel)
        key = done(self.control.bulk.start(EVERYTHING, "cancel", ADMIN, expected=25))
        self.assertEqual((len(turns), self.progress(key)), (20, (20, 0, True)))
        refused, turn = turns[0]
        turn.errback(NotPossibleNow(refused, "cancelled", "odd"))
        for _, turn in turns[1:20]:
            turn.callback(1)
        self.assertEqual(self.progress(key), (25, 1, True))
        for _, turn in turns[20:]:
            turn.callback(1)
        self.assertEqual(self.progress(key), (25, 1, False))
        found = done(self.control.bulk.progress(key))
        assert found is not None
        self.assertEqual(found[0].problems, ((refused, f"Task {refused} is odd; it cannot be cancelled now."),))
        self.assertEqual(found[0].entry.outcome, "Done to 24 of 25 tasks.")
        self.assertIsNone(done(self.control.bulk.progress("nope")))

    def progress(self, key: str) -> tuple[int, int, bool]:
        """How far it is, how many were refused, and whether it goes on."""
        found = done(self.control.bulk.progress(key))
        assert found is not None
        return found[0].reached, found[0].refused, found[1]

    def test_a_service_that_is_killed(self) -> None:
        """The next one knows how far it came, that it does not go on, and that its end is not known."""
        for _ in range(25):
            run(self.engine)
        self.patch(self.engine.world.interventions, "cancel", lambda plan_id: Deferred())
        key = done(self.control.bulk.start(EVERYTHING, "cancel", ADMIN, expected=25))
        self.engine.database = self.engine.database.take_over()
        found = done(Engine(database=self.engine.database).tasks.control.bulk.progress(key))
        assert found is not None
        progress, goes_on = found
        self.assertEqual((progress.reached, progress.entry.tasks, goes_on), (20, 25, False))
        self.assertEqual((progress.entry.outcome, progress.entry.ended_at), (BEGUN, None))

    def test_a_service_that_stops(self) -> None:
        """Begins with no further tasks, and says how many are left."""
        for _ in range(25):
            run(self.engine)
        stopping = iter([False, True])
        self.patch(type(self.engine.world), "is_stopping", property(lambda world: next(stopping)))
        outcome = done(self.control.bulk.run(EVERYTHING, "cancel", ADMIN, expected=25))
        self.assertEqual((outcome.matched, outcome.done), (25, 20))
        self.assertIn("stopped before it could do the rest", self.audit()[0][2])

    def test_a_count_that_changed(self) -> None:
        """Nothing is done when there are more than somebody has seen; that some have ended since is no matter."""
        task, other = run(self.engine), run(self.engine)
        with self.assertRaises(MatchesChanged):
            done(self.control.bulk.run(EVERYTHING, "cancel", ADMIN, expected=1))
        self.assertEqual(self.engine.state(task), "running")
        self.engine.cancel(other)
        self.assertEqual(done(self.control.bulk.run(EVERYTHING, "cancel", ADMIN, expected=2)).done, 1)

    def test_bulk_skip_and_resume(self) -> None:
        """Paused tasks go on without the steps that failed."""
        tasks = [self.engine.trigger(Stumbling, {}) for _ in range(3)]
        self.assertEqual({self.engine.state(task) for task in tasks}, {"paused"})
        self.assertEqual(done(self.control.bulk.run(EVERYTHING, "skip", ADMIN, expected=3)).done, 3)
        self.assertEqual(done(self.control.bulk.run(EVERYTHING, "resume", ADMIN, expected=3)).done, 3)
        self.assertEqual({self.engine.state(task) for task in tasks}, {"stopped"})

    def test_what_cannot_be_done(self) -> None:
        """Is refused, and written down all the same; a search for ended tasks finds none to cancel."""
        task = run(self.engine, status=0)
        with self.assertRaises(NotPossibleNow):
            done(self.control.resume(task, ADMIN))
        self.assertEqual(self.audit(), [("resume", task, f"Task {task} is stopped; it cannot be resumed now.")])
        ended = TaskQuery(states=("stopped",))
        self.assertEqual(done(self.control.bulk.count(ended, "cancel")), 0)

    def test_one_that_cannot_be_read(self) -> None:
        """A broken task keeps nothing from being done to the others, and is named with its problem."""
        broken, other = self.engine.trigger(Stumbling, {}), self.engine.trigger(Stumbling, {})
        done(self.engine.database.commit(Damage(broken)))
        outcome = done(self.control.bulk.run(EVERYTHING, "skip", ADMIN, expected=2))
        self.assertEqual([plan_id for plan_id, _ in outcome.refused], [broken])
        self.assertEqual((outcome.done, self.engine.result(other)), (1, "warning"))
        self.assertEqual(len(self.flushLoggedErrors(DecodeError)), 1)

    def test_it_is_forgotten_in_time(self) -> None:
        """What was done is known for as long as is set, also when its task is gone."""
        task = run(self.engine)
        done(self.control.cancel(task, ADMIN))
        engine: Any = self.engine
        cleaner = Cleaner(engine.clock, engine.clock.seconds, engine.database, Retention(age=1.0, audit_age=100.0))
        engine.advance(50)
        self.assertEqual(done(cleaner.clean()), 1)
        self.assertEqual(len(self.audit(task)), 1)
        engine.advance(51)
        done(cleaner.clean())
        self.assertEqual(self.audit(task), [])


class InsightTests(SynchronousTestCase):
    """L{smartdyn.actions.insight.Insight}."""

    def setUp(self) -> None:
        self.engine = Engine((PrintingJob, Stumbling, Unplanned))
        self.tasks = self.engine.tasks

    def test_overview(self) -> None:
        """Failures come in groups with an example, its last words and advice, beside what is stuck and why."""
        run(self.engine, status=0)
        run(self.engine, status=3, printed="restarting\nno such unit\n\n")
        last = run(self.engine, status=3, printed="restarting\nno such unit\n\n")
        self.engine.trigger(Unplanned, {})
        paused = self.engine.trigger(Stumbling, {})
        waiting = run(self.engine, note="ssh: connect to host web1 port 22: Connection refused.")
        run(self.engine, note="Connecting to web1 port 22.")
        self.engine.advance(1)
        found = done(self.tasks.overview(self.engine.clock.seconds()))
        self.assertEqual([(each.cause.key, each.count) for each in found.failures], [("exit-3", 2), ("step-error", 1)])
        self.assertEqual(found.failures[0].example.label, "Rig::PrintingJob")
        self.assertEqual([each.last_line for each in found.failures], ["no such unit", "there is no such host"])
        self.assertIn(last, [task.id for task in done(self.tasks.recent(parse("cause:exit-3", 0.0))).tasks])
        self.assertEqual([each.task.id for each in found.stuck], [paused, waiting])
        self.assertIn("Check that sshd runs", found.stuck[1].advice)
        self.assertEqual((sum(found.throughput), len(found.throughput), found.throughput[-1]), (4, 60, 4))
        self.assertEqual(found.running, 2)
        self.assertEqual([(queue.name, queue.busy) for queue in found.queues], [("default", 0)])
        self.assertEqual(found.callbacks.cause, None)
        self.assertTrue(all(item.ok for item in found.health))
        self.assertEqual(found.health[-1].text, "It knows all tasks that are over.")
        self.engine.advance(86_400)
        self.assertEqual(done(self.tasks.overview(self.engine.clock.seconds())).failures, ())

    def test_what_is_still_to_be_read(self) -> None:
        """A page waits for few tasks to be read; how many are left is said, and they are read without it."""
        for _ in range(60):
            run(self.engine, status=3)
        self.engine.advance(5)
        found = done(self.tasks.overview(self.engine.clock.seconds()))
        self.assertEqual(found.failures[0].count, 25)
        self.assertIn("35 tasks that are over are still to be read, from 5 s ago on", found.health[-1].text)
        self.engine.digester.startService()
        self.engine.advance(5)
        self.assertEqual(done(self.tasks.overview(self.engine.clock.seconds())).failures[0].count, 60)
        done(self.engine.digester.stopService())

    def test_a_host(self) -> None:
        """A host has its tasks, how many are under way, and why they failed."""
        run(self.engine, host="db", status=3)
        run(self.engine, host="db")
        run(self.engine, host="web1", status=4)
        found = done(self.tasks.host("db"))
        self.assertEqual((len(found.tasks.tasks), found.running), (2, 1))
        self.assertEqual([each.cause.key for each in found.failures], ["exit-3"])
        self.assertEqual(
            [(each.cause.key, each.error) for each in found.troubles], [("exit-3", "Script execution failed")]
        )

    def test_a_batch(self) -> None:
        """The counts of what one task launched are those of the moment, and what failed comes in groups by cause."""
        jobs: dict[str, dict[str, Any]] = {
            f"job{number}": {"host": f"web{number % 3}", **status}
            for number, status in enumerate([{"status": 0}, {"status": 3}, {"status": 3}, {"status": 4}, {}, {}])
        }
        launched = {
            key: {"action_class": "Rig::PrintingJob", "action_input": {**job, "callback": None}}
            for key, job in jobs.items()
        }
        launch = self.tasks.launch("ssh", launched, None, callback_host="", request_id="")
        parent = done(launch)["parent"]["task_id"]
        self.engine.cancel("job5")
        found = done(self.tasks.batch(parent))
        counts = {each.name: each.count for each in found.counts}
        self.assertEqual(counts, {"running": 1, "success": 1, "error": 3, "cancelled": 1})
        self.assertEqual((found.total, found.over, found.hosts, found.ended_at), (6, 5, 3, None))
        self.assertEqual([(each.cause.key, each.count) for each in found.failures], [("exit-3", 2), ("exit-4", 1)])
        self.assertEqual([task.id for task in found.going], ["job4"])
        self.assertEqual({task.id for task in found.failed}, {"job1", "job2", "job3"})
        for each in found.counts:
            wanted = parse(f"parent:{parent} {each.search}", 0.0)
            self.assertEqual(done(self.tasks.count_matching(wanted)), each.count, each.name)
        self.engine.cancel("job4")
        self.assertEqual(done(self.tasks.batch(parent)).ended_at, self.engine.clock.seconds())
        with self.assertRaises(PlanNotFound):
            done(self.tasks.batch("nope"))

    def test_search_in_outputs(self) -> None:
        """A task is found with the line in which the words stand; without words there is nothing to search for."""
        task = run(self.engine, printed="one\ncp: Permission denied\n", status=1)
        run(self.engine, printed="all is well\n", status=0)
        hits = done(self.tasks.search_output(parse('text:"permission denied"', 0.0)))
        self.assertEqual([(hit.task.id, hit.line, hit.position) for hit in hits], [(task, "cp: Permission denied", 0)])
        with self.assertRaises(InvalidRequest):
            done(self.tasks.search_output(parse("host:web1", 0.0)))

    def test_counts(self) -> None:
        """What a search finds is counted."""
        run(self.engine, status=3)
        run(self.engine, status=0)
        self.assertEqual(done(self.tasks.count_matching(parse("state:failed", 0.0))), 1)
