"""Tells of certificates before they expire."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from smartdyn.aio import Spawner, sleep
from smartdyn.errors import SettingsError
from smartdyn.web.tls import expires_at

_DAY = 86400.0
_NOTICE = timedelta(days=30)


class CertificateWatch(Service):
    """Looks at our certificates once a day."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, now: Callable[[], float], files: Sequence[Path]) -> None:
        """
        @param now: the time of day, seconds since the epoch.
        @ivar files: may be replaced; the new ones are looked at from then on.
        """
        self._clock = clock
        self._now = now
        self.files = files
        self.spawner = Spawner(clock)

    def startService(self) -> None:
        super().startService()
        self.spawner.spawn("watching certificates", self._watch())

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return self.spawner.stop()

    def expiries(self) -> dict[Path, datetime]:
        """When the certificates expire, as far as they can be read."""
        found = {}
        for path in self.files:
            try:
                found[path] = expires_at(path)
            except (SettingsError, ValueError):
                continue
        return found

    def problems(self) -> list[str]:
        """The certificates that nobody accepts any more."""
        now = datetime.fromtimestamp(self._now(), UTC)
        return [
            f"The certificate {path} has expired on {expiry:%Y-%m-%d}; renew it."
            for path, expiry in self.expiries().items()
            if expiry <= now
        ]

    async def _watch(self) -> None:
        while True:
            now = datetime.fromtimestamp(self._now(), UTC)
            for path, expiry in self.expiries().items():
                if expiry - now < _NOTICE:
                    self._log.warn(
                        "the certificate {path} expires on {expiry}; renew it",
                        path=str(path),
                        expiry=f"{expiry:%Y-%m-%d %H:%M} UTC",
                    )
            await sleep(self._clock, _DAY)
