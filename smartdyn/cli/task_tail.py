"""C{smartdyn tasks tail}: what a task prints, as it comes."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from smartdyn.cli.batch_tail import BatchTail
from smartdyn.cli.following import follow
from smartdyn.cli.options import add_command, add_service, service_of
from smartdyn.cli.script_output import ScriptOutput
from smartdyn.cli.show import complain
from smartdyn.cli.task_ids import whole


def add(commands: Any) -> None:
    """Add it to the command line."""
    does = "show what a task prints, or all that it launched, as it comes"
    parser = add_command(commands, "tail", does, "tasks tail 0d5a1f9e")
    parser.add_argument("id", help="its id, or the beginning of that")
    parser.add_argument("-n", "--lines", type=int, default=0, help="begin with the last ones; all by default")
    parser.add_argument("--no-follow", action="store_true", help="end with what there is")
    add_looks(parser)
    add_service(parser)
    parser.set_defaults(run=_tail)


def add_looks(parser: argparse.ArgumentParser) -> None:
    """How output is shown."""
    parser.add_argument("--raw", action="store_true", help="also what controls the terminal")
    parser.add_argument("--timestamps", action="store_true", help="before each line, when it came (UTC)")


def output_of(options: argparse.Namespace) -> ScriptOutput:
    """Where output goes, as it is wanted."""
    return ScriptOutput(sys.stdout, sys.stderr, raw=options.raw, timestamps=options.timestamps)


def _tail(options: argparse.Namespace) -> int:
    service = service_of(options)
    output = output_of(options)
    task_id = whole(service, options.id)
    lines, wait = max(options.lines, 0), not options.no_follow
    if service.get("tasks", task_id)["children"]:
        looks = {"raw": options.raw, "timestamps": options.timestamps}
        BatchTail(service, task_id, lines=lines, wait=wait, **looks).show(sys.stdout)
        return 0
    state = ""
    for record in follow(service, task_id, lines=lines, wait=wait):
        if "over" in record:
            state = record["state"]
        else:
            output.write(record)
    output.close()
    if state == "paused":
        complain(f"{service.get('tasks', task_id)['explanation']} See `smartdyn tasks resume` and `skip`.")
    return 0
