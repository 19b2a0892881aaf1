"""What to paste into a shell on the machine of the service, to look at a task and to do what its page offers.

Over the unix socket, which is how the command line goes there; without one, over the network with the certificate that
this machine has. Only paths are shown, nothing of what is in the files.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from smartdyn.web.console.deeds import target, title
from smartdyn.web.requests import PREFIX
from smartdyn.web.way import USUAL_SOCKETS, Way


@dataclass(frozen=True, slots=True)
class Command:
    """The same in two ways."""

    title: str
    smartdyn: str
    curl: str


class Commands:
    """Those of one task."""

    def __init__(self, way: Way, url: str, task_id: str) -> None:
        """
        @param url: the address of the page, without a path.
        """
        self._way = way
        self._url = url
        self._task = task_id

    def all(self, deeds: Iterable[tuple[str, int]]) -> list[Command]:
        """To look at the task, and to change it.

        @param deeds: each with its step, or 0 when it is for the whole task.
        """
        return [
            Command("What happened", self._smartdyn("show"), self._curl(self._api())),
            Command("Its output", self._smartdyn("tail"), self._curl(self._api("output?follow=1"), "-N")),
            *(self._deed(deed, step) for deed, step in deeds),
        ]

    @property
    def whose(self) -> str:
        """For whom they work; nothing when that is everybody there."""
        if self._way.socket is not None:
            return "for root and for the account of the service"
        return "for whoever may read the files that they name" if self._files(key="--key") else ""

    def raw(self) -> str:
        """To have the task as Foreman gets it."""
        return self._curl(f"/tasks/{quote(self._task, safe='')}/status")

    def _deed(self, deed: str, step: int) -> Command:
        options = ["--step", str(step)] if step else []
        words = ["cancel", "--force"] if deed == "force-cancel" else [deed, *options]
        curl = self._curl(self._api(target(deed, step)), "-X", "POST", "-d", "")
        return Command(title(deed, step), self._smartdyn(*words), curl)

    def _api(self, *below: str) -> str:
        return "/".join(["/api/tasks", quote(self._task, safe=""), *below])

    def _smartdyn(self, *words: str) -> str:
        way = self._way
        options: list[str] = []
        if way.socket is None:
            options = ["--url", self._url, *self._files(ca="--ca", certificate="--cert", key="--key")]
        elif way.socket not in USUAL_SOCKETS:
            options = ["--socket", str(way.socket)]
        return shlex.join(["smartdyn", "tasks", *words, *options, self._task])

    def _curl(self, path: str, *options: str) -> str:
        socket = self._way.socket
        if socket is not None:
            reach, url = ["--unix-socket", str(socket)], "http://localhost"
        else:
            reach, url = self._files(ca="--cacert", certificate="--cert", key="--key"), self._url
        return shlex.join(["curl", *reach, *options, f"{url}{PREFIX}{path}"])

    def _files(self, **options: str) -> list[str]:
        """The files for TLS, as options of these names."""
        if not self._url.startswith("https:"):
            return []
        files = ((option, getattr(self._way, name)) for name, option in options.items())
        return [word for option, path in files if path is not None for word in (option, str(path))]
