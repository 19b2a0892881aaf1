"""What an answer of Foreman means, and when the next attempt is made."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.foreman import retry
from smartdyn.foreman.retry import Answer, Verdict


class RetryTests(SynchronousTestCase):
    """The decisions."""

    def test_verdicts(self) -> None:
        """Only 200 is a yes; what may get better is tried again, for a day."""
        for status, verdict in (
            (200, Verdict.DELIVERED),
            (None, Verdict.RETRY),
            (403, Verdict.RETRY),
            (429, Verdict.RETRY),
            (503, Verdict.RETRY),
            (302, Verdict.RETRY),
            (201, Verdict.RETRY),
            (400, Verdict.PARK),
            (413, Verdict.PARK),
        ):
            self.assertEqual(retry.judge(Answer(status, ""), 0.0), verdict, status)
        self.assertEqual(retry.judge(Answer(503, ""), retry.PATIENCE), Verdict.PARK)

    @given(st.integers(1, 10_000), st.floats(0, 1), st.one_of(st.none(), st.floats(0, 10_000)))
    def test_delays_are_bounded(self, attempts: int, random: float, asked: float | None) -> None:
        """Never at once, never longer than five minutes and a bit, unless Foreman asks for more."""
        delay = retry.delay(attempts, random, asked)
        wait = min(asked or 0, retry.LONGEST_WAIT)
        self.assertGreaterEqual(delay, max(0.75, wait))
        self.assertLessEqual(delay, max(retry.LONGEST_DELAY * 1.25, wait))
