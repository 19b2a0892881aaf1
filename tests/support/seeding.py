"""The services of L{tests.support.seeds}, started once for all tests of the process."""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
from dataclasses import dataclass

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SkipTest

from tests.support import sshd
from tests.support.service import ROOT

_LIMIT = 60


@dataclass(frozen=True, slots=True)
class Seeded:
    """One of the services.

    @param tasks: their ids, by what happened to them.
    """

    url: str
    tasks: dict[str, str]

    @property
    def console(self) -> str:
        """Where its pages are."""
        return f"{self.url}/console"


@dataclass(frozen=True, slots=True)
class SeededServices:
    """All of them, the port of a host that lets them in, and of one that says nothing.

    @param answering: Foreman takes its callbacks.
    @param unreachable: Foreman cannot be reached from it.
    @param expired: the certificate of its Foreman has expired.
    """

    ssh_port: int
    silent_port: int
    answering: Seeded
    unreachable: Seeded
    expired: Seeded

    def all(self) -> tuple[Seeded, ...]:
        """Each of them."""
        return self.answering, self.unreachable, self.expired


_started: list[SeededServices] = []


async def shared() -> SeededServices:
    """The services; they end with the process.

    @raise SkipTest: there can be no hosts here.
    """
    if reason := sshd.missing():
        raise SkipTest(reason)
    if not _started:
        _started.append(await deferToThread(_start))
    return _started[0]


def _start() -> SeededServices:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.seeds"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    atexit.register(_end, process)
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("the seeded services did not start; run `python -m tests.support.seeds` to see why")
    found = json.loads(line)
    return SeededServices(
        found["ssh_port"],
        found["silent_port"],
        *(Seeded(**found[name]) for name in ("answering", "unreachable", "expired")),
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.communicate(timeout=_LIMIT)
