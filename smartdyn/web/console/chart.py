"""Numbers over time as small columns, drawn on the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smartdyn.model.internals import Trends

_WIDTH, _HEIGHT, _GAP = 8, 48, 2


@dataclass(frozen=True, slots=True)
class Chart:
    """
    @param columns: for each number, where its column is: x, y, width, height.
    @param summary: the same in words.
    """

    width: int
    height: int
    columns: tuple[tuple[int, int, int, int], ...]
    summary: str


def columns(numbers: Sequence[int]) -> Chart:
    """A chart of how many there were in each minute, the last one at the right."""
    most = max(numbers, default=0)
    return _chart(numbers, f"{sum(numbers)} in {len(numbers)} minutes, at most {most} in one")


def levels(numbers: Sequence[int], unit: str = "") -> Chart:
    """A chart of how high something stood in each minute, the last one at the right."""
    now, most = (f"{number} {unit}".rstrip() for number in ([0, *numbers][-1], max(numbers, default=0)))
    return _chart(numbers, f"{now} now, at most {most}")


def of_service(throughput: Sequence[int], trends: Trends) -> list[tuple[str, Chart]]:
    """How the service is doing, chart by chart with their names."""
    return [
        ("Tasks that ended", columns(throughput)),
        ("Running", levels(trends.running)),
        ("Waiting for their turn", levels(trends.waiting)),
        ("Waiting for Foreman", levels(trends.unreported)),
        ("Late by", levels(trends.late, "ms")),
    ]


def _chart(numbers: Sequence[int], summary: str) -> Chart:
    most = max(numbers, default=0)
    heights = [round(number / most * _HEIGHT) if most else 0 for number in numbers]
    shown = tuple(
        (index * (_WIDTH + _GAP), _HEIGHT - height, _WIDTH, height) for index, height in enumerate(heights) if height
    )
    return Chart(len(numbers) * (_WIDTH + _GAP), _HEIGHT, shown, summary)
