"""Answers that are kept until something is written."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.errors import PlanNotFound
from smartdyn.web.unchanged import Unchanged


class UnchangedTests(SynchronousTestCase):
    """L{Unchanged}."""

    def setUp(self) -> None:
        self.version = 0
        self.asked: list[Deferred[bytes]] = []
        self.unchanged = Unchanged(lambda: self.version)

    def make(self) -> Awaitable[bytes]:
        """Ask the database, which answers when the test says so."""
        self.asked.append(Deferred())
        return self.asked[-1]

    def get(self, key: Any = "status") -> Deferred[bytes]:
        """Ask for an answer."""
        return Deferred.fromCoroutine(self.unchanged.get(key, self.make))

    def answered(self, body: bytes, key: Any = "status") -> None:
        """Ask, and let the database answer at once."""
        asked = self.get(key)
        self.asked[-1].callback(body)
        self.assertEqual(self.successResultOf(asked), body)

    def test_nothing_was_written(self) -> None:
        """The database is asked once for each question."""
        self.answered(b"one")
        self.answered(b"two", "count")
        self.assertEqual(self.successResultOf(self.get()), b"one")
        self.assertEqual(self.successResultOf(self.get("count")), b"two")
        self.assertEqual(len(self.asked), 2)

    def test_something_was_written(self) -> None:
        """What was read before does not count any more."""
        self.answered(b"old")
        self.version += 1
        self.answered(b"new")
        self.assertEqual(self.successResultOf(self.get()), b"new")

    def test_a_commit_while_the_database_is_asked(self) -> None:
        """What may be older than the commit is given to who asked before it, and to nobody later."""
        early = self.get()
        self.version += 1
        self.asked[0].callback(b"old")
        self.assertEqual(self.successResultOf(early), b"old")
        self.answered(b"new")

    def test_a_slow_answer_after_a_fresh_one(self) -> None:
        """An answer from before a commit does not take the place of one from after it."""
        early = self.get()
        self.version += 1
        late = self.get()
        self.asked[1].callback(b"new")
        self.asked[0].callback(b"old")
        self.assertEqual((self.successResultOf(early), self.successResultOf(late)), (b"old", b"new"))
        self.assertEqual(self.successResultOf(self.get()), b"new")

    def test_errors(self) -> None:
        """A task that was unknown is looked for again."""
        asked = self.get()
        self.asked[0].errback(PlanNotFound("p"))
        self.failureResultOf(asked, PlanNotFound)
        self.answered(b"there")

    def test_long_answers(self) -> None:
        """Are not kept: memory has a limit."""
        self.answered(b"x" * 100_000)
        self.answered(b"x" * 100_000)
