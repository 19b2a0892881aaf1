"""What a check says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smartdyn.doctor.context import Context


class Status(Enum):
    """How bad it is."""

    OK = "ok"
    NOT_APPLICABLE = "not applicable"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    @param text: a line: what is wrong, or how well it is.
    @param fix: a line: what to do; empty when there is nothing to be done.
    """

    status: Status
    text: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at.

    @param id: how it is called, in one word.
    @param title: what it is about.
    @param waits: it may take its time, because others have to answer: it is made beside all others.
    """

    id: str
    title: str
    look: Callable[[Context], Verdict]
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check has said."""

    id: str
    kind: str
    title: str
    verdict: Verdict


def ok(text: str) -> Verdict:
    """Nothing is wrong."""
    return Verdict(Status.OK, text)


def not_applicable(text: str) -> Verdict:
    """There is nothing to look at, and that is as it may be."""
    return Verdict(Status.NOT_APPLICABLE, text)


def warning(text: str, fix: str) -> Verdict:
    """It works, and may not for long, or not as it is meant."""
    return Verdict(Status.WARNING, text, fix)


def error(text: str, fix: str) -> Verdict:
    """It does not work."""
    return Verdict(Status.ERROR, text, fix)


def worst(verdicts: Sequence[Verdict], fine: str) -> Verdict:
    """The worst of several, which says how many others there are.

    @param fine: what is said when nothing is wrong.
    """
    bad = [each for each in verdicts if each.status in (Status.ERROR, Status.WARNING)]
    if not bad:
        return ok(fine)
    first = next((each for each in bad if each.status is Status.ERROR), bad[0])
    more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
    return Verdict(first.status, f"{first.text}{more}", first.fix)
