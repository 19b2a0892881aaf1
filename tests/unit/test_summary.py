"""The plain line for machines."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tools.summary import add_up, summary


class SummaryTests(SynchronousTestCase):
    """L{summary} of what L{add_up} found."""

    def line(self, *lines: str) -> str:
        """The summary of a log."""
        return summary(add_up(lines))

    def test_runs_are_added(self) -> None:
        """Several closing lines count together."""
        self.assertEqual(
            self.line("PASSED (successes=3)", "x", "PASSED (skips=1, successes=4)"), "7 passed, 0 failed, 1 skipped"
        )

    def test_failures_and_errors_are_failures(self) -> None:
        """All that went wrong is counted."""
        self.assertEqual(self.line("FAILED (failures=1, errors=2, successes=5)"), "5 passed, 3 failed")

    def test_a_log_without_tests(self) -> None:
        """Nothing passed: whoever reads it must not take it for success."""
        self.assertEqual(self.line("Ran 0 tests", "PASSED"), "0 passed, 0 failed")
