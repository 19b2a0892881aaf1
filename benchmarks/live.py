"""How soon a printed line is before those who watch: twenty viewers, fifty lines a second each.

Real scripts print over a real sshd on the same machine; each line has the time at which it was printed in it, and each
viewer follows the stream of events that the console's pages follow.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, gatherResults

from benchmarks.jobs import batch, launch
from benchmarks.rig import Rig, run
from tests.support.viewer import Viewer

VIEWERS = 20
SECONDS = 20
PER_SECOND = 50
SCRIPT = f"""#!/bin/bash
exec {{quiet}}<> <(:)
for ((number = 0; number < {SECONDS * PER_SECOND}; number++)); do
  echo "$EPOCHREALTIME"; read -t {1 / PER_SECOND} -u $quiet
done
"""


def main() -> None:
    """Print what was measured."""
    run("live", measure)


async def measure(rig: Rig) -> None:
    """All watch one job, then each a job of its own."""
    for jobs in (1, VIEWERS):
        tasks = batch(rig.server.port, jobs, {"script": SCRIPT})
        await launch(rig, tasks)
        ids = list(tasks) * (VIEWERS // jobs)
        viewers = [Viewer(rig.reactor, f"{rig.service.url}/console/{task}/output") for task in ids]
        await gatherResults([Deferred.fromCoroutine(viewer.watch()) for viewer in viewers])
        delays = sorted(delay for viewer in viewers for delay in _delays(viewer))
        assert len(delays) == VIEWERS * SECONDS * PER_SECOND, len(delays)
        print(
            f"{VIEWERS} viewers of {jobs} {'job' if jobs == 1 else 'jobs'} with {PER_SECOND} lines/s each: "
            f"a line is seen after {delays[len(delays) // 2] * 1000:.0f} ms (median), "
            f"p95 {delays[int(len(delays) * 0.95)] * 1000:.0f} ms, at most {delays[-1] * 1000:.0f} ms"
        )


def _delays(viewer: Viewer) -> list[float]:
    printed = [float(text.replace(",", ".")) for _, text in viewer.lines]
    return [seen - at for seen, at in zip(viewer.seen_at, printed, strict=True)]


if __name__ == "__main__":
    main()
