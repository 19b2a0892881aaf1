"""Whether the service can do its work."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.engine.intake import Drain, Intake
from smartdyn.errors import StoreError
from smartdyn.health import readiness
from smartdyn.health.moving import OUTBOX_LIMIT
from smartdyn.health.readiness import Readiness
from smartdyn.store.database import Database
from smartdyn.store.memory import MemoryDatabase
from smartdyn.store.worlds import StartWorld, Touch
from smartdyn.testing.engine import done


@dataclass
class Part:
    """An outbox and a watch over certificates, as a test wants them."""

    busy_for: float = 0.0
    under_way: int = 0
    expired: list[str] = field(default_factory=list)

    def problems(self) -> list[str]:
        """Of certificates."""
        return self.expired

    def expiries(self) -> dict[Path, Any]:
        """When they expire."""
        return {}


class Watched(MemoryDatabase):
    """A database with a file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.writing_for = 0.0
        self.trouble: str | None = None


class ReadinessTests(SynchronousTestCase):
    """L{Readiness}."""

    def setUp(self) -> None:
        self.database = Watched(Path(self.mktemp()).absolute())
        self.part = part = Part()
        others: Any = part
        database: Any = self.database
        self.intake = Intake()
        self.clock = Clock()
        self.readiness = Readiness(self.clock, database, others, others, "w", lambda: True, self.intake)
        done(self.database.commit(StartWorld("w", "h", 1, 0.0)))

    def blocked(self) -> dict[str, str]:
        """What keeps the service from its work."""
        return {item.name: item.text for item in done(self.readiness.look()) if item.blocks}

    def test_all_is_well(self) -> None:
        """Nothing is in the way, and everything that is looked at is named."""
        self.assertEqual(self.blocked(), {})
        names = [item.name for item in done(self.readiness.look())]
        self.assertEqual(names, ["recovery", "database", "disk", "outbox", "certificates", "draining"])

    def test_the_start(self) -> None:
        """While unfinished tasks are taken up, the service is not ready."""
        self.readiness = replace(self.readiness, has_recovered=lambda: False)
        self.assertEqual(list(self.blocked()), ["recovery"])

    def test_draining(self) -> None:
        """Who wants no new tasks is left alone, and it is said who wants that."""
        self.intake.close(Drain("alice", 0.0))
        self.assertIn("alice is draining", self.blocked()["draining"])

    def test_a_database_that_could_not_write(self) -> None:
        """After a commit has failed another one is tried: the reason stays as long as that fails."""
        self.database.trouble = "The database cannot be written: disk I/O error"
        self.database.fail_next(StoreError("still not"))
        self.assertEqual(self.blocked(), {"database": "still not"})
        self.assertEqual(self.blocked(), {})

    def test_a_commit_that_never_ends(self) -> None:
        """Nothing is asked of a writer that does not come back."""
        self.database.writing_for = 11.0
        self.database.trouble = "before"
        self.assertIn("under way for 11 s", self.blocked()["database"])

    def test_a_database_that_does_not_answer(self) -> None:
        """Who asks is told so after a while, with what was wrong before, if anything was."""
        self.patch(self.database, "query", lambda reader: Deferred())
        for trouble, reason in (
            (None, "locked by another process"),
            ("The database cannot be written: x", "written: x"),
        ):
            self.database.trouble = trouble
            looking = Deferred.fromCoroutine(self.readiness.look())
            self.assertNoResult(looking)
            self.clock.advance(5)
            (text,) = [item.text for item in self.successResultOf(looking) if item.blocks]
            self.assertIn("has not answered within 5 s", text)
            self.assertIn(reason, text)

    def test_the_outbox(self) -> None:
        """A request that never ends is a reason."""
        self.part.busy_for = OUTBOX_LIMIT + 1
        self.assertEqual(list(self.blocked()), ["outbox"])

    def test_certificates(self) -> None:
        """One that nobody accepts any more is a reason."""
        self.part.expired = ["The certificate a.pem has expired."]
        self.assertEqual(self.blocked(), {"certificates": "The certificate a.pem has expired."})

    def test_the_disk(self) -> None:
        """Little room is to be seen, hardly any is a reason, and so is a folder that is gone."""
        free = os.statvfs(self.database.path.parent)
        more = free.f_bavail * free.f_frsize + 10**9
        self.patch(readiness, "_LITTLE", more)
        (disk,) = [item for item in done(self.readiness.look()) if item.name == "disk"]
        self.assertEqual((disk.ok, disk.blocks), (False, False))
        self.patch(readiness, "_FULL", more)
        self.assertIn("Make room there", self.blocked()["disk"])
        self.database.path = Path("/nowhere/at/all.sqlite")
        self.assertIn("Check its owner", self.blocked()["disk"])


class TouchTests(SynchronousTestCase):
    """L{Touch}."""

    def test_it_writes_and_changes_nothing(self) -> None:
        """A row is written, so the disk is needed, and it is as before."""
        database: Database = MemoryDatabase()
        done(database.commit(StartWorld("w", "h", 7, 0.0)))

        def changes(tx: Any) -> Any:
            return tx.execute("SELECT total_changes(), pid FROM worlds").fetchone()

        before, _ = done(database.query(changes))
        done(database.commit(Touch("w")))
        self.assertEqual(done(database.query(changes)), (before + 2, 7))
