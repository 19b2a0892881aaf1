"""What a watchdog asks."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.health.moving import OUTBOX_LIMIT, READER_LIMIT, WRITER_LIMIT, standing_still


@dataclass
class Part:
    """A database, or a courier, that has been at something for so long."""

    writing_for: float = 0.0
    reading_for: float = 0.0
    busy_for: float = 0.0


class MovingTests(SynchronousTestCase):
    """L{standing_still}."""

    def test_what_moves_is_not_spoken_of(self) -> None:
        """Neither a part that is idle nor one that is slow stands still."""
        self.assertEqual(standing_still(Part(), Part()), [])
        slow = Part(writing_for=WRITER_LIMIT, reading_for=READER_LIMIT)
        self.assertEqual(standing_still(slow, Part(busy_for=OUTBOX_LIMIT)), [])

    def test_a_commit_that_never_ends(self) -> None:
        """The writer is named, with what to look at."""
        (said,) = standing_still(Part(writing_for=WRITER_LIMIT + 1), Part())
        self.assertEqual(said, "A commit to the database has been under way for 121 s. Check its disk.")

    def test_a_read_that_never_ends(self) -> None:
        """The database is named, with what to look at."""
        (said,) = standing_still(Part(reading_for=READER_LIMIT + 1), Part())
        self.assertEqual(said, "The database has not answered for 121 s. Check its disk.")

    def test_a_request_that_never_ends(self) -> None:
        """The outbox is named."""
        (said,) = standing_still(Part(), Part(busy_for=OUTBOX_LIMIT + 1))
        self.assertEqual(said, "The outbox has been busy with one thing for 1201 s.")
