"""What is found out about plans that have stopped: the words of their output, and why they failed."""

from __future__ import annotations

from typing import Any, ClassVar

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import DecodeError
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.actions.action import Action
from smartdyn.actions.events import ExternalEvent, RunnerExited
from smartdyn.engine.digester import Digester
from smartdyn.model.query import TaskQuery, parse
from smartdyn.model.views import OutputChunk
from smartdyn.store import digests, listing
from smartdyn.store.cleaning import DeletePlans
from smartdyn.store.output import AppendOutput
from smartdyn.testing import done
from tests.support.engine import Engine
from tests.support.jobs import PrintingJob, run
from tests.support.rig import WaitForUpdate
from tests.support.stored import Damage

_CHECK_INDEX = "INSERT INTO output_words (output_words) VALUES ('integrity-check')"


class Chore(Action):
    """A job, and what has to be done when it has ended."""

    class_name: ClassVar[str] = "Rig::Chore"

    def plan(self, input: dict[str, Any]) -> None:
        """One after the other."""
        with self.sequence():
            self.plan_action(PrintingJob, {})
            self.plan_action(WaitForUpdate, {})


class Pair(Action):
    """Two jobs."""

    class_name: ClassVar[str] = "Rig::Pair"

    def plan(self, input: dict[str, Any]) -> None:
        """At the same time."""
        self.plan_action(PrintingJob, {})
        self.plan_action(PrintingJob, {})


class DigestTests(SynchronousTestCase):
    """L{Digester} and L{digests}."""

    def setUp(self) -> None:
        self.engine = Engine((PrintingJob, WaitForUpdate, Chore, Pair))

    @property
    def digester(self) -> Digester:
        """Of the present life of the service."""
        return Digester(self.engine.clock, self.engine.database)

    def listed(self, words: str) -> list[str]:
        """The tasks that a search finds, the newest first."""
        wanted = parse(words, 0.0)
        return done(self.engine.database.query(lambda tx: listing.ids(tx, wanted, limit=10)))

    def found(self, *texts: str) -> list[str]:
        """The tasks with these words in their output."""
        done(self.digester.digest())
        return done(self.engine.database.query(lambda tx: listing.ids(tx, TaskQuery(texts=texts), limit=10)))

    def causes(self) -> dict[str, int]:
        """Why tasks failed."""
        done(self.digester.digest())
        found = done(self.engine.database.query(lambda tx: digests.causes(tx, 0.0)))
        return {each.cause: each.count for each in found}

    def test_words(self) -> None:
        """A phrase is found wherever its words follow one another, in any case, also by the beginning of the last."""
        first = run(self.engine, printed="cat: /etc/shadow: Permission denied\n", status=1)
        second = run(self.engine, printed="permission\ngranted, not denied\n", status=0)
        self.assertEqual(self.found("permission denied"), [first])
        self.assertEqual(self.found("PERMISSION-DEN"), [first])
        self.assertEqual(self.found("ermission"), [])
        self.assertCountEqual(self.found("permission"), [first, second])
        self.assertEqual(self.found("denied", "granted"), [second])
        self.assertEqual(self.found('"* OR', "x"), [])

    def test_what_has_printed_nothing_can_be_deleted(self) -> None:
        """It is not in the index, and what is not there is not taken out: SQLite takes that for damage."""
        silent, loud = run(self.engine), run(self.engine, printed="word\n", status=0)
        self.engine.halt(silent)
        self.assertEqual(self.found("word"), [loud])
        done(self.engine.database.commit(DeletePlans([loud])))
        done(self.engine.database.commit(DeletePlans([silent])))
        done(self.engine.database.query(lambda tx: tx.execute(_CHECK_INDEX)))

    def test_what_is_deleted_is_forgotten(self) -> None:
        """With a task its words go, and those of the others stay."""
        first, second = (run(self.engine, printed=f"common word{number}\n", status=0) for number in (1, 2))
        self.assertCountEqual(self.found("common"), [first, second])
        done(self.engine.database.commit(DeletePlans([first])))
        self.assertEqual(self.found("common"), [second])
        rows = done(
            self.engine.database.query(
                lambda tx: tx.execute("SELECT rowid FROM output_words WHERE output_words MATCH 'common'").fetchall()
            )
        )
        self.assertEqual(len(rows), 1)

    def test_only_what_has_stopped_is_looked_at(self) -> None:
        """And each task once."""
        running = run(self.engine, printed="common\n")
        run(self.engine, printed="common\n", status=0)
        self.assertEqual(done(self.digester.digest()), 1)
        self.assertEqual(done(self.digester.digest()), 0)
        self.engine.cancel(running)
        self.assertEqual(done(self.digester.digest()), 1)

    def test_causes(self) -> None:
        """Failures are counted by why they failed; what went well, or was cancelled, is none."""
        run(self.engine, status=0)
        run(self.engine, status=3)
        run(self.engine, status=3)
        run(self.engine, status="EXCEPTION", said="ssh: connect to host h port 22: Connection refused")
        self.engine.cancel(run(self.engine))
        self.assertEqual(self.causes(), {"exit-3": 2, "refused": 1})

    def test_cancelled_steps(self) -> None:
        """A task that failed because one of its steps was cancelled counts as cancelled, also over a restart."""
        for restarted in (False, True):
            task = self.engine.trigger(Chore, {}, plan_id=f"restarted-{restarted}")
            self.engine.cancel_step(task, 3)
            if restarted:
                self.engine = self.engine.crash()
            self.engine.send(task, ExternalEvent({"finish": True}))
            self.assertEqual((self.causes(), self.engine.result(task)), ({}, "error"))
            self.assertIn(task, self.listed("state:cancelled"))
        self.assertEqual(self.listed("state:failed"), [])
        self.assertEqual(done(self.engine.database.query(lambda tx: digests.cancelled(tx, 0.0))), 2)

    def test_what_else_went_wrong(self) -> None:
        """Counts, and not what came of a cancelled step; a script that ended before it heard of that has failed."""
        task = self.engine.trigger(Pair, {})
        self.engine.cancel_step(task, 6)
        self.engine.send(task, RunnerExited(3, 0.0), step_id=3)
        self.assertEqual(self.causes(), {"exit-3": 1})
        late = run(self.engine)
        self.engine.database.hold()
        Deferred.fromCoroutine(self.engine.world.interventions.cancel_step(late, 2))
        self.engine.send(late, RunnerExited(4, 0.0))
        self.engine.database.release()
        self.assertEqual(self.causes(), {"exit-3": 1, "exit-4": 1})
        self.assertCountEqual(self.listed("state:failed"), [task, late])

    def test_one_that_cannot_be_read(self) -> None:
        """It is reported once and passed over: all others are found nevertheless."""
        broken, whole = run(self.engine, printed="first\n", status=1), run(self.engine, printed="second\n", status=1)
        done(self.engine.database.commit(Damage(broken)))
        self.assertEqual(self.found("second"), [whole])
        self.assertEqual(len(self.flushLoggedErrors(DecodeError)), 1)
        self.assertEqual((self.found("first"), done(self.digester.digest())), ([], 0))

    def test_by_itself(self) -> None:
        """The service looks without being asked."""
        digester = self.digester
        digester.startService()
        run(self.engine, status=3)
        self.engine.advance(3)
        self.assertEqual(done(digester.digest()), 0)
        self.successResultOf(digester.stopService())

    @settings(deadline=None)
    @given(st.lists(st.text("abc\n", min_size=1, max_size=9), max_size=8), st.integers(1, 12))
    def test_ends_of_a_long_output(self, texts: list[str], size: int) -> None:
        """Of an output its beginning and its end are found, each as long as is set, and never twice."""
        self.patch(digests, "INDEXED", size)
        task = run(self.engine, status=0)
        chunks = [OutputChunk(number, "stdout", 0.0, text) for number, text in enumerate(texts)]
        done(self.engine.database.commit(*(AppendOutput(task, 1, chunk) for chunk in chunks)))
        whole = "".join(texts)
        expected = whole if len(whole) <= 2 * size else whole[:size] + whole[-size:]
        self.assertEqual(done(self.engine.database.query(lambda tx: digests.text(tx, task))), expected)

    def test_the_line(self) -> None:
        """The line with the phrase is shown, and where it is, also when it was printed in pieces."""
        task = run(self.engine, status=0)
        pieces = ("one\ntwo: permi", "ssion", " denied!\nthree\n")
        chunks = [OutputChunk(number, "stdout", float(number), text) for number, text in enumerate(pieces)]
        done(self.engine.database.commit(*(AppendOutput(task, 1, chunk) for chunk in chunks)))

        def find(phrase: str) -> digests.Place | None:
            return done(self.engine.database.query(lambda tx: digests.find(tx, task, phrase)))

        self.assertEqual(find("Permission den"), digests.Place(0, 0.0, "two: permission denied!"))
        self.assertEqual(find("three"), digests.Place(2, 2.0, "three"))
        self.assertIsNone(find("mission denied"))
