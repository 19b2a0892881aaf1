"""What the smart proxy says of itself, and what monitors ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from twisted.web.iweb import IRequest

from smartdyn.web import records
from smartdyn.web.requests import HTML, header, send, send_json
from smartdyn.web.route import Route


@dataclass(frozen=True, slots=True)
class ProxyFacts:
    """What there is to say.

    @param capabilities: by module name; a module that is in here runs.
    @param failed: why modules that should run do not, by name.
    @param public_key: the key that hosts must let in, None when there is none.
    @param http: whether some port of the smart proxy speaks plain HTTP.
    @param https: whether one speaks HTTPS.
    """

    version: str
    capabilities: Mapping[str, Sequence[str]]
    failed: Mapping[str, str]
    public_key: Path | None
    ca_public_key: Path | None = None
    http: bool = True
    https: bool = False


@dataclass(frozen=True, slots=True)
class Metrics:
    """Numbers for Prometheus.

    @param refresh: called before they are collected.
    """

    registry: CollectorRegistry
    refresh: Callable[[], Awaitable[None]]


class ProxyApi:
    """C{/features}, C{/version}, C{/ssh/pubkey} and C{/metrics}."""

    def __init__(
        self,
        facts: ProxyFacts,
        metrics: Metrics,
        operations: Callable[[], Awaitable[Sequence[str]]] | None = None,
    ) -> None:
        """
        @param operations: what can be launched, when that has to be asked of a core elsewhere.
        """
        self._operations = operations
        self._facts = facts
        self._metrics = metrics

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("GET", "/features", self.features, answer=list[str]),
            Route("GET", "/v2/features", self.features_v2, answer=dict[str, records.Module]),
            Route("GET", "/version", self.version, answer=records.Version),
            Route("GET", "/ssh/pubkey", self.public_key, media="text/html"),
            Route("GET", "/ssh/ca_pubkey", self.ca_public_key, media="text/html"),
            Route("GET", "/metrics", self.metrics, media="text/plain"),
        ]

    async def features(self, request: IRequest) -> bytes:
        """The modules that run."""
        return send_json(request, sorted(self._facts.capabilities))

    async def features_v2(self, request: IRequest) -> bytes:
        """The modules with their capabilities, as Foreman's registration reads them."""
        body: dict[str, Any] = {}
        elsewhere = {} if self._operations is None else {"dynflow": await self._operations()}
        for name, capabilities in {**self._facts.capabilities, **elsewhere}.items():
            body[name] = self._module("running", sorted(set(capabilities)))
        for name in self._facts.failed:
            body[name] = self._module("failed", [])
        return send_json(request, body)

    async def version(self, request: IRequest) -> bytes:
        """Our version, and that of each module."""
        version = self._facts.version
        modules = dict.fromkeys(sorted(self._facts.capabilities), version)
        return send_json(request, {"version": version, "modules": modules})

    async def public_key(self, request: IRequest) -> bytes:
        """The key that Foreman puts on hosts."""
        return self._file(request, self._facts.public_key)

    async def ca_public_key(self, request: IRequest) -> bytes:
        """The CA that signs our user certificates; empty when there is none."""
        return self._file(request, self._facts.ca_public_key)

    async def metrics(self, request: IRequest) -> bytes:
        """Numbers for Prometheus."""
        await self._metrics.refresh()
        encode, content_type = choose_encoder(header(request, "Accept") or "")
        return send(request, encode(self._metrics.registry), content_type.encode())

    def _module(self, state: str, capabilities: Sequence[str]) -> dict[str, Any]:
        return {
            "http_enabled": self._facts.http,
            "https_enabled": self._facts.https,
            "settings": {},
            "state": state,
            "capabilities": list(capabilities),
        }

    def _file(self, request: IRequest, path: Path | None) -> bytes:
        try:
            body = path.read_bytes() if path is not None else b""
        except OSError:
            body = b""
        return send(request, body, HTML)
