"""Connections to hosts."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from smartdyn.metrics.buckets import REMOTE
from smartdyn.metrics.kinds import prepare

RESOLVE, CONNECT, KEY_EXCHANGE, AUTHENTICATION, LOG_IN, CHANNEL, FIRST_BYTE = PHASES = (
    "resolve",
    "connect",
    "key_exchange",
    "authentication",
    "log_in",
    "channel_open",
    "first_byte",
)
"""What takes time on the way to the first byte of a command's output; C{log_in} is all of it up to being logged in."""


REASONS = (
    "name",
    "refused",
    "no_route",
    "timeout",
    "key_exchange",
    "host_key",
    "authentication",
    "lost",
    "cancelled",
    "other",
)
"""Why a connection could not be opened."""


class SshMeters:
    """What the SSH client does."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.connections = Gauge(
            "smartdyn_ssh_connections",
            "Connections to hosts, by whether they are open yet",
            ["state"],
            registry=registry,
        )
        self.sessions_open = Gauge("smartdyn_ssh_sessions_open", "Sessions on all connections", registry=registry)
        self.starting = Gauge("smartdyn_ssh_starting", "Jobs that are being started on their hosts", registry=registry)
        self.starting_limit = Gauge(
            "smartdyn_ssh_starting_limit",
            "Jobs that may be started at the same time, as the machine bears it",
            registry=registry,
        )
        self.starting_waiting = Gauge(
            "smartdyn_ssh_starting_waiting", "Jobs that wait for their turn to be started", registry=registry
        )
        self.leases = Counter(
            "smartdyn_ssh_leases",
            "Places on connections that were asked for: on a new one, or a shared one",
            ["connection"],
            registry=registry,
        )
        self.phases = Histogram(
            "smartdyn_ssh_phase_seconds",
            "How long the phases of a connection took that went well",
            ["phase"],
            registry=registry,
            buckets=REMOTE,
        )
        self.failures = Counter(
            "smartdyn_ssh_failures", "Connections that could not be opened, by reason", ["reason"], registry=registry
        )
        self.lost = Counter(
            "smartdyn_ssh_connections_lost", "Open connections that ended before we closed them", registry=registry
        )
        self.reconnects = Counter(
            "smartdyn_ssh_reconnects", "Attempts to find a job again whose connection was lost", registry=registry
        )
        self.sessions = Counter("smartdyn_ssh_sessions", "Commands that were run on hosts", registry=registry)
        self.received = Counter("smartdyn_ssh_received_bytes", "Bytes that came from hosts", registry=registry)
        self.sent = Counter("smartdyn_ssh_sent_bytes", "Bytes that were sent to hosts", registry=registry)
        self.pauses = Counter(
            "smartdyn_ssh_output_pauses",
            "Times that a host had to wait with more output until what it had sent was stored",
            registry=registry,
        )
        prepare(self.leases, ("new", "shared"))
        prepare(self.failures, REASONS)
        self._phases = {phase: self.phases.labels(phase) for phase in PHASES}

    def took(self, phase: str, seconds: float) -> None:
        """A phase is over, and all is well."""
        self._phases[phase].observe(seconds)
