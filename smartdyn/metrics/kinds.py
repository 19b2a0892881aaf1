"""Labels whose values are known beforehand, whatever others send."""

from __future__ import annotations

from collections.abc import Container


def known(value: str, values: Container[str]) -> str:
    """C{value} if it is one of those that may be a label, else C{other}."""
    return value if value in values else "other"
