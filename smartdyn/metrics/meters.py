"""The meters of all parts, on one registry."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from smartdyn.metrics.database import DatabaseMeters
from smartdyn.metrics.engine import EngineMeters
from smartdyn.metrics.http import HttpMeters
from smartdyn.metrics.jobs import JobMeters
from smartdyn.metrics.outbox import OutboxMeters
from smartdyn.metrics.process import ProcessMeters
from smartdyn.metrics.ssh import SshMeters


class Meters:
    """What the service is measured with.

    @ivar registry: gives out everything that is counted here, and what the client library knows of the process.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.database = DatabaseMeters(self.registry)
        self.engine = EngineMeters(self.registry)
        self.http = HttpMeters(self.registry)
        self.jobs = JobMeters(self.registry)
        self.outbox = OutboxMeters(self.registry)
        self.process = ProcessMeters(self.registry)
        self.ssh = SshMeters(self.registry)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
