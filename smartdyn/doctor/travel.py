"""Runs a reactor for as long as a visit takes."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from smartdyn.doctor.context import Context
from smartdyn.doctor.visit import Destination, Visit, visit
from smartdyn.errors import SmartdynError


def go(context: Context, destination: Destination) -> Visit:
    """Visit a host.

    @raise smartdyn.errors.InvalidRequest: the destination is none.
    """
    outcome: list[Visit | SmartdynError] = []

    async def main(reactor: Any) -> None:
        try:
            outcome.append(await visit(reactor, context, destination))
        except SmartdynError as error:
            outcome.append(error)

    try:
        react(lambda reactor: Deferred.fromCoroutine(main(reactor)))
    except SystemExit:
        # That is how react() ends; it has printed the traceback of what was not expected
        if not outcome:
            raise
    if isinstance(outcome[0], SmartdynError):
        raise outcome[0]
    return outcome[0]
