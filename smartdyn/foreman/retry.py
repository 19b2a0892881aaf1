"""What an answer of Foreman to a callback means: pure decisions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

FIRST_DELAY = 1.0
LONGEST_DELAY = 300.0
"""Seconds between attempts, doubled each time up to the longest."""

LONGEST_WAIT = 3600.0
"""Seconds that we wait at most when Foreman asks for it: what it says may be nonsense, and results are wanted."""

PATIENCE = 24 * 3600.0
"""Seconds after which a callback is parked."""

_RETRIED = frozenset({403, 408, 425, 429})


class Verdict(Enum):
    """What is to be done with a callback."""

    DELIVERED = "delivered"
    RETRY = "retry"
    PARK = "park"


@dataclass(frozen=True, slots=True)
class Answer:
    """How an attempt came out.

    @param status: the HTTP status, None when there was none.
    @param text: what was said, or what went wrong.
    @param retry_after: seconds that Foreman asks us to wait.
    """

    status: int | None
    text: str
    retry_after: float | None = None


def judge(answer: Answer, age: float) -> Verdict:
    """Foreman took it only if it said 200.

    A refusal (403) is tried again, since certificates and registrations get repaired; a request that Foreman cannot
    understand or does not know will not become better by repeating it.

    @param age: seconds since the job ended.
    """
    if answer.status == 200:
        return Verdict.DELIVERED
    if age >= PATIENCE:
        return Verdict.PARK
    if answer.status is None or answer.status in _RETRIED or answer.status >= 500 or answer.status < 400:
        return Verdict.RETRY
    return Verdict.PARK


def delay(attempts: int, random: float, retry_after: float | None = None) -> float:
    """Seconds until the next attempt.

    @param attempts: how many were made.
    @param random: between 0 and 1; spreads the attempts of many callbacks.
    """
    backed_off: float = min(FIRST_DELAY * 2.0 ** min(attempts - 1, 20), LONGEST_DELAY)
    return float(max(backed_off * (0.75 + random / 2), min(retry_after or 0.0, LONGEST_WAIT)))
