"""Checks of the database and of what stands in it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path

from smartdyn.doctor.context import Context
from smartdyn.doctor.verdict import Check, Verdict, error, not_applicable, ok, warning
from smartdyn.errors import StoreError
from smartdyn.store import diagnosis
from smartdyn.store.migrate import migrations

_MEGABYTE = 1024 * 1024
_LARGE = 10 * 1024 * _MEGABYTE
_LARGE_LOG = 512 * _MEGABYTE
_CHECK_LIMIT = 2.5
_LATE = 900.0
"""Seconds after which Foreman should have been told."""

_OVER_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "fuse.glusterfs", "fuse.sshfs"})


def _with_database(look: Callable[[Context, Path], Verdict]) -> Callable[[Context], Verdict]:
    """A check that needs a database that can be read; others say that there is none."""

    @wraps(look)
    def check(context: Context) -> Verdict:
        path = context.database
        if not path.exists():
            return not_applicable("There is no database yet.")
        try:
            return look(context, path)
        except StoreError:
            return not_applicable("The database cannot be read.")

    return check


def _opens(context: Context) -> Verdict:
    path = context.database
    if not path.exists():
        if context.is_up:
            return error(f"{path} is gone, although the service runs.", "Restore the backup, then restart the service.")
        return ok(f"{path} is made at the first start.")
    try:
        if diagnosis.foreign(path):
            return error(
                f"{path} is the database of another program, such as Ruby's Dynflow.",
                "Set `database` to a file of its own; what is in that one cannot be taken over.",
            )
    except StoreError as problem:
        return error(
            f"The database cannot be read: {problem}.", "Restore a backup, or move the file away to begin anew."
        )
    return ok(f"{path} can be read.")


@_with_database
def _schema(context: Context, path: Path) -> Verdict:
    found, newest = diagnosis.schema(path), migrations()[-1].number
    if found > newest:
        return error(
            f"The database has schema {found}, this version knows {newest}.",
            f"Install the newer version again, or restore {path}.schema-{newest}.",
        )
    if found < newest and context.is_up:
        return warning(f"The running service has schema {found}, this version {newest}.", "systemctl restart smartdyn")
    return ok(f"Schema {found}, as this version has it." if found == newest else "It is updated at the next start.")


@_with_database
def _sound(context: Context, path: Path) -> Verdict:
    problems = diagnosis.sound(path, _CHECK_LIMIT)
    if problems is None:
        return ok("It is too large to be looked at to the end; `smartdyn db check` takes its time.")
    if problems:
        return error(f"The database is damaged: {problems[0]}.", "Stop the service and restore a backup.")
    return ok("It is sound.")


@_with_database
def _size(context: Context, path: Path) -> Verdict:
    size, limit = path.stat().st_size, context.settings.database_size_limit * _MEGABYTE
    text = f"The database has {size / _MEGABYTE:,.1f} MB"
    if limit and size > 2 * limit:
        return warning(
            f"{text}, twice the `database_size_limit` and more: what is left cannot be deleted.",
            "See in the console what is paused or not reported to Foreman, and end it.",
        )
    if not limit and size > _LARGE:
        return warning(f"{text}.", "Set `database_size_limit`, or a shorter `execution_plan_cleaner_age`.")
    return ok(f"{text}.")


@_with_database
def _log_size(context: Context, path: Path) -> Verdict:
    log = path.with_name(f"{path.name}-wal")
    size = log.stat().st_size if log.exists() else 0
    if size > _LARGE_LOG:
        return warning(
            f"{log} has {size / _MEGABYTE:,.0f} MB: something keeps it from being emptied.",
            "End other programs that have the database open (fuser shows them), then restart the service.",
        )
    return ok("The write-ahead log is emptied as it should be.")


@_with_database
def _journal(context: Context, path: Path) -> Verdict:
    """A rollback journal is not ours: our database is in WAL mode."""
    journal = path.with_name(f"{path.name}-journal")
    if journal.exists():
        return error(
            f"{journal} was left behind by another program that wrote to the database.",
            f"Stop the service, keep a copy, and let SQLite finish: sqlite3 {path} 'PRAGMA integrity_check'",
        )
    return ok("No other program has left a journal.")


def _local(context: Context) -> Verdict:
    folder = context.database.parent
    kind = _type_of(context.kernel("proc/self/mounts") or "", folder)
    if kind in _OVER_NETWORK:
        return error(
            f"{folder} is on a network file system ({kind}), where SQLite's locks cannot be relied on.",
            "Move the database to a local disk and set `database`.",
        )
    return ok("The database is on a local disk.")


def _type_of(mounts: str, folder: Path) -> str:
    """The type of the file system that a directory is on: that of the deepest mount point above it."""
    best, found = "", ""
    for line in mounts.splitlines():
        _, point, kind, *_ = [*line.split(), "", "", ""]
        point = point.replace("\\040", " ")
        if (folder == Path(point) or Path(point) in folder.parents) and len(point) >= len(best):
            best, found = point, kind
    return found


@_with_database
def _callbacks(context: Context, path: Path) -> Verdict:
    found = diagnosis.backlog(path)
    if found.parked:
        return warning(
            f"Foreman does not take {found.parked} callbacks: {_line(found.last_error)}.",
            "See in the console what it says of these tasks; mend that, then: smartdyn tasks resend --all",
        )
    if not found.pending or found.oldest is None:
        return ok("Foreman was told everything.")
    age = context.now() - found.oldest
    if age > _LATE:
        return error(
            f"{found.pending} callbacks wait, the oldest for {age / 60:.0f} min: {_line(found.last_error)}.",
            "See what the checks of Foreman say; they are sent again until it takes them."
            if context.is_up
            else "systemctl start smartdyn: they are sent when the service runs.",
        )
    return ok(f"{found.pending} callbacks are on their way.")


@_with_database
def _stuck(context: Context, path: Path) -> Verdict:
    found = diagnosis.waiting(path, context.now())
    if found.paused and found.oldest_paused is not None:
        hours = (context.now() - found.oldest_paused) / 3600
        return warning(
            f"{found.paused} tasks are paused, the oldest is {hours:.1f} h old.",
            "Resume, skip or halt them in the console (search for state:paused).",
        )
    if found.not_begun and context.is_up:
        return error(
            f"{found.not_begun} tasks have not begun for an hour.", "Restart the service: systemctl restart smartdyn"
        )
    return ok("No task is stuck.")


def _line(text: str | None) -> str:
    """The first line of an error, short enough to be read."""
    return (text or "they were not tried yet").strip().splitlines()[0][:160].rstrip(".")


CHECKS = (
    Check("database-opens", "the database can be read", _opens),
    Check("database-schema", "the database fits this version", _schema),
    Check("database-sound", "the database is not damaged", _sound, waits=True),
    Check("database-size", "the database is not too large", _size),
    Check("database-log", "the write-ahead log is emptied", _log_size),
    Check("database-journal", "no other program writes to the database", _journal),
    Check("database-local", "the database is on a local disk", _local),
    Check("callbacks", "Foreman is told what happens", _callbacks, waits=True),
    Check("tasks-stuck", "no task is stuck", _stuck, waits=True),
)
