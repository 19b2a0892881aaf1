"""What people do to tasks, and what they see of all of them together."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.engine.cleaner import Cleaner, Retention
from smartdyn.errors import InvalidRequest, MatchesChanged, NotPossibleNow
from smartdyn.model.audit import Actor
from smartdyn.model.query import EVERYTHING, TaskQuery, parse
from smartdyn.model.rules import RescueStrategy
from smartdyn.testing import done
from tests.support.engine import Engine
from tests.support.jobs import PrintingJob, run
from tests.support.rig import RaiseInRun

ADMIN = Actor("admin.example.org", "192.0.2.1", "console")


class Stumbling(RaiseInRun):
    """Pauses its plan."""

    class_name = "Rig::Stumbling"

    def rescue_strategy_for_self(self) -> RescueStrategy:
        """Somebody has to decide."""
        return RescueStrategy.PAUSE


class ControlTests(SynchronousTestCase):
    """L{smartdyn.actions.control.Control}."""

    def setUp(self) -> None:
        self.engine = Engine((PrintingJob, Stumbling))
        self.control = self.engine.tasks.control

    def audit(self, subject: str | None = None) -> list[tuple[str, str, str]]:
        """Who did what, and what came of it."""
        entries = [entry for _, entry in done(self.control.audit(subject))]
        self.assertTrue(all(entry.by == ADMIN for entry in entries))
        return [(entry.what, entry.subject, entry.outcome) for entry in entries]

    def test_bulk_cancel(self) -> None:
        """As many are cancelled as were counted, those that it concerns and no others, and each is written down."""
        mine = [run(self.engine, host=f"web{number}") for number in range(45)]
        other = run(self.engine, host="db")
        run(self.engine, host="web1", status=0)
        wanted = parse("host:web*", 0.0)
        counted = done(self.control.bulk(wanted, "cancel", ADMIN, dry_run=True))
        self.assertEqual((counted.matched, counted.done, self.audit()), (45, 0, []))
        outcome = done(self.control.bulk(wanted, "cancel", ADMIN, dry_run=False, expected=45))
        self.assertEqual((outcome.matched, outcome.done, outcome.refused), (45, 45, ()))
        self.assertEqual({self.engine.state(task) for task in mine}, {"stopped"})
        self.assertEqual(self.engine.state(other), "running")
        self.assertEqual(self.audit(mine[7]), [("cancel", mine[7], "1 steps were told.")])
        self.assertEqual(self.audit("host:web*"), [("cancel all", "host:web*", "Done to 45 of 45 tasks.")])

    def test_a_count_that_changed(self) -> None:
        """Nothing is done when there are others than somebody has seen."""
        task = run(self.engine)
        with self.assertRaises(MatchesChanged):
            done(self.control.bulk(EVERYTHING, "cancel", ADMIN, dry_run=False, expected=2))
        self.assertEqual(self.engine.state(task), "running")

    def test_bulk_skip_and_resume(self) -> None:
        """Paused tasks go on without the steps that failed."""
        tasks = [self.engine.trigger(Stumbling, {}) for _ in range(3)]
        self.assertEqual({self.engine.state(task) for task in tasks}, {"paused"})
        self.assertEqual(done(self.control.bulk(EVERYTHING, "skip", ADMIN, dry_run=False)).done, 3)
        self.assertEqual(done(self.control.bulk(EVERYTHING, "resume", ADMIN, dry_run=False)).done, 3)
        self.assertEqual({self.engine.state(task) for task in tasks}, {"stopped"})

    def test_what_cannot_be_done(self) -> None:
        """Is refused, and written down all the same; a search for ended tasks finds none to cancel."""
        task = run(self.engine, status=0)
        with self.assertRaises(NotPossibleNow):
            done(self.control.resume(task, ADMIN))
        self.assertEqual(self.audit(), [("resume", task, f"Task {task} is stopped; it cannot be resumed now.")])
        ended = TaskQuery(states=("stopped",))
        self.assertEqual(done(self.control.bulk(ended, "cancel", ADMIN, dry_run=True)).matched, 0)

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
        self.engine = Engine((PrintingJob, Stumbling))
        self.tasks = self.engine.tasks

    def test_overview(self) -> None:
        """Failures come in groups with an example and advice, beside what is stuck and why."""
        run(self.engine, status=0)
        run(self.engine, status=3)
        last = run(self.engine, status=3)
        paused = self.engine.trigger(Stumbling, {})
        waiting = run(self.engine, note="ssh: connect to host web1 port 22: Connection refused.")
        run(self.engine, note="Connecting to web1 port 22.")
        self.engine.advance(1)
        found = done(self.tasks.overview(self.engine.clock.seconds()))
        self.assertEqual([(each.cause.key, each.count) for each in found.failures], [("exit-3", 2)])
        self.assertEqual(found.failures[0].example.label, "Rig::PrintingJob")
        self.assertIn(last, [task.id for task in done(self.tasks.recent(parse("cause:exit-3", 0.0))).tasks])
        self.assertEqual([each.task.id for each in found.stuck], [paused, waiting])
        self.assertIn("Check that sshd runs", found.stuck[1].advice)
        self.assertEqual((sum(found.throughput), len(found.throughput), found.throughput[-1]), (3, 60, 3))
        self.assertEqual(found.running, 2)
        self.assertEqual([(queue.name, queue.busy) for queue in found.queues], [("default", 0)])
        self.assertEqual(found.callbacks.cause, None)
        self.assertTrue(all(item.ok for item in found.health))
        self.engine.advance(86_400)
        self.assertEqual(done(self.tasks.overview(self.engine.clock.seconds())).failures, ())

    def test_a_host(self) -> None:
        """A host has its tasks, how many are under way, and why they failed."""
        run(self.engine, host="db", status=3)
        run(self.engine, host="db")
        run(self.engine, host="web1", status=4)
        found = done(self.tasks.host("db"))
        self.assertEqual((len(found.tasks.tasks), found.running), (2, 1))
        self.assertEqual([each.cause.key for each in found.failures], ["exit-3"])

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
