"""What requests and answers are made of."""

from __future__ import annotations

from typing import Any

import msgspec


class Launch(msgspec.Struct, frozen=True):
    """C{POST /tasks/launch}.

    @ivar operation: one of C{GET /tasks/operations}; anything else is one that is not known.
    @ivar input: for most operations an object of task ids and their inputs.
    """

    operation: Any
    input: Any = None
    options: Any = None


class Launched(msgspec.Struct, frozen=True):
    """What became of a launch, or of one task of it; a batch answers with an object of these."""

    result: str | None = None
    task_id: str | None = None
    errors: list[str] | None = None
    parent: Any = None


class Trigger(msgspec.Struct, frozen=True):
    """C{POST /tasks}."""

    action_name: str
    action_input: dict[str, Any] | None = None


class Triggered(msgspec.Struct, frozen=True):
    """The answer to that."""

    task_id: str


class Ids(msgspec.Struct, frozen=True):
    """Tasks that are asked about."""

    task_ids: list[Any] | str | None = None


class State(msgspec.Struct, frozen=True):
    """A task in short."""

    state: str
    result: str


class HistoryEntry(msgspec.Struct, frozen=True):
    """Something that happened to a task."""

    time: int
    name: str
    world_id: str | None


class Action(msgspec.Struct, frozen=True, rename={"class_": "class"}):
    """An action of a task."""

    class_: str
    execution_plan_id: str
    id: int
    plan_step_id: int
    run_step_id: int | None
    finalize_step_id: int | None
    caller_execution_plan_id: str | None
    caller_action_id: int | None
    input: dict[str, Any]
    output: dict[str, Any]


class Status(msgspec.Struct, frozen=True, rename={"class_": "class"}):
    """A task with its actions."""

    id: str
    class_: str
    label: str | None
    state: str
    result: str
    root_plan_step_id: int | None
    run_flow: Any
    finalize_flow: Any
    step_ids: list[int]
    started_at: str | None
    ended_at: str | None
    execution_time: float
    real_time: float
    execution_history: list[HistoryEntry]
    actions: list[Action]


class Count(msgspec.Struct, frozen=True):
    """How many tasks there are."""

    count: int
    state: str | list[str]


class Cancelled(msgspec.Struct, frozen=True):
    """How many steps were told to end."""

    task_id: str
    canceled_steps_count: int


class Module(msgspec.Struct, frozen=True):
    """A module of the smart proxy."""

    http_enabled: bool
    https_enabled: bool
    settings: dict[str, Any]
    state: str
    capabilities: list[str]


class Version(msgspec.Struct, frozen=True):
    """Our version and those of the modules."""

    version: str
    modules: dict[str, str]


class Alive(msgspec.Struct, frozen=True):
    """Whether the process moves: C{alive}, or C{stuck} for these reasons."""

    status: str
    reasons: list[str]


class Check(msgspec.Struct, frozen=True):
    """How one thing is that the service needs.

    @ivar blocks: without it the service cannot do its work.
    """

    ok: bool
    blocks: bool
    text: str


class Ready(msgspec.Struct, frozen=True):
    """Whether the service can do its work, and if not, why; and how everything is that it needs."""

    ready: bool
    reasons: list[str]
    checks: dict[str, Check]


class LogLine(msgspec.Struct, frozen=True):
    """A line of the log."""

    timestamp: float
    level: str
    message: str
    backtrace: str | None = None
    request_id: str | None = None


class LogInfo(msgspec.Struct, frozen=True):
    """How much of the log is kept."""

    size: int
    tail_size: int
    level: str | None
    level_tail: int
    failed_modules: dict[str, str]


class Logs(msgspec.Struct, frozen=True):
    """The log."""

    info: LogInfo
    logs: list[LogLine]


class LogLevels(msgspec.Struct, frozen=True):
    """What is logged of which parts; what is overridden counts more than what is configured."""

    default: str
    configured: dict[str, str]
    overridden: dict[str, str]
    until: float | None


class WantedLogLevels(msgspec.Struct, frozen=True):
    """Levels by part; none of them for those of the settings."""

    levels: dict[str, str]
    for_seconds: float | None = None


class Error(msgspec.Struct, frozen=True):
    """Why a request was refused."""

    error: str
