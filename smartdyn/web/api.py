"""The API that Foreman speaks: Dynflow's tasks, and what the smart proxy says of itself."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.web.iweb import IRequest

from smartdyn.aio import shielded
from smartdyn.errors import PlanNotFound
from smartdyn.store.json import encode
from smartdyn.store.long_output import is_long
from smartdyn.streaming import answer
from smartdyn.web import records
from smartdyn.web.authorization import Forbidden, parse_basic
from smartdyn.web.facade import TaskFacade
from smartdyn.web.peers import actor_of
from smartdyn.web.requests import JSON, base_url, header, read_json, request_id, send, send_json
from smartdyn.web.route import Route
from smartdyn.web.unchanged import Unchanged

_NO_IDS = "'task_ids' needs to be provided and be a non-empty array of task UUIDs"


class TaskApi:
    """The routes below C{/tasks}."""

    def __init__(self, tasks: TaskFacade, *, behind_proxy: bool = False) -> None:
        """
        @param behind_proxy: whoever is let in may be a smart proxy that relays, and says under what name it was asked.
        """
        self._tasks = tasks
        self._behind_proxy = behind_proxy
        self._unchanged = Unchanged(tasks.version)

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("POST", "/tasks/launch", self.launch, slash=True, body=records.Launch, answer=records.Launched),
            Route("POST", "/tasks", self.trigger, slash=True, body=records.Trigger, answer=records.Triggered),
            Route("POST", "/tasks/status", self.states, body=records.Ids, answer=dict[str, records.State]),
            Route("POST", "/tasks/statuses", self.statuses, body=records.Ids, answer=dict[str, records.Status]),
            Route("GET", "/tasks/count", self.count, query=("state",), answer=records.Count),
            Route("GET", "/tasks/operations", self.operations, answer=list[str]),
            Route("GET", "/tasks/<plan_id>/status", self.status, answer=records.Status),
            Route("POST", "/tasks/<plan_id>/cancel", self.cancel, answer=records.Cancelled),
            Route("POST", "/tasks/<plan_id>/update", self.update, body=dict[str, Any]),
            Route("POST", "/tasks/<plan_id>/done", self.done, body=dict[str, Any]),
        ]

    async def launch(self, request: IRequest) -> bytes:
        """Launch an operation; everything is planned and stored before the answer."""
        body = read_json(request, records.Launch)
        answer = await _whatever_happens(
            self._tasks.launch(
                body.operation,
                body.input,
                body.options,
                callback_host=self._callback_host(request, body.input),
                request_id=request_id(request),
            )
        )
        return send_json(request, answer)

    async def trigger(self, request: IRequest) -> bytes:
        """Run one action (deprecated)."""
        body = read_json(request, records.Trigger)
        action_input = body.action_input or {}
        task_id = await _whatever_happens(
            self._tasks.trigger(
                body.action_name,
                action_input,
                callback_host=self._callback_host(request, {"": {"action_input": action_input}}),
                request_id=request_id(request),
            )
        )
        return send_json(request, {"task_id": task_id})

    async def status(self, request: IRequest, plan_id: str) -> bytes:
        """A task with its actions and their output."""
        try:
            body = await self._unchanged.get(("status", plan_id), lambda: self._status(plan_id))
        except PlanNotFound:
            return send_json(request, {}, 404)
        except _TooLong as error:
            return await self._stream(request, error.body)
        return send(request, body, JSON)

    async def states(self, request: IRequest) -> bytes:
        """State and result of many tasks: Foreman asks this of all its jobs, and may send nulls."""
        return send_json(request, await self._tasks.states(_ids(read_json(request, records.Ids))))

    async def statuses(self, request: IRequest) -> bytes:
        """Many tasks in full."""
        ids = _ids(read_json(request, records.Ids))
        if not ids:
            return send_json(request, {"error": _NO_IDS}, 422)
        return await self._send(request, await self._tasks.statuses(ids))

    async def cancel(self, request: IRequest, plan_id: str) -> bytes:
        """Ask a task to end."""
        told = await self._tasks.control.cancel(plan_id, actor_of(request, "api"))
        return send_json(request, {"task_id": plan_id, "canceled_steps_count": told})

    async def count(self, request: IRequest) -> bytes:
        """How many tasks there are, in all or in a state."""
        arguments: dict[bytes, list[bytes]] = request.args or {}
        if b"state[]" in arguments:
            states = [state.decode("utf-8", "replace") for state in arguments[b"state[]"]]
            return send_json(request, {"count": await self._tasks.count(states), "state": states})
        state = arguments.get(b"state", [b"all"])[-1].decode("utf-8", "replace")
        return send(request, await self._unchanged.get(("count", state), lambda: self._count(state)), JSON)

    async def operations(self, request: IRequest) -> bytes:
        """What can be launched."""
        return send_json(request, self._tasks.operations())

    async def update(self, request: IRequest, plan_id: str) -> bytes:
        """Something has happened to a task's job."""
        return await self._deliver(request, plan_id, consume=False)

    async def done(self, request: IRequest, plan_id: str) -> bytes:
        """The last thing has happened to a task's job."""
        return await self._deliver(request, plan_id, consume=True)

    async def _status(self, plan_id: str) -> bytes:
        """
        @raise _TooLong: it cannot be put together at once.
        """
        body = await self._tasks.status(plan_id)
        if is_long(body):
            raise _TooLong(body)
        return encode(body)

    async def _count(self, state: str) -> bytes:
        found = await self._tasks.count(None if state == "all" else [state])
        return encode({"count": found, "state": state})

    async def _send(self, request: IRequest, body: dict[str, Any]) -> bytes:
        """An answer that may be too long to be put together at once."""
        return await self._stream(request, body) if is_long(body) else send_json(request, body)

    async def _stream(self, request: IRequest, body: dict[str, Any]) -> bytes:
        request.responseHeaders.setRawHeaders(b"content-type", [JSON])
        return await answer(request, self._tasks.stream(body))

    async def _deliver(self, request: IRequest, plan_id: str, *, consume: bool) -> bytes:
        await self._check_password(request, plan_id, consume=consume)
        data = read_json(request, dict[str, Any])
        await _whatever_happens(self._tasks.deliver(plan_id, data.get("step_id"), data))
        request.responseHeaders.setRawHeaders(b"content-type", [b"application/json"])
        return b""

    async def _check_password(self, request: IRequest, plan_id: str, *, consume: bool) -> None:
        """
        @raise Forbidden: a password is given, which is not the one-time password of the job.
        """
        given = header(request, "Authorization")
        if given is None:
            return
        credentials = parse_basic(given)
        if credentials is not None and credentials[0] == plan_id:
            valid = self._tasks.check_one_time_password(plan_id, credentials[1], consume=consume)
            if await _whatever_happens(valid):
                return
        raise Forbidden("Invalid username or password supplied")

    def _callback_host(self, request: IRequest, input: Any) -> str:
        """Under which URL hosts reach us: what Foreman says of us, else what the client called us."""
        children = input.values() if isinstance(input, dict) else ()
        for child in (input, *children):
            action_input = child.get("action_input") if isinstance(child, dict) else None
            url = action_input.get("proxy_url") if isinstance(action_input, dict) else None
            if isinstance(url, str) and url:
                return url
        return base_url(request, header(request, "X-Forwarded-For") if self._behind_proxy else None)


class _TooLong(Exception):
    """An answer has to be sent in pieces.

    @param body: what is to be sent.
    """

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__("the answer is too long")
        self.body = body


def _whatever_happens(work: Any) -> Deferred[Any]:
    """Klein cancels a handler whose client has gone away; what it began to store is stored all the same."""
    return shielded(Deferred.fromCoroutine(work))


def _ids(body: records.Ids) -> list[str]:
    """Each id once. Foreman may send nulls, and one id as it is."""
    if isinstance(body.task_ids, str):
        return [body.task_ids]
    ids = body.task_ids if isinstance(body.task_ids, list) else []
    return list(dict.fromkeys(id for id in ids if isinstance(id, str)))
