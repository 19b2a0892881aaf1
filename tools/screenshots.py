"""Renews the pictures of the documentation: services with an hour of work and a night's troubles, seen in Chromium.

C{python -m tools.screenshots [FOLDER]}
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from tests.support import browser, sshd
from tests.support.history import store_history
from tests.support.http import Client
from tests.support.seeds import NAMES, RUN_SCRIPT, Seeds
from tests.support.service import ROOT, Place

_PLACE = Place("proxy.example.org", Path("/var/lib/smartdyn"))
_LARGEST = 150_000
"""Bytes of a picture."""

_UPDATING = r"""#!/bin/bash
packages=(bash openssl glibc systemd kernel curl sudo tzdata python3 openssh-server libxml2 sqlite zlib dbus grub2)
printf '\e[1mUpdating %d packages\e[0m\n' "${#packages[@]}"
for package in "${packages[@]}" "${packages[@]}"; do
  printf '  \e[36m%-16s\e[0m downloading \e[32mok\e[0m, verifying \e[32mok\e[0m, installing \e[32mok\e[0m\n' "$package"
  sleep 0.2
done
printf '\e[33mwarning:\e[0m /etc/ssh/sshd_config saved as /etc/ssh/sshd_config.rpmsave\n' >&2
for minute in $(seq 600); do echo "waiting for services to restart ($minute of 600)"; sleep 1; done
"""
_CHECKING = """#!/bin/sh
echo 'checking free space, pending reboots and failed units'
uptime -p
case $1 in esac
"""
_DEPLOYING = r"""#!/bin/bash
printf '\e[1m==> Deploying shop 4.2.0\e[0m\n'
printf 'unpacking \e[36m/srv/shop/releases/4.2.0\e[0m \e[32mok\e[0m\n'
printf 'migrating the database \e[32mok\e[0m\n'
for service in shop-web shop-worker shop-scheduler; do printf 'restarting %-16s \e[32mok\e[0m\n' "$service"; done
printf 'checking http://localhost:8080/health '
printf '\e[31mfailed\e[0m\n'
echo 'curl: (7) Failed to connect to localhost port 8080: Connection refused' >&2
printf '\e[1;31m==> Rolled back to 4.1.7\e[0m\n'
exit 3
"""


async def _main(reactor: Any, folder: Path, target: Path) -> None:
    seeds = Seeds(reactor, folder, _PLACE)
    hosts = sorted(NAMES)
    await store_history(reactor, seeds.answering.service.folder / "smartdyn.sqlite", hosts, time.time())
    try:
        await seeds.start()
        plan = await _stage(Client(reactor, seeds.answering.service.url), seeds)
        result = await browser.drive(reactor, "screenshots", folder, {**plan, "folder": str(target), "limit": 120})
        if result.findings:
            raise AssertionError("\n".join(result.findings))
    finally:
        await seeds.stop()


async def _stage(client: Client, seeds: Seeds) -> dict[str, Any]:
    """What happens after the troubles: jobs that are seen at work, and an admin who looks after things."""
    port = sshd.shared().port
    running = await _trigger(client, port, "app2.example.org", _UPDATING)
    failed = await _trigger(client, port, "web1.example.org", _DEPLOYING)
    batch = await _launch_batch(client, port)
    tasks = seeds.answering.tasks
    for deed, what in (("cancel", "slow host"), ("resume", "paused")):
        await client.press(f"/console/{tasks[what]}/{deed}", seeds.answering.service.url)
    slow = await _trigger(client, seeds.silent_port, "slow1.example.org", "true")
    await client.until(f"/tasks/{failed}/status", lambda found: found["state"] == "stopped")
    await client.until(f"/tasks/{running}/status", lambda found: "grub2" in str(found["actions"]))
    return {
        "console": f"{seeds.answering.service.url}/console",
        "tasks": {**tasks, "running": running, "failed": failed, "batch": batch, "slow": slow},
    }


async def _trigger(client: Client, port: int, host: str, script: str) -> str:
    given = {"hostname": host, "ssh_port": port, "ssh_user": "root", "script": script}
    given["callback"] = {"task_id": str(uuid.uuid4()), "step_id": 3}
    answer = await client.request("POST", "/tasks", {"action_name": RUN_SCRIPT, "action_input": given})
    return str(answer.json["task_id"])


async def _launch_batch(client: Client, port: int) -> str:
    """One script on all hosts but those in trouble, and on two of those."""
    jobs = {}
    for host in sorted(NAMES):
        key = str(uuid.uuid4())
        given = {"hostname": host, "ssh_port": port, "ssh_user": "root", "script": _CHECKING}
        given["callback"] = {"task_id": key, "step_id": 3}
        jobs[key] = {"action_class": RUN_SCRIPT, "action_input": given}
    answer = await client.request("POST", "/tasks/launch", {"operation": "ssh", "input": jobs})
    for key in jobs:
        await client.until(f"/tasks/{key}/status", lambda found: found["state"] == "stopped")
    return str(answer.json["parent"]["task_id"])


def _shrink(folder: Path) -> None:
    """Few colours are enough for a page."""
    pictures = sorted(str(path) for path in folder.glob("*.png"))
    subprocess.run(["pngquant", "--force", "--ext", ".png", "--speed", "1", "--strip", "128", *pictures], check=True)
    for path in folder.glob("*.png"):
        size = path.stat().st_size
        print(f"{path.name}: {size // 1000} kB")
        if size > _LARGEST:
            raise SystemExit(f"{path} is larger than {_LARGEST // 1000} kB")


if __name__ == "__main__":
    _target = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "docs" / "screenshots").resolve()
    _target.mkdir(parents=True, exist_ok=True)
    _folder = Path(tempfile.mkdtemp(prefix="smartdyn-screenshots-"))
    try:
        react(lambda reactor: Deferred.fromCoroutine(_main(reactor, _folder, _target)))
    except SystemExit as ending:
        if ending.code:
            raise
    finally:
        shutil.rmtree(_folder)
    _shrink(_target)
