"""The address of a list of tasks, in which all of its state is: search, order, size, place, and what is unfolded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

from smartdyn.errors import InvalidRequest
from smartdyn.model.order import NEWEST, Order, SortKey, order
from smartdyn.model.query import EVERYTHING, NO_PARENT, TaskQuery
from smartdyn.web.arguments import argument, number

USUAL_SIZE: Final = 50
SIZES: Final = (20, USUAL_SIZE, 100, 200)
"""How many tasks a page may have."""

_MOST_OPENED: Final = 50
_DESCENDING: Final = {SortKey.CREATED, SortKey.STARTED, SortKey.ENDED, SortKey.TOOK}
"""What people want to see the last, or the longest, of first."""

TITLES: Final[Mapping[SortKey, str]] = {
    SortKey.LABEL: "Task",
    SortKey.STATE: "State",
    SortKey.HOST: "Host",
    SortKey.CREATED: "Created (UTC)",
    SortKey.STARTED: "Started",
    SortKey.ENDED: "Ended",
    SortKey.TOOK: "Took",
}
"""Columns that can be sorted by."""


@dataclass(frozen=True, slots=True)
class Heading:
    """The head of a column.

    @param query: what sorts by it; when it is already sorted by, the other way round.
    @param sorted: C{ascending} or C{descending}, as C{aria-sort} has it; None when it is not sorted by.
    """

    key: SortKey
    title: str
    query: str
    sorted: str | None


@dataclass(frozen=True, slots=True)
class ListAddress:
    """
    @param words: the search, as it was typed.
    @param size: tasks on a page.
    @param before: where the page begins; nothing for the first.
    @param opened: tasks of which those that they launched are listed, too.
    """

    words: str = ""
    order: Order = NEWEST
    size: int = USUAL_SIZE
    before: str = ""
    opened: tuple[str, ...] = ()

    @property
    def is_nested(self) -> bool:
        """Do tasks stand below those that launched them? In another order that would tear apart what is sorted."""
        return self.order.key is SortKey.CREATED

    @property
    def is_usual(self) -> bool:
        """Are the newest the first?"""
        return self.order == NEWEST

    def search(self, wanted: TaskQuery) -> TaskQuery:
        """What is listed: of all tasks, those that no other launched, for the others are folded up below them."""
        return TaskQuery(parent=NO_PARENT) if self.is_nested and wanted == EVERYTHING else wanted

    def headings(self) -> Iterator[Heading]:
        """The columns, from left to right."""
        for key, title in TITLES.items():
            is_sorted = key is self.order.key
            descending = not self.order.descending if is_sorted else key in _DESCENDING
            direction = "descending" if self.order.descending else "ascending"
            first = replace(self, order=Order(key, descending), before="", opened=())
            yield Heading(key, title, first.query, direction if is_sorted else None)

    def page(self, before: str | None) -> ListAddress:
        """Another page of the list: the first, or that which begins behind a place."""
        return replace(self, before=before or "", opened=())

    def sized(self, size: int) -> ListAddress:
        """The first page, of another size."""
        return replace(self, size=size, before="", opened=())

    def toggled(self, task_id: str) -> ListAddress:
        """The same page, with a task unfolded, or folded up again."""
        others = tuple(each for each in self.opened if each != task_id)
        return replace(self, opened=others if task_id in self.opened else (*others, task_id)[-_MOST_OPENED:])

    @property
    def query(self) -> str:
        """What stands behind the path; what is as usual is left out."""
        given: list[tuple[str, str | int]] = [
            ("q", self.words),
            ("sort", "" if self.order == NEWEST else str(self.order)),
            ("per_page", "" if self.size == USUAL_SIZE else self.size),
            ("before", self.before),
            *(("open", each) for each in self.opened),
        ]
        present = [(name, value) for name, value in given if value != ""]
        return f"?{urlencode(present)}" if present else ""


def asked(request: Any) -> ListAddress:
    """The list that a request is for.

    @raise InvalidRequest: there is no such order, or no page of that size.
    """
    size = number(request, "per_page", USUAL_SIZE)
    if not 1 <= size <= SIZES[-1]:
        raise InvalidRequest(f"`per_page` must be between 1 and {SIZES[-1]}, not {size}.")
    opened = (each.decode("utf-8", "replace") for each in request.args.get(b"open", []))
    return ListAddress(
        argument(request, "q"),
        order(argument(request, "sort")),
        size,
        argument(request, "before"),
        tuple(opened)[:_MOST_OPENED],
    )
