"""What a database tells for a support case."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.errors import PlanNotFound, StoreError
from smartdyn.model.views import OutputChunk
from smartdyn.store import casefile
from smartdyn.store.output import AppendOutput
from smartdyn.testing import done
from tests.support.disk import database_at
from tests.support.engine import Engine
from tests.support.jobs import PrintingJob


class CaseTests(SynchronousTestCase):
    """L{casefile}."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.database = database_at(self.path)
        self.addCleanup(lambda: done(self.database.close()))
        self.engine = Engine((PrintingJob,), database=self.database)
        given = {"host": "web1", "printed": "quite secret", "script": "also secret", "status": 1}
        self.bad = self.engine.trigger(PrintingJob, given, plan_id="abcd0000")
        self.engine.trigger(PrintingJob, {"host": "web2", "printed": "fine", "status": 0}, plan_id="abcd1111")
        done(self.engine.digester.digest())

    def test_numbers(self) -> None:
        """Sizes, states, causes."""
        found = casefile.numbers(self.path, self.engine.clock.seconds())
        self.assertEqual([each["count"] for each in found["tasks"]], [1, 1])
        self.assertEqual([each["cause"] for each in found["causes of 30 days"]], ["exit-1"])
        self.assertIn(self.path.name, found["files"])

    def test_failures_in_short(self) -> None:
        """Nothing that was given or printed is in it."""
        (task,) = casefile.failed(self.path)
        self.assertEqual((task["id"], task["host"], task["cause"]), (self.bad, "web1", "exit-1"))
        self.assertEqual(task["output"]["characters"], len("quite secret"))
        self.assertNotIn("secret", str(task))

    def test_the_beginning_of_an_id(self) -> None:
        """Is enough if it is that of one task; a wrong one finds none, and neither does one that is too short."""
        self.assertEqual(casefile.in_short(self.path, "abcd0")["id"], self.bad)
        for wrong in ("abcd", "abc", "nothing", ""):
            self.assertRaises(PlanNotFound, casefile.in_short, self.path, wrong)

    def test_everything(self) -> None:
        """The script, and the end of the output from the beginning of a line."""
        record, output = casefile.everything(self.path, self.bad)
        self.assertEqual(record["actions"][0]["input"]["script"], "also secret")
        self.assertIn("quite secret", output)
        line = "x" * 98 + "y\n"
        chunks = [OutputChunk(number + 10, "stdout", 0.0, line * 1000) for number in range(12)]
        done(self.database.commit(*(AppendOutput(self.bad, 1, chunk) for chunk in chunks)))
        _, output = casefile.everything(self.path, self.bad)
        head, _, rest = output.partition("\n")
        self.assertEqual((head, len(rest) % 100, rest[:99]), ("[the beginning is left out]", 0, line[:-1]))
        self.assertLess(len(output), 1_000_100)

    def test_no_database(self) -> None:
        """Is an error that says so."""
        self.assertRaises(StoreError, casefile.failed, Path(self.mktemp()))
