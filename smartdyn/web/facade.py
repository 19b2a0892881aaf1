"""What the web room needs of tasks; L{smartdyn.actions.tasks.Tasks} provides it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from smartdyn.actions.control import Control
from smartdyn.model.overview import BatchPage, HostKey, HostPage, OutputHit, Overview
from smartdyn.model.query import TaskQuery
from smartdyn.model.views import TaskList, TaskPage
from smartdyn.store.output_reader import OutputReader


class HostKeys(Protocol):
    """Shows what is known of hosts' keys and forgets it; L{smartdyn.rex.host_keys.HostKeys} provides it."""

    def of(self, host: str) -> Sequence[HostKey]: ...

    def forget(self, host: str) -> None: ...


class TaskFacade(Protocol):
    """Launch tasks, look at them, cancel them."""

    output: OutputReader

    def operations(self) -> list[str]: ...

    async def launch(
        self, operation: str, input: Any, options: Any, *, callback_host: str, request_id: str
    ) -> dict[str, Any]: ...

    async def trigger(
        self, action_name: str, action_input: dict[str, Any], *, callback_host: str, request_id: str
    ) -> str: ...

    @property
    def control(self) -> Control: ...

    async def status(self, plan_id: str) -> dict[str, Any]: ...

    def stream(self, value: Any) -> AsyncIterator[bytes]: ...

    async def statuses(self, plan_ids: Sequence[str]) -> dict[str, dict[str, Any]]: ...

    async def states(self, plan_ids: Sequence[str]) -> dict[str, dict[str, str]]: ...

    async def count(self, states: Sequence[str] | None) -> int: ...

    async def deliver(self, plan_id: str, step_id: Any, data: dict[str, Any]) -> None: ...

    async def check_one_time_password(self, plan_id: str, password: str, *, consume: bool) -> bool: ...

    async def recent(self, wanted: TaskQuery = ..., *, before: str | None = None, limit: int = 50) -> TaskList: ...

    async def count_matching(self, wanted: TaskQuery) -> int: ...

    async def overview(self, now: float) -> Overview: ...

    async def host(self, name: str) -> HostPage: ...

    async def batch(self, parent_id: str) -> BatchPage: ...

    async def search_output(self, wanted: TaskQuery) -> list[OutputHit]: ...

    async def page(self, plan_id: str) -> TaskPage: ...
