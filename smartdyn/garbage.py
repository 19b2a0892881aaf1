"""How often Python looks for garbage that reference counting does not see: there is next to none."""

from __future__ import annotations

import gc

_THRESHOLDS = (5_000, 10, 5)
"""How many more objects there must be for a look at the young ones, and how many looks make one at the older ones.

All are looked at when there are 250,000 more: connections that are over, which do go round in circles, wait for that.
"""


def collect_seldom() -> None:
    """Leave out what is loaded by now, which stays until the end, and look seldom at the rest.

    With Python's own thresholds, which count what tasks consist of like anything else, these looks took a fifth of the
    CPU time of a launch of trivial tasks.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
