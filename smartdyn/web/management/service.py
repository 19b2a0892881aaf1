"""The service as a whole: its hosts, what waits for what, drain, and scripts that are run by hand."""

from __future__ import annotations

from typing import Any, Final

from smartdyn import __version__
from smartdyn.errors import InvalidRequest
from smartdyn.model.overview import FailureGroup, Overview
from smartdyn.web.arguments import argument
from smartdyn.web.facade import HostKeys, TaskFacade
from smartdyn.web.management import records
from smartdyn.web.peers import actor_of
from smartdyn.web.records import Triggered
from smartdyn.web.requests import base_url, read_json, request_id, send_json
from smartdyn.web.route import Route

_MOST_HOSTS: Final = 100
_SCRIPT: Final = "Proxy::RemoteExecution::Ssh::Actions::RunScript"


class ServiceRoutes:
    """C{/api/hosts}, C{/api/host}, C{/api/queue}, C{/api/drain}, C{/api/resend} and C{/api/run}."""

    def __init__(self, tasks: TaskFacade, now: Any, keys: HostKeys) -> None:
        """
        @param now: the time, seconds since the epoch.
        @param keys: of hosts.
        """
        self._tasks = tasks
        self._now = now
        self._keys = keys

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("GET", "/api/hosts", self.hosts, query=("q",), answer=records.HostsAnswer),
            Route("GET", "/api/host", self.host, query=("name",), answer=records.HostAnswer),
            Route("POST", "/api/host/forget-key", self.forget_key, body=records.HostName, answer=records.HostName),
            Route("GET", "/api/status", self.status, answer=records.StatusAnswer),
            Route("GET", "/api/queue", self.queue, answer=records.QueueAnswer),
            Route("GET", "/api/drain", self.draining, answer=records.DrainAnswer),
            Route("POST", "/api/drain", self.drain, body=records.DrainOrder, answer=records.DrainAnswer),
            Route("POST", "/api/resend", self.resend, answer=records.Resent),
            Route("POST", "/api/run", self.run, body=records.Run, answer=Triggered),
        ]

    async def hosts(self, request: Any) -> bytes:
        """Hosts of which there are tasks, by a part of their names."""
        found = await self._tasks.hosts(argument(request, "q"), limit=_MOST_HOSTS)
        return send_json(request, records.HostsAnswer(found))

    async def host(self, request: Any) -> bytes:
        """What was done on a host, why it failed, and by which keys the host is known."""
        name = argument(request, "name")
        page = await self._tasks.host(name)
        failures = [_failure(group) for group in page.failures]
        keys = list(self._keys.of(name))
        return send_json(request, records.HostAnswer(name, page.running, page.tasks.tasks, failures, keys))

    async def forget_key(self, request: Any) -> bytes:
        """Forget the keys of a host, so that the next job learns them anew."""
        name = read_json(request, records.HostName).name
        if not name:
            raise InvalidRequest("Say of which host the key is to be forgotten.")
        await self._tasks.control.forget_host_key(name, actor_of(request, "api"), self._keys.forget)
        return send_json(request, records.HostName(name))

    async def status(self, request: Any) -> bytes:
        """What has to be known first: how the service is, why tasks fail, what is stuck."""
        seen = await self._tasks.overview(self._now())
        answer = records.StatusAnswer(
            version=__version__,
            health=seen.health,
            failures=[_failure(group) for group in seen.failures],
            stuck=_stuck(seen),
            running=seen.running,
            callbacks=seen.callbacks,
        )
        return send_json(request, answer)

    async def queue(self, request: Any) -> bytes:
        """What is going on, what is stuck, and what waits for what."""
        seen = await self._tasks.overview(self._now())
        stuck = _stuck(seen)
        return send_json(
            request,
            records.QueueAnswer(seen.running, self._tasks.intake().drained_by, seen.queues, seen.callbacks, stuck),
        )

    async def draining(self, request: Any) -> bytes:
        """Whether new tasks are refused, and how many have not ended."""
        return send_json(request, self._intake())

    async def drain(self, request: Any) -> bytes:
        """Refuse new tasks, or take them again; those that there are go on."""
        by, control = actor_of(request, "api"), self._tasks.control
        if read_json(request, records.DrainOrder).draining:
            await control.drain(by)
        else:
            await control.accept_again(by)
        return send_json(request, self._intake())

    async def resend(self, request: Any) -> bytes:
        """Send all results to Foreman again that are not sent any more."""
        return send_json(request, records.Resent(await self._tasks.control.resend_all(actor_of(request, "api"))))

    async def run(self, request: Any) -> bytes:
        """Run a script on a host; Foreman is not told."""
        run = read_json(request, records.Run)
        launched = await self._tasks.control.ledger.recorded(
            actor_of(request, "api"),
            "run script",
            run.host,
            lambda: self._launch(request, run),
            lambda task_id: f"It is task {task_id}.",
        )
        return send_json(request, Triggered(launched))

    async def _launch(self, request: Any, run: records.Run) -> str:
        """
        @raise InvalidRequest: it cannot be planned.
        """
        secrets = {"ssh_password": run.ssh_password, "effective_user_password": run.effective_user_password}
        job = {
            "hostname": run.host,
            "script": run.script,
            "ssh_user": run.user,
            "ssh_port": run.port,
            "effective_user": run.effective_user,
            "effective_user_method": run.effective_user_method,
            "execution_timeout_interval": run.time_limit,
            "secrets": {name: value for name, value in secrets.items() if value},
        }
        answer = await self._tasks.launch(
            "single",
            {"action_class": _SCRIPT, "action_input": job},
            None,
            callback_host=base_url(request),
            request_id=request_id(request),
        )
        if "task_id" not in answer:
            raise InvalidRequest(" ".join(answer["errors"]))
        task_id: str = answer["task_id"]
        return task_id

    def _intake(self) -> records.DrainAnswer:
        seen = self._tasks.intake()
        return records.DrainAnswer(seen.drained_by is not None, seen.since, seen.drained_by, seen.running)


def _failure(group: FailureGroup) -> records.FailureAnswer:
    cause = group.cause
    return records.FailureAnswer(cause.key, cause.title, cause.advice, group.count, group.last_at, group.example)


def _stuck(seen: Overview) -> list[records.StuckAnswer]:
    return [records.StuckAnswer(each.task, each.reason, each.since, each.advice) for each in seen.stuck]
