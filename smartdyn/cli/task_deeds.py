"""C{smartdyn tasks cancel}, C{resume}, C{skip}, C{halt}, C{resend}: one task, several, or all that a search finds."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any, Final

from smartdyn.cli.client import Service
from smartdyn.cli.failures import CommandFailed, Status
from smartdyn.cli.options import add_command, add_service, service_of
from smartdyn.cli.show import complain, sentence
from smartdyn.cli.task_ids import whole

_PAUSE: Final = 0.3
_HELP: Final = {
    "cancel": "ask tasks to end; scripts on hosts are stopped",
    "resume": "try the failed steps of paused tasks again",
    "skip": "leave out failed steps when their tasks are resumed",
    "halt": "stop tasks as they are; nothing on the host is ended",
    "resend": "send results again that Foreman refused, or could not be sent for a day",
}
_DONE: Final = {
    "cancel": "is asked to end",
    "resume": "was resumed",
    "skip": "will go on without",
    "halt": "was halted",
}


def add(commands: Any) -> None:
    """Add them to the command line."""
    for deed, text in _HELP.items():
        parser = add_command(commands, deed, text, f"tasks {deed} 0d5a1f9e")
        parser.add_argument("id", nargs="*", help="their ids, or the beginnings of these")
        if deed == "cancel":
            parser.add_argument("--force", action="store_true", help="do not wait for their steps to heed")
            parser.add_argument("--step", type=int, help="the number of a step, of which alone this is asked")
        if deed == "skip":
            parser.add_argument("--step", type=int, help="the number of the step; all that have failed by default")
        if deed == "resend":
            parser.add_argument("--all", action="store_true", help="those of all tasks")
        if deed not in {"halt", "resend"}:
            parser.add_argument("--query", help="all tasks that this search finds to which it can be done")
            parser.add_argument("--dry-run", action="store_true", help="only say how many these are")
            parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
        add_service(parser)
        parser.set_defaults(run=_run, deed=deed, query=None, force=False, step=None, all=False)


def _run(options: argparse.Namespace) -> int:
    if options.all and not options.id:
        print(_resent("All tasks", service_of(options).post("resend")))
        return 0
    if (options.query is None) == (not options.id) or options.all:
        other = "--all" if options.deed == "resend" else "a search with --query"
        raise CommandFailed(Status.USAGE, f"Say which tasks: either their ids, or {other}.")
    if options.query is not None and (options.force or options.step is not None):
        raise CommandFailed(Status.USAGE, "--force and --step are for tasks that are named by their ids.")
    if options.force and options.step is not None:
        raise CommandFailed(Status.USAGE, "A single step cannot be cancelled by force. Leave out --force, or --step.")
    service = service_of(options)
    if options.query is not None:
        return _many(service, options)
    status = 0
    for given in options.id:
        try:
            _one(service, whole(service, given), options)
        except CommandFailed as error:
            if len(options.id) == 1 or error.status is Status.UNREACHABLE:
                raise
            complain(str(error))
            status = status or error.status
    return status


def _one(service: Service, task_id: str, options: argparse.Namespace) -> None:
    deed = options.deed
    if deed == "skip":
        steps = [options.step] if options.step is not None else _failed_steps(service, task_id)
        marked = {step for each in steps for step in service.post("tasks", task_id, "skip", str(each))["steps"]}
        print(f"Task {task_id} {_DONE[deed]} step {', '.join(map(str, sorted(marked)))}. Resume it now.")
        return
    if deed == "resend":
        print(_resent(f"Task {task_id}", service.post("tasks", task_id, "resend")))
        return
    if options.step is not None:
        service.post("tasks", task_id, deed, str(options.step))
        print(f"Step {options.step} of task {task_id} {_DONE[deed]}.")
        return
    service.post("tasks", task_id, "force-cancel" if options.force else deed)
    print(f"Task {task_id} {_DONE[deed]}.")


def _resent(whose: str, answer: Any) -> str:
    count = answer["results"]
    return f"{whose}: {count} {'result is' if count == 1 else 'results are'} sent to Foreman again."


def _failed_steps(service: Service, task_id: str) -> list[int]:
    found = [step["id"] for step in service.get("tasks", task_id)["steps"] if step["state"] == "error"]
    if not found:
        raise CommandFailed(Status.REFUSED, f"Task {task_id} has no step that failed.")
    return found


def _many(service: Service, options: argparse.Namespace) -> int:
    order = {"query": options.query, "what": options.deed}
    counted = service.post("bulk", body=order)
    matched = counted["matched"]
    print(f"{matched} tasks to {options.deed}.")
    if options.dry_run or not matched:
        return 0
    if not options.yes and not _agreed(options.deed, matched):
        return Status.FAILED
    begun = service.post("bulk", body={**order, "query": counted["query"], "expected": matched})
    return _watch(service, begun["key"])


def _agreed(deed: str, matched: int) -> bool:
    if not sys.stdin.isatty():
        raise CommandFailed(Status.USAGE, f"Nothing was done. Say --yes to {deed} {matched} tasks without being asked.")
    return input(f"Really {deed} {matched} tasks? [y/N] ").strip().lower() in {"y", "yes"}


def _watch(service: Service, key: str) -> int:
    """Show how far it has come, until it is over."""
    while True:
        found = service.get("bulk", key)
        if sys.stderr.isatty():
            print(f"\r{found['reached']} of {found['matched']}", end="", file=sys.stderr, flush=True)
        if found["over"]:
            break
        time.sleep(_PAUSE)
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    print(found["outcome"])
    for problem in found["problems"]:
        print(f"{problem['task_id']}: {sentence(problem['reason'])}", file=sys.stderr)
    return Status.FAILED if found["refused"] or found["reached"] < found["matched"] else Status.FINE
