"""The one table that maps errors to HTTP."""

from __future__ import annotations

from smartdyn.errors import (
    Draining,
    InvalidRequest,
    MatchesChanged,
    NothingToSend,
    NotPossibleNow,
    PlanConflict,
    PlanNotFound,
    ShuttingDown,
    SmartdynError,
    StoreError,
    TooManyViewers,
    UnknownAction,
    UnknownOperation,
)
from smartdyn.web.authorization import Forbidden

STATUS_OF: tuple[tuple[type[SmartdynError], int], ...] = (
    (InvalidRequest, 400),
    (Forbidden, 403),
    (PlanNotFound, 404),
    (UnknownOperation, 404),
    (UnknownAction, 404),
    (PlanConflict, 409),
    (NotPossibleNow, 409),
    (NothingToSend, 409),
    (MatchesChanged, 409),
    (Draining, 503),
    (ShuttingDown, 503),
    (TooManyViewers, 503),
    (StoreError, 503),
)

UNEXPECTED = "Something went wrong here; the log of smartdyn says what."


def status_of(error: SmartdynError) -> int:
    """The HTTP status for an error; 500 for one that no caller can do anything about."""
    return next((status for kind, status in STATUS_OF if isinstance(error, kind)), 500)
