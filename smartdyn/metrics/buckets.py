"""The bounds of histograms, in seconds: fine where a time is to be expected, coarse where it is an outlier."""

from __future__ import annotations

from typing import Final

LOCAL: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""What this machine does on its own: a commit, a query, an answer."""

REMOTE: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""What another machine has a part in."""

WORK: Final = (0.01, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0)
"""Jobs, and what waits for them."""
