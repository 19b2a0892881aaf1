"""What monitors ask: whether the process moves, and whether the service can do its work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from twisted.web.iweb import IRequest

from smartdyn.model.overview import HealthItem
from smartdyn.web import records
from smartdyn.web.requests import send_json
from smartdyn.web.route import Route


class HealthApi:
    """C{/health}."""

    def __init__(
        self, health: Callable[[], Awaitable[Sequence[HealthItem]]], standing_still: Callable[[], Sequence[str]]
    ) -> None:
        """
        @param health: how what the service needs is.
        @param standing_still: what does not move any more; nothing when all is well.
        """
        self._health = health
        self._standing_still = standing_still

    def routes(self) -> list[Route]:
        """Both."""
        return [
            Route("GET", "/health/live", self.live, answer=records.Alive, statuses=(200, 503)),
            Route("GET", "/health/ready", self.ready, answer=records.Ready, statuses=(200, 503)),
        ]

    async def live(self, request: IRequest) -> bytes:
        """The process moves, or a restart would help it."""
        problems = list(self._standing_still())
        body = {"status": "stuck" if problems else "alive", "reasons": problems}
        return send_json(request, body, 503 if problems else 200)

    async def ready(self, request: IRequest) -> bytes:
        """The service can do its work, or why it cannot."""
        items = await self._health()
        reasons = [item.text for item in items if item.blocks]
        body = {
            "ready": not reasons,
            "reasons": reasons,
            "checks": {item.name: {"ok": item.ok, "blocks": item.blocks, "text": item.text} for item in items},
        }
        return send_json(request, body, 503 if reasons else 200)
