"""Live output in real browsers: how soon a line is painted, and how a page takes 300,000 of them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from benchmarks.jobs import batch, launch
from benchmarks.live import PER_SECOND, SCRIPT, SECONDS, VIEWERS
from benchmarks.rig import Rig, run
from tests.support import browser, flood
from tests.support.viewer import Viewer

PAGES = 5
"""Those of the viewers that are pages of a browser."""

FLOOD = 300_000
SLOW_FLOOD = 100_000


def main() -> None:
    """Print what was measured."""
    if reason := browser.missing():
        print(f"watching: not measured, {reason}")
        return
    run("watching", measure)


async def measure(rig: Rig) -> None:
    """Twenty who watch one job, then each a job of its own; then one page alone."""
    for jobs in (1, VIEWERS):
        await watched(rig, jobs)
    await flooded(rig, FLOOD)
    await flooded(rig, SLOW_FLOOD, at_once=500, pause=0.2)


async def watched(rig: Rig, jobs: int) -> None:
    """Some of those who watch are pages."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        begin = f"{folder}/begin"
        script = SCRIPT.replace("\n", f"\nuntil [ -e {begin} ]; do sleep 0.1; done\n", 1)
        tasks = batch(rig.server.port, jobs, {"script": script})
        await launch(rig, tasks)
        ids = list(tasks) * (VIEWERS // jobs)
        viewers = [Viewer(rig.reactor, f"{rig.service.url}/console/{task}/output") for task in ids[PAGES:]]
        plan = {"tasks": ids[:PAGES], "begin": begin, "lines": SECONDS * PER_SECOND}
        pages = Deferred.fromCoroutine(_drive(rig, "watching", folder, plan))
        watching = [Deferred.fromCoroutine(viewer.watch()) for viewer in viewers]
        await gatherResults(watching)
        delays = sorted((await pages)["delays"])
    print(
        f"{PAGES} pages in Chromium among {VIEWERS} viewers of {jobs} {'job' if jobs == 1 else 'jobs'} with "
        f"{PER_SECOND} lines/s each: a line is painted after {delays[len(delays) // 2]:.0f} ms (median), "
        f"p95 {delays[int(len(delays) * 0.95)]:.0f} ms, at most {delays[-1]:.0f} ms"
    )


async def flooded(rig: Rig, lines: int, *, at_once: int = FLOOD, pause: float = 0.0) -> None:
    """Very many lines come to one page."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        begin = f"{folder}/begin"
        script = flood.script(begin, lines, at_once=at_once, pause=pause)
        tasks = batch(rig.server.port, 1, {"script": script})
        await launch(rig, tasks)
        plan = {"task": next(iter(tasks)), "begin": begin, "lines": lines, "last": flood.LAST, "queries": [""]}
        measured = await _drive(rig, "flood", folder, plan)
    print(
        "{lines:,} lines that come live {how}: all painted after {painted:.0f} ms, frames p95 {p95:.0f} ms, at most "
        "{gap:.0f} ms; then three keys take {typed:.0f} ms, scrolling {scrolled:.0f} ms, the browser's search "
        "{found:.0f} ms".format(lines=lines, how=f"{at_once / pause:,.0f} a second" if pause else "at once", **measured)
    )


async def _drive(rig: Rig, script: str, folder: str, plan: dict[str, Any]) -> dict[str, Any]:
    """
    @return: what a script has measured, which must find nothing wrong.
    """
    plan = {"console": f"{rig.service.url}/console", **plan}
    result = await browser.drive(rig.reactor, script, Path(folder), plan)
    if result.findings:
        raise AssertionError("\n".join(result.findings))
    return result.measured


if __name__ == "__main__":
    main()
