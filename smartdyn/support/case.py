"""What is asked of whoever collects something for a support case."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from smartdyn.doctor.context import Context


@dataclass(frozen=True, slots=True)
class Case:
    """
    @param context: the installation.
    @param ask: the answer of the running service to C{GET}.
    @param tasks: those that the case is about: ids, or how they begin.
    @param with_output: also their scripts and what they printed.
    """

    context: Context
    ask: Callable[[str], bytes]
    tasks: tuple[str, ...] = ()
    with_output: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """A file of the bundle.

    @param content: text, or a value that becomes JSON.
    """

    name: str
    content: Any


@dataclass(frozen=True, slots=True)
class Collector:
    """
    @param title: what it finds out.
    @param collect: raises whatever keeps it from that.
    """

    name: str
    title: str
    collect: Callable[[Case], Iterable[Piece]]
