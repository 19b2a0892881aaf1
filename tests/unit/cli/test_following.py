"""Output that is followed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.cli import following
from smartdyn.cli.client import Service
from smartdyn.cli.following import follow

FIRST, SECOND = ({"position": position, "action": 1, "text": str(position)} for position in range(2))
PAUSED, OVER = ({"over": over, "state": state} for over, state in ((False, "paused"), (True, "stopped")))


class Played:
    """Gives one answer after the other, and keeps what it was asked."""

    def __init__(self, *answers: list[Any]) -> None:
        self._answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def lines(self, *path: str, **query: Any) -> Iterator[Any]:
        """The next one."""
        self.asked.append(query)
        return iter(self._answers.pop(0))


class PausedTests(SynchronousTestCase):
    """L{follow}, of a task that is paused and then resumed."""

    def setUp(self) -> None:
        self.patch(following, "_DECISION", 0)
        self.service = Played([FIRST, PAUSED], [SECOND, OVER])

    def follow(self, *, decided: bool) -> list[Any]:
        """What comes."""
        return list(follow(cast("Service", self.service), "id", decided=decided))

    def test_the_pause_is_an_end(self) -> None:
        """Nothing comes until somebody decides."""
        self.assertEqual(self.follow(decided=False), [FIRST, PAUSED])

    def test_the_decision_is_awaited(self) -> None:
        """It goes on behind the last piece, and the pause is not told of."""
        self.assertEqual(self.follow(decided=True), [FIRST, SECOND, OVER])
        self.assertEqual(self.service.asked[1], {"follow": 1, "after": 1, "action": 1})
