"""Identifiers of plans, worlds and runners."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TypeAlias

NewId: TypeAlias = Callable[[], str]
"""Makes a fresh identifier; passed in, so that tests can foresee it."""


def random_id() -> str:
    """A random UUID in lower case, as Dynflow's plans have."""
    return str(uuid.uuid4())
