"""Scripts that drive a real Chromium (tests/browser), run with node."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import SkipTest

SCRIPTS = Path(__file__).resolve().parents[1] / "browser"
_OLDEST_NODE = 18
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True, slots=True)
class Result:
    """What a script has seen.

    @param checks: how many things were looked at.
    @param findings: what was wrong, a sentence each.
    @param measured: numbers, for those who run it by hand.
    """

    checks: int
    findings: list[str]
    measured: dict[str, Any]


def missing() -> str | None:
    """Why no browser can be driven here, None when it can."""
    if _chromium() is None:
        return "chromium is not installed; `make test` installs it on Debian"
    if _node_version() < _OLDEST_NODE:
        return f"node {_OLDEST_NODE} or newer is not installed; it is needed to drive the browser"
    if not (SCRIPTS / "node_modules" / "playwright-core").is_dir():
        return "playwright-core is not installed; `make test` installs it with npm"
    return None


async def drive(reactor: Any, script: str, folder: Path, plan: dict[str, Any]) -> Result:
    """Run one of the scripts.

    @param folder: where the plan is kept.
    @param plan: C{console}, the URL of the console, and what else the script wants.
    @raise AssertionError: the script came to no result.
    """
    if reason := missing():
        raise SkipTest(reason)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{script}.json"
    path.write_text(json.dumps({"chromium": _chromium(), **plan}))
    arguments = [str(SCRIPTS / f"{script}.mjs"), str(path)]
    said, errors, status = await getProcessOutputAndValue(shutil.which("node"), arguments, env=None, reactor=reactor)
    if status or not said:
        raise AssertionError(f"{script}.mjs ended with {status}:\n{errors.decode('utf-8', 'replace')}")
    return Result(**json.loads(said))


def _chromium() -> str | None:
    return next(filter(None, map(shutil.which, _CHROMIUM)), None)


def _node_version() -> int:
    """Its first number; 0 when there is none."""
    node = shutil.which("node")
    if node is None:
        return 0
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    return int(said.lstrip("v").split(".")[0] or 0)
