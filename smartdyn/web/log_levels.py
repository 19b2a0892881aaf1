"""The route on which admins set, while the service runs, what is logged."""

from __future__ import annotations

from twisted.web.iweb import IRequest

from smartdyn.actions.control import Control
from smartdyn.log.control import LevelControl
from smartdyn.web import records
from smartdyn.web.peers import actor_of
from smartdyn.web.requests import read_json, send_json
from smartdyn.web.route import Route


class LogLevelApi:
    """C{/logs/levels}."""

    def __init__(self, levels: LevelControl, control: Control) -> None:
        self._levels = levels
        self._control = control

    def routes(self) -> list[Route]:
        """Look, and set."""
        path = "/logs/levels"
        return [
            Route("GET", path, self.show, answer=records.LogLevels),
            Route("PUT", path, self.set, body=records.WantedLogLevels, answer=records.LogLevels),
        ]

    async def show(self, request: IRequest) -> bytes:
        """The levels in force."""
        return self._send(request)

    async def set(self, request: IRequest) -> bytes:
        """Let other levels count than those of the settings, for a while or until the next start."""
        wanted = read_json(request, records.WantedLogLevels)

        async def work() -> None:
            self._levels.set(wanted.levels, wanted.for_seconds)

        said = ", ".join(f"{part} {level}" for part, level in sorted(wanted.levels.items())) or "those of the settings"
        lasting = "until the next start" if wanted.for_seconds is None else f"for {wanted.for_seconds:g} s"
        await self._control.ledger.recorded(
            actor_of(request, "api"), "set log levels", said, work, lambda _: f"They count {lasting}."
        )
        return self._send(request)

    def _send(self, request: IRequest) -> bytes:
        state = self._levels.state()
        body = {
            "default": state.default,
            "configured": dict(state.configured),
            "overridden": dict(state.overridden),
            "until": state.until,
        }
        return send_json(request, body)
