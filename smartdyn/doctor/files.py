"""Checks of files and directories of the service's own, and of the disk that they are on."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from smartdyn.doctor.context import Context
from smartdyn.doctor.verdict import Check, Verdict, error, not_applicable, ok, warning, worst

_MEGABYTE = 1024 * 1024
_FULL = 100 * _MEGABYTE
_LITTLE = 500 * _MEGABYTE
_FEW_INODES = 0.02
_PRIVATE = 0o077
_OF_OTHERS = 0o007


def _state(context: Context) -> Verdict:
    folder, account = context.database.parent, context.account
    fix = f"install -d -o {account.name} -m 0750 {folder}"
    if not folder.exists():
        if folder in context.made_at_start:
            return ok(f"{folder} is made at the first start.")
        return error(f"There is no directory {folder} for the database.", fix)
    if not (account.is_root or account.owns(folder)) or not account.may("rwx", folder):
        return error(
            f"{folder} does not belong to {account.name}, who runs the service.",
            f"{fix} && chown -R {account.name} {folder}",
        )
    if folder.stat().st_mode & stat.S_IWOTH and not folder.stat().st_mode & stat.S_ISVTX:
        return error(f"Everybody may write to {folder}.", f"chmod 0750 {folder}")
    return ok(f"{folder} belongs to {account.name}.")


def _vault_key(context: Context) -> Verdict:
    chosen, account = context.settings.secrets_key_file, context.account
    path = context.path(chosen) if chosen else context.database.with_name(f"{context.database.name}.key")
    if not path.exists():
        if not context.database.exists():
            return not_applicable("It is made at the first start.")
        return error(
            f"{path} is not there: passwords of waiting jobs cannot be read without it.",
            "Restore it from the backup; without one the service makes a new key, and such jobs have to be run again.",
        )
    if path.stat().st_mode & _PRIVATE:
        return error(
            f"Others than the service may read {path}, which opens the passwords in the database.", f"chmod 0600 {path}"
        )
    if not account.may("r", path):
        return error(f"{account.name} cannot read {path}.", f"chown {account.name} {path} && chmod 0600 {path}")
    return ok(f"{path} is for the service only.")


def _private_keys(context: Context) -> Verdict:
    """Keys of certificates: those who are in the service's group may read them, as installers set it up."""
    settings = context.settings
    paths = [context.path(each) for each in (settings.ssl_private_key, settings.foreman_ssl_key) if each]
    if not paths:
        return not_applicable("No key of a certificate is set.")
    return worst(
        [
            error(f"Everybody on this machine may use the key {path}.", f"chmod o= {path}")
            for path in dict.fromkeys(paths)
            if path.exists() and path.stat().st_mode & _OF_OTHERS
        ],
        "Keys of certificates are not for everybody.",
    )


def _database_files(context: Context) -> Verdict:
    account, path = context.account, context.database
    bad = [
        each
        for each in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm", ".lock")))
        if each.exists() and not account.may("rw", each)
    ]
    if bad:
        return error(f"{account.name} may not write to {bad[0]}.", f"chown {account.name} {path}*")
    if path.exists() and path.stat().st_mode & _OF_OTHERS:
        return warning(
            f"Everybody on this machine may read {path}, with the output of all jobs.", f"chmod 0600 {path}*"
        )
    return ok("The database's files belong to the service.")


def _log(context: Context) -> Verdict:
    account = context.account
    if context.settings.log_path is None:
        return not_applicable("The log is not written to a file.")
    path = context.path(context.settings.log_file)
    fix = f"install -d -o {account.name} -m 0750 {path.parent}"
    if not path.parent.is_dir():
        if path.parent in context.made_at_start:
            return ok(f"{path.parent} is made at the first start.")
        return error(f"There is no directory {path.parent} for the log.", fix)
    place = path if path.exists() else path.parent
    if not account.may("w" if path.exists() else "wx", place):
        return error(f"{account.name} may not write to {place}.", f"chown {account.name} {place}")
    return ok(f"{path} can be written.")


def _archive(context: Context) -> Verdict:
    if not context.settings.backup_deleted_plans:
        return not_applicable("`backup_deleted_plans` is off.")
    folder, account = context.path(context.settings.backup_dir), context.account
    place = next(each for each in (folder, *folder.parents) if each.exists())
    if not account.may("wx", place):
        return error(
            f"{account.name} may not write to {place}, so tasks are not deleted.",
            f"install -d -o {account.name} -m 0750 {folder}",
        )
    return ok(f"{folder} can be written.")


def _disk(context: Context) -> Verdict:
    found = []
    for folder in _folders(context):
        now = context.filesystem(folder)
        free = now.f_bavail * now.f_frsize
        text = f"{free / _MEGABYTE:,.0f} MB are free on the disk of {folder}."
        fix = "Make room there, or set `database_size_limit` so that old tasks are deleted earlier."
        if free < _FULL:
            found.append(error(text, fix))
        elif free < _LITTLE:
            found.append(warning(text, fix))
    return worst(found, "There is room on the disk.")


def _inodes(context: Context) -> Verdict:
    found = []
    for folder in _folders(context):
        now = context.filesystem(folder)
        if now.f_files and now.f_favail < now.f_files * _FEW_INODES:
            text = f"Only {now.f_favail} of {now.f_files} inodes are free on the disk of {folder}."
            found.append(error(text, "Delete small files that nobody needs there; df -i shows the numbers."))
    return worst(found, "There are free inodes.")


def _folders(context: Context) -> Iterator[Path]:
    """Where the service writes, as far as it is there."""
    wanted = [context.database.parent]
    if context.settings.log_path is not None:
        wanted.append(context.path(context.settings.log_file).parent)
    return (folder for folder in dict.fromkeys(wanted) if folder.is_dir())


CHECKS = (
    Check("state-directory", "the directory of the database", _state),
    Check("database-files", "who may use the database's files", _database_files),
    Check("vault-key", "the key that passwords are encrypted with", _vault_key),
    Check("private-keys", "who may use the keys of certificates", _private_keys),
    Check("log-writable", "the log can be written", _log),
    Check("archive-writable", "deleted tasks can be archived", _archive),
    Check("disk-free", "room on the disk", _disk),
    Check("inodes-free", "room for files", _inodes),
)
