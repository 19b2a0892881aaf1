"""The pages of the console that tests in a browser visit, and what is launched for them."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import quote

from tests.support.http import Client
from tests.support.seeding import Seeded
from tests.support.seeds import RUN_SCRIPT

PAGES = {
    "home": "/",
    "list": "/tasks",
    "a search": "/tasks?q=host:web*",
    "an empty list": "/tasks?q=state:scheduled",
    "a search that is wrong": "/tasks?q=colour:red",
    "bulk": "/bulk?q=state:running&what=cancel",
    "status": "/status",
    "audit": "/audit",
    "help": "/help",
    "saved searches": "/searches",
    "go to": "/go?to=ta",
    "all coroutines": "/status/coroutines",
    "all connections": "/status/connections",
    "all timers": "/status/timers",
    "host": "/host?name=db1.example.org",
    "forget the host key": "/forget-key?name=db1.example.org",
    "unknown": "/nothing",
}
SHOWN = ("success", "changed host key", "stuck callback", "slow host", "script error", "paused")
"""Tasks that are different enough that their pages are, too."""

LEFT_OUT = {
    "a search",
    "go to",
    "all coroutines",
    "all connections",
    "a sorted list",
    "unknown",
    "forget the host key",
    "output with times",
    "success",
    "to halt",
    "to cancel by force",
    "to cancel a step",
}
"""Pages like others, which axe looks at in the long run only."""

WALKED = ("home", "a search", "bulk", "help", "host", "paused", "output", "a question")
"""Pages that are gone through with Tab; the long run takes all."""


def task_pages(seeded: Seeded) -> dict[str, str]:
    """The pages of tasks, by what they are."""
    tasks = seeded.tasks
    return {
        **{what: f"/{tasks[what]}" for what in SHOWN},
        "output": f"/{tasks['script error']}/output",
        "output in colours": f"/{tasks['colours']}/output?lines=1-6",
        "output with times": f"/{tasks['script error']}/output?times=1",
        "output, some lines": f"/{tasks['script error']}/output?lines=1-2#L1-L2",
        "output, searched": f"/{tasks['script error']}/output?q=not&context=1",
        "a question": f"/{tasks['slow host']}/confirm/cancel",
        "to cancel by force": f"/{tasks['slow host']}/confirm/force-cancel",
        "to halt": f"/{tasks['slow host']}/confirm/halt",
        "to skip": f"/{tasks['paused']}/confirm/skip?step=2",
        "to cancel a step": f"/{tasks['slow host']}/confirm/cancel?step=2",
    }


async def launch_batch(client: Client, size: int) -> tuple[str, list[str]]:
    """Launch jobs that wait, all at once: the task that did it, and theirs."""
    job = {"action_class": "Rig::WaitForUpdate", "action_input": {}}
    names = [str(uuid.uuid4()) for _ in range(size)]
    launched = {"operation": "ssh", "input": dict.fromkeys(names, job)}
    answer = (await client.request("POST", "/tasks/launch", launched)).json
    return str(answer["parent"]["task_id"]), [str(answer[name]["task_id"]) for name in names]


async def made_pages(client: Client, url: str) -> dict[str, str]:
    """A batch, what was done to all of it, a task that could not be planned, and a saved search."""
    parent, _ = await launch_batch(client, 2)
    search = quote(f"parent:{parent}")
    pressed = await client.press(f"/console/bulk?q={search}&what=cancel&expected=2", url)
    nested = {"action_name": "Rig::Nested", "action_input": {"depth": 12, "fail": True}}
    planned = (await client.request("POST", "/tasks", nested)).json["task_id"]
    await client.press("/console/searches?name=Web&q=host:web*", url)
    return {
        "batch": f"/batches/{parent}",
        "an unfolded list": f"/tasks?open={parent}",
        "a sorted list": "/tasks?sort=-took",
        "planned in vain": f"/{planned}",
        "bulk progress": pressed.headers["location"].removeprefix("/console"),
        "audit, searched": f"/audit?about={search}",
    }


async def launch(client: Client, ssh_port: int, script: str, **input: Any) -> str:
    """Run a script, as Foreman would.

    @return: the task.
    """
    action_input = {"ssh_port": ssh_port, "ssh_user": "root", "script": script, **input}
    answer = await client.request("POST", "/tasks", {"action_name": RUN_SCRIPT, "action_input": action_input})
    return str(answer.json["task_id"])
