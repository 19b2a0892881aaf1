"""What the settings mean for each part of the service."""

from __future__ import annotations

import getpass
import platform
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

import twisted
from smartdyn import __version__
from smartdyn.engine.cleaner import Retention
from smartdyn.errors import SettingsError
from smartdyn.foreman.tls import ForemanCertificates
from smartdyn.rex.host_keys import HostKeys
from smartdyn.rex.runners import simulation_from
from smartdyn.rex.settings import RunnerSettings
from smartdyn.settings import Settings
from smartdyn.settings.script import mode_problem
from smartdyn.ssh import Deadlines
from smartdyn.ssh.kerberos import Kerberos, kerberos_problem


def foreman_certificates(settings: Settings) -> ForemanCertificates:
    """How we know Foreman, and how it knows us: as the smart proxy's own certificates, where nothing else is said."""

    def path(first: str | None, second: str | None) -> Path | None:
        value = first or second
        return settings.path(value) if value else None

    return ForemanCertificates(
        ca=path(settings.foreman_ssl_ca, settings.ssl_ca_file),
        certificate=path(settings.foreman_ssl_cert, settings.ssl_certificate),
        key=path(settings.foreman_ssl_key, settings.ssl_private_key),
    )


def runner_settings(
    settings: Settings, environment: Mapping[str, str], in_thread: Callable[[Callable[[], Any]], Deferred[Any]]
) -> RunnerSettings:
    """What the runners of scripts go by.

    @param in_thread: calls what may block.
    """
    key = settings.path(settings.ssh_identity_key_file)
    strict = settings.ssh_ca_known_hosts_file
    return RunnerSettings(
        known_hosts=settings.path(settings.ssh_known_hosts_file),
        refusal=mode_problem(settings),
        identity_key=key if key.exists() else None,
        agent=environment.get("SSH_AUTH_SOCK") or None,
        kerberos=Kerberos(in_thread) if settings.kerberos_auth and kerberos_problem() is None else None,
        ssh_config=settings.path(settings.ssh_config_file),
        account=getpass.getuser(),
        strict_known_hosts=settings.path(strict) if strict else None,
        remote_working_dir=settings.remote_working_dir,
        cleanup_working_dirs=settings.cleanup_working_dirs,
        deadlines=Deadlines(connect=settings.ssh_connect_timeout),
        kill_grace=settings.kill_grace,
        kill_limit=settings.kill_limit,
        reconnect_limit=settings.reconnect_limit,
        connections_at_once=settings.ssh_connections_at_once,
        connections_at_once_in_all=settings.ssh_connections_at_once_in_all,
        sessions_per_connection=settings.ssh_sessions_per_connection,
        keep_connection=settings.ssh_keep_connection,
    )


def host_keys(settings: Settings) -> HostKeys:
    """The keys of hosts, as jobs go by them."""
    strict = settings.ssh_ca_known_hosts_file
    return HostKeys(settings.path(settings.ssh_known_hosts_file), settings.path(strict) if strict else None)


def core_certificates(settings: Settings) -> ForemanCertificates:
    """The core knows us by the certificate that Foreman knows us by (SPD021 C{foreman_ssl_cert})."""
    foreman = foreman_certificates(settings)
    ca = settings.path(settings.ssl_ca_file) if settings.ssl_ca_file else foreman.ca
    return ForemanCertificates(ca, foreman.certificate, foreman.key)


def own_certificates(settings: Settings) -> list[Path]:
    """Our certificates, which expire one day."""
    chosen = (settings.ssl_certificate, settings.foreman_ssl_cert)
    return [settings.path(path) for path in dict.fromkeys(chosen) if path is not None]


def retention(settings: Settings) -> Retention:
    """How long tasks are kept."""
    return Retention(
        age=settings.execution_plan_cleaner_age or None,
        size=settings.database_size_limit * 1024 * 1024 or None,
        archive=settings.path(settings.backup_dir) if settings.backup_deleted_plans else None,
        audit_age=settings.audit_log_age or None,
    )


def versions() -> dict[str, str]:
    """What runs here, for those who compare machines."""
    return {
        "version": __version__,
        "python": platform.python_version(),
        "twisted": twisted.__version__,
        "sqlite": sqlite3.sqlite_version,
    }


def simulation(environment: Mapping[str, str]) -> Any:
    """What scripts are pretended, if they are.

    @raise SettingsError: the environment contradicts itself.
    """
    try:
        return simulation_from(environment)
    except (OSError, ValueError) as error:
        raise SettingsError([f"REX_SIMULATE: {error}"]) from error
