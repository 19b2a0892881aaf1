"""C{smartdyn tasks run}: one script on one host, as if it ran here."""

from __future__ import annotations

import argparse
import getpass
import os
import re
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Final

from smartdyn.cli.client import Service
from smartdyn.cli.failures import BrokenOff, CommandFailed, Status, Unreachable
from smartdyn.cli.following import follow
from smartdyn.cli.options import add_command, add_service, seconds, service_of
from smartdyn.cli.script_output import ScriptOutput
from smartdyn.cli.show import complain, sentence
from smartdyn.cli.task_tail import add_looks, output_of

_PATIENCE: Final = 5.0
"""Seconds in which a second Ctrl-C does not keep the first from being told to the service."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHELL: Final = re.compile(r"#!\s*(?:\S*/env\s+)?(?:\S*/)?(?:sh|bash|dash|ksh|ksh93|mksh|zsh|busybox\s+sh)(?:\s.*)?")


def add(commands: Any) -> None:
    """Add it to the command line."""
    does = "run a script on a host, show its output and end as it ends"
    parser = add_command(commands, "run", does, "tasks run --host web1.example.org script.sh")
    parser.add_argument("script", help="a file; - for standard input")
    parser.add_argument("--host", required=True)
    parser.add_argument("--user", default="root", help="who logs in (%(default)s)")
    parser.add_argument("--port", type=int, default=22)
    parser.add_argument("--effective-user", metavar="USER", help="as whom it runs")
    parser.add_argument("--effective-user-method", choices=("sudo", "dzdo", "su"), default="sudo", metavar="METHOD")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="for shell scripts")
    parser.add_argument("--time-limit", type=seconds, metavar="SECONDS", help="end it after so long")
    parser.add_argument("--ask-password", action="store_true", help="ask for the password of --user")
    parser.add_argument("--ask-effective-user-password", action="store_true", help="ask for what sudo or su asks for")
    parser.add_argument("--detach", action="store_true", help="only start it, and say its id")
    add_looks(parser)
    add_service(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    service = service_of(options)
    script = with_environment(_read(options.script), options.env)
    try:
        task_id = service.post("run", body={**_order(options), "script": script})["task_id"]
    except BrokenOff as error:
        look = f"look with `smartdyn tasks list host:{options.host} since:5m` before you run it again"
        raise Unreachable(f"{error} Whether the script was started is not known: {look}.") from error
    if options.detach:
        print(task_id)
        return Status.FINE
    if sys.stderr.isatty():
        print(f"Task {task_id} on {options.host}; Ctrl-C cancels it.", file=sys.stderr)
    signal.signal(signal.SIGINT, _Interrupt(service, task_id))
    return _watch(service, task_id, output_of(options))


def _order(options: argparse.Namespace) -> dict[str, Any]:
    asked = {
        "ssh_password": f"Password of {options.user}@{options.host}: " if options.ask_password else "",
        "effective_user_password": "Password for the other user: " if options.ask_effective_user_password else "",
    }
    return {
        "host": options.host,
        "user": options.user,
        "port": options.port,
        "effective_user": options.effective_user,
        "effective_user_method": options.effective_user_method,
        "time_limit": options.time_limit,
        **{name: getpass.getpass(prompt) for name, prompt in asked.items() if prompt},
    }


def _watch(service: Service, task_id: str, output: ScriptOutput) -> int:
    """Show what it prints; the status with which it ends."""
    end: dict[str, Any] = {}
    for record in follow(service, task_id):
        if "over" in record:
            end = record
        else:
            output.write(record)
    output.close()
    status = end["exit_status"]
    if isinstance(status, int):
        return status & 255
    complain(service.get("tasks", task_id)["explanation"])
    return Status.NOT_RUN


def _read(name: str) -> str:
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text()
    except OSError as error:
        raise CommandFailed(Status.USAGE, f"{name} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandFailed(Status.USAGE, f"{name} is no script: {error}.") from error


def with_environment(script: str, wanted: Sequence[str]) -> str:
    """The script with variables that are set before its first command.

    @raise CommandFailed: these are no variables, or it is no shell script.
    """
    if not wanted:
        return script
    first, newline, rest = script.partition("\n")
    if first.startswith("#!") and not _SHELL.fullmatch(first):
        raise CommandFailed(Status.USAGE, f"--env is for shell scripts; this one is for {first[2:].strip()}.")
    exports = []
    for each in wanted:
        name, equals, value = each.partition("=")
        if not equals or not _NAME.fullmatch(name):
            raise CommandFailed(Status.USAGE, f"--env {each}: give NAME=VALUE.")
        exports.append(f"export {name}={shlex.quote(value)}\n")
    if first.startswith("#!"):
        return f"{first}\n{''.join(exports)}{rest}"
    return f"{''.join(exports)}{first}{newline}{rest}"


class _Interrupt:
    """What Ctrl-C does: first it cancels, then it leaves."""

    def __init__(self, service: Service, task_id: str) -> None:
        self._service = service
        self._task_id = task_id
        self._since: float | None = None
        self._told = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self._since is None:
            self._since = time.monotonic()
            answer = self._cancel()
            self._told = True
            _say(answer)
        elif self._told or time.monotonic() - self._since > _PATIENCE:
            _say(f"see what becomes of it with `smartdyn tasks show {self._task_id}`.")
            raise KeyboardInterrupt

    def _cancel(self) -> str:
        """What has come of it."""
        try:
            self._service.post("tasks", self._task_id, "cancel")
        except CommandFailed as error:
            return f"it could not be cancelled: {error}"
        return "it is asked to end; Ctrl-C again leaves it alone."


def _say(text: str) -> None:
    """Past Python's buffers: a signal may have come while something was being written to them."""
    os.write(2, f"smartdyn: {sentence(text)}\n".encode())
