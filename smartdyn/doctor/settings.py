"""Checks of the settings."""

from __future__ import annotations

from collections.abc import Iterator

from smartdyn.doctor.context import Context
from smartdyn.doctor.verdict import Check, Verdict, error, ok, warning
from smartdyn.settings.load import Kind, settings_files
from smartdyn.settings.schema import Settings
from smartdyn.settings.script import level_problem, mode_problem

_MOST_SESSIONS = 10
"""What sshd allows unless it is told otherwise (MaxSessions, sshd_config(5))."""


def _readable(context: Context) -> Verdict:
    folder, account = context.settings.folder, context.account
    fix = f"chgrp -R {account.name} {folder} && chmod -R g+rX {folder}"
    if not folder.is_dir():
        return error(f"There is no directory {folder}.", "Name the directory with settings.yml with --config-dir.")
    for path in (folder, folder / "settings.d", *settings_files(folder)):
        try:
            if path.exists() and not account.may("rx" if path.is_dir() else "r", path):
                return error(f"{account.name} cannot read {path}.", fix)
        except OSError as problem:
            return error(f"{path} cannot be looked at: {problem.strerror}.", "Run this as root.")
    unreadable = [each.text for each in context.reading.problems if each.kind is Kind.UNREADABLE]
    return error(unreadable[0], fix) if unreadable else ok(f"{folder} can be read by {account.name}.")


def _valid(context: Context) -> Verdict:
    found = [each.text for each in context.reading.problems if each.kind is Kind.UNUSABLE]
    if not found:
        return ok("All values can be used.")
    return error(_first(found), "Correct the line; `smartdyn config check` names every one.")


def _known(context: Context) -> Verdict:
    found = [each.text for each in context.reading.problems if each.kind is Kind.UNKNOWN]
    if not found:
        return ok("All keys are known.")
    return error(_first(found), "Correct the spelling, or remove the line.")


def _with_effect(context: Context) -> Verdict:
    found = context.settings.without_effect
    if not found:
        return ok("Every setting has an effect.")
    return warning(
        f"Without effect: {', '.join(found)}.",
        "Remove these lines; of the Ruby services' settings, `smartdyn config import --dry-run` says why.",
    )


def _script(context: Context) -> Verdict:
    problem = mode_problem(context.settings) or level_problem(context.settings)
    if problem is not None:
        return error(
            f"Foreman cannot use this proxy for scripts: {problem}.", "Correct it in remote_execution_ssh.yml."
        )
    return ok("Scripts can be run.")


def _consistent(context: Context) -> Verdict:
    found = next(_contradictions(context.settings), None)
    return ok("No setting contradicts another.") if found is None else warning(*found)


def _contradictions(settings: Settings) -> Iterator[tuple[str, str]]:
    ports = {"port": settings.port} if _is_core(settings) else {}
    ports |= {"http_port": settings.http_port or 0, "https_port": settings.https_port or 0}
    numbers = [number for number in ports.values() if number]
    if len(set(numbers)) < len(numbers):
        yield (
            f"Two of `port`, `http_port` and `https_port` are {max(numbers, key=numbers.count)}.",
            "Give each its own number.",
        )
    if settings.ssh_connections_at_once > settings.ssh_connections_at_once_in_all:
        yield (
            "`ssh_connections_at_once` is more than `ssh_connections_at_once_in_all`, so one host may hold up all.",
            "Make `ssh_connections_at_once_in_all` several times `ssh_connections_at_once`.",
        )
    if settings.ssh_sessions_per_connection > _MOST_SESSIONS:
        yield (
            f"`ssh_sessions_per_connection` is more than the {_MOST_SESSIONS} that sshd allows by default.",
            "Set it to 8, or raise MaxSessions on all hosts.",
        )
    if settings.kill_grace >= settings.kill_limit:
        yield (
            "`kill_grace` is not less than `kill_limit`, so a job is given up before it is made to end.",
            "Set `kill_limit` to several times `kill_grace`.",
        )
    if settings.ssh_ca_known_hosts_file == settings.ssh_known_hosts_file:
        yield (
            "`ssh_ca_known_hosts_file` and `ssh_known_hosts_file` are the same file, so nothing is ever learned in it.",
            "Remove `ssh_ca_known_hosts_file`, unless unknown hosts are to be refused; then give it a file of its own.",
        )
    if settings.console_roles and settings.trusted_hosts is None:
        yield (
            "`console_roles` is set and `trusted_hosts` is not, so any certificate may use the API all the same.",
            "Set `trusted_hosts` to the names of Foreman's certificate.",
        )
    if bool(settings.foreman_ssl_cert) != bool(settings.foreman_ssl_key):
        yield (
            "Only one of `foreman_ssl_cert` and `foreman_ssl_key` is set.",
            "Set both, or none to use `ssl_certificate` and `ssl_private_key`.",
        )


def _is_core(settings: Settings) -> bool:
    return "port" in settings.given or (settings.http_port is None and settings.https_port is None)


def _simulation(context: Context) -> Verdict:
    if context.environment.get("REX_SIMULATE"):
        return warning(
            "REX_SIMULATE is set for the service: scripts are only pretended.",
            "Remove it from the unit (systemctl edit smartdyn) and restart the service.",
        )
    return ok("Scripts are really run.")


def _first(problems: list[str]) -> str:
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{problems[0]}{more}"


CHECKS = (
    Check("settings-readable", "the service can read its settings", _readable),
    Check("settings-valid", "the settings can be used", _valid),
    Check("settings-known", "no key is misspelt", _known),
    Check("settings-effect", "no setting is without effect", _with_effect),
    Check("settings-consistent", "no setting contradicts another", _consistent),
    Check("settings-script", "the settings of remote execution", _script),
    Check("simulation", "scripts are not simulated", _simulation),
)
