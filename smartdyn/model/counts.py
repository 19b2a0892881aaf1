"""How the plans that an action started are doing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SubPlanCounts:
    """Disjoint counts: failed, cancelled, successful and pending ones add up to the total.

    @param failed: stopped or paused with an error or a warning, though nobody cancelled them.
    @param cancelled: ended otherwise than well after somebody asked them to end.
    @param unplanned: how many of the failed ones could not even be planned.
    """

    total: int = 0
    failed: int = 0
    cancelled: int = 0
    success: int = 0
    unplanned: int = 0

    @property
    def pending(self) -> int:
        """Those that are still under way."""
        return self.total - self.failed - self.cancelled - self.success
