"""The database and the disk it is on."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from smartdyn.metrics.buckets import LOCAL
from smartdyn.metrics.kinds import prepare

_UNITS = (1, 2, 5, 10, 20, 50, 100, 200)


class DatabaseMeters:
    """What writer and readers do."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.commit_seconds = Histogram(
            "smartdyn_database_commit_seconds",
            "How long commits took, the way to the writer's thread included",
            registry=registry,
            buckets=LOCAL,
        )
        self.commit_units = Histogram(
            "smartdyn_database_commit_units",
            "Units of work that were committed together",
            registry=registry,
            buckets=_UNITS,
        )
        self.writer_waiting = Gauge(
            "smartdyn_database_writer_waiting", "Units of work that wait to be written", registry=registry
        )
        self.writing_seconds = Gauge(
            "smartdyn_database_writing_seconds",
            "For how long the present commit has been under way",
            registry=registry,
        )
        self.errors = Counter(
            "smartdyn_database_errors",
            "Commits that found the database locked or failed, and units that it refused",
            ["kind"],
            registry=registry,
        )
        self.read_seconds = Histogram(
            "smartdyn_database_read_seconds",
            "How long reading took, for what was asked together",
            ["reader"],
            registry=registry,
            buckets=LOCAL,
        )
        self.readers_busy = Gauge(
            "smartdyn_database_reader_busy", "Whether a reader is reading", ["reader"], registry=registry
        )
        self.readers_waiting = Gauge(
            "smartdyn_database_reader_waiting", "Questions that wait for a reader", ["reader"], registry=registry
        )
        self.size = Gauge("smartdyn_database_size_bytes", "Size of the database file", registry=registry)
        self.wal_size = Gauge("smartdyn_database_wal_bytes", "Size of the write-ahead log beside it", registry=registry)
        self.disk_free = Gauge(
            "smartdyn_disk_free_bytes", "Free space on the disk that the database is on", registry=registry
        )
        prepare(self.errors, ("locked", "failed", "refused"))
