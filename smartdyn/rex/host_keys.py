"""The host keys that jobs go by, for people."""

from __future__ import annotations

from pathlib import Path

from smartdyn.model.overview import HostKey
from smartdyn.ssh import KnownHosts
from smartdyn.ssh.known_hosts_format import fingerprint


class HostKeys:
    """Shows what is known of a host, and forgets what was learned."""

    def __init__(self, learned: Path, strict: Path | None) -> None:
        """
        @param learned: the file in which keys are learned.
        @param strict: the only file that counts, if there is one.
        """
        self._learned = KnownHosts(learned)
        self._path = strict or learned
        self._counting = self._learned if strict is None else KnownHosts(strict, learn=False)

    def of(self, host: str) -> list[HostKey]:
        """The keys that a host is believed with, whatever its port, and those that it must not have."""
        return [
            HostKey(
                entry.key_type,
                fingerprint(entry.blob),
                entry.marker.removeprefix("@"),
                f"{self._path}:{entry.line}",
            )
            for entry in self._counting.everywhere(host)
        ]

    def forget(self, host: str) -> None:
        """Have the next job learn the keys of a host anew."""
        self._learned.forget_everywhere(host)
