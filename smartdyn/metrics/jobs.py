"""Jobs and what they print."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from smartdyn.metrics.kinds import known, prepare

_TYPES = ("stdout", "stderr", "debug")


class JobMeters:
    """What runners do."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.running = Gauge("smartdyn_jobs_running", "Jobs that a runner works on", registry=registry)
        self.started = Counter(
            "smartdyn_jobs_started",
            "Jobs that a runner was made for, new or after a restart",
            ["begin"],
            registry=registry,
        )
        self.ended = Counter(
            "smartdyn_jobs_ended",
            "Jobs that ended, by exit status: 0, another one, or none because of an error",
            ["result"],
            registry=registry,
        )
        self.timed_out = Counter(
            "smartdyn_jobs_timed_out", "Jobs that were told to stop since their time was up", registry=registry
        )
        self._bytes = Counter("smartdyn_output_bytes", "Output of jobs, as UTF-8", ["type"], registry=registry)
        self._lines = Counter(
            "smartdyn_output_lines", "Ends of lines in the output of jobs", ["type"], registry=registry
        )
        self._chunks = Counter(
            "smartdyn_output_chunks", "Pieces in which the output of jobs was stored", ["type"], registry=registry
        )
        prepare(self.started, ("new", "resumed"))
        prepare(self.ended, ("success", "failure", "error"))
        self._of_type = {
            type: (self._bytes.labels(type), self._lines.labels(type), self._chunks.labels(type))
            for type in (*_TYPES, "other")
        }

    def printed(self, type: str, text: str) -> None:
        """A job has printed something."""
        size, lines, chunks = self._of_type[known(type, _TYPES)]
        size.inc(len(text) if text.isascii() else len(text.encode("utf-8", "replace")))
        lines.inc(text.count("\n"))
        chunks.inc()

    def exited(self, status: int | str) -> None:
        """A job has ended."""
        self.ended.labels("error" if isinstance(status, str) else "failure" if status else "success").inc()
