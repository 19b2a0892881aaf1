"""The route on which Foreman reads our log (SP modules/logs)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twisted.web.iweb import IRequest

from smartdyn.errors import InvalidRequest
from smartdyn.log.buffer import LogBuffer
from smartdyn.web import records
from smartdyn.web.requests import send_json
from smartdyn.web.route import Route

_LEVEL_OF_TAIL = 3
"""Ruby's number for errors."""


class LogApi:
    """C{/logs}."""

    def __init__(self, logs: LogBuffer, failed: Callable[[], Mapping[str, str]]) -> None:
        """
        @param failed: why modules that should run do not, by name.
        """
        self._logs = logs
        self._failed = failed

    def routes(self) -> list[Route]:
        """The one."""
        return [Route("GET", "/logs", self.logs, slash=True, query=("from_timestamp",), answer=records.Logs)]

    async def logs(self, request: IRequest) -> bytes:
        """The lines after C{from_timestamp}, and how many are kept."""
        arguments: dict[bytes, list[bytes]] = request.args or {}
        given = arguments.get(b"from_timestamp", [b"0"])[-1]
        try:
            timestamp = float(given or b"0")
        except ValueError:
            raise InvalidRequest("`from_timestamp` must be a number of seconds since the epoch.") from None
        info = {
            "size": self._logs.size,
            "tail_size": self._logs.tail_size,
            "level": None,
            "level_tail": _LEVEL_OF_TAIL,
            "failed_modules": dict(self._failed()),
        }
        return send_json(request, {"info": info, "logs": [line.to_json() for line in self._logs.since(timestamp)]})
