"""An output of 300,000 lines in a browser: when something is seen, when it can be used, how long its search takes."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from tests.support import browser
from tests.support.history import store_long_output
from tests.support.service import ServiceProcess

LINES = 300_000
_LAST = "the needle in the haystack"


async def measure(reactor: Any) -> None:
    """Print what was measured."""
    if reason := browser.missing():
        print(f"browsing: not measured, {reason}")
        return
    service = ServiceProcess({})
    task = await store_long_output(reactor, service.folder / "smartdyn.sqlite", LINES, _LAST, time.time())
    await service.start()
    try:
        for name, options in (("lines of output", ""), ("lines with their times", "&times=1")):
            plan = {"console": f"{service.url}/console", "task": task, "lines": LINES, "last": _LAST, "limit": 300}
            with tempfile.TemporaryDirectory() as folder:
                result = await browser.drive(reactor, "long", Path(folder), {**plan, "options": options})
            if result.findings:
                raise AssertionError("\n".join(result.findings))
            print(
                "{lines:,} {name}: first paint after {painted:.0f} ms, loaded after {loaded:.0f} ms, "
                "usable after {usable:.0f} ms; the browser's search finds the last line in {found:.0f} ms".format(
                    lines=LINES, name=name, **result.measured
                )
            )
    finally:
        await service.stop()


def main() -> None:
    """Measure in a process of its own."""
    try:
        react(lambda reactor: Deferred.fromCoroutine(measure(reactor)))
    except SystemExit as ending:
        if ending.code:
            raise


if __name__ == "__main__":
    main()
