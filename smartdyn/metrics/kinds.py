"""Labels whose values are known beforehand, whatever others send."""

from __future__ import annotations

from collections.abc import Container, Iterable

from prometheus_client import Counter


def known(value: str, values: Container[str]) -> str:
    """C{value} if it is one of those that may be a label, else C{other}."""
    return value if value in values else "other"


def prepare(counter: Counter, values: Iterable[str]) -> None:
    """Let a counter with one label begin with nought: an increase from nothing is none that Prometheus could see."""
    for value in values:
        counter.labels(value)
