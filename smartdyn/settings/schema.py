"""Every setting with its type, default and meaning.

The keys are those of the smart proxy's C{settings.yml}, of the standalone core's, and of the files in C{settings.d} of
the plugins that this service replaces. A setting that stands in several files means the same in all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

STATE = "/var/lib/smartdyn"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the service was told; times are in seconds.

    @param listen: the address of the standalone core, C{port} its port; it is there when C{port} is set, or no other
        port is.
    @param use_https: the core speaks TLS, and lets in only who shows C{foreman_ssl_cert} (or C{ssl_certificate}).
    @param bind_host: the addresses of the smart proxy, on C{http_port} and C{https_port}.
    @param log_levels: levels of parts of the service, which count for them instead of C{log_level}.
    @param log_format: C{text} for people, C{json} for programs.
    @param socket: the unix socket for the command line; beside the database by default, none at all when empty.
    @param log_buffer: lines of the log that Foreman can see; of older ones C{log_buffer_errors} errors.
    @param core_url: a core elsewhere: then the smart proxy's Dynflow routes are relayed to it.
    @param console_auth: with TLS, the console is only for those who may use the API.
    @param console_roles: who may do what in the console: for C{viewer}, C{operator} and C{admin} the common names of
        client certificates, in which C{*} stands for anything; without it, whoever is let in may do everything.
    @param forward_verify: the name of a peer without a certificate must lead back to its address.
    @param given: the settings that were given, whatever their values.
    @param database: the database file; C{~} and relative paths are taken from the configuration directory.
    @param secrets_key_file: the key that secrets in the database are encrypted with; beside the database by default.
    @param without_effect: settings of the Ruby services that were given and that this version makes no use of, with
        their places.
    @param execution_plan_cleaner_age: how long tasks are kept after they ended and were reported; 0 means for ever.
    @param database_size_limit: megabytes after which the oldest ended tasks are deleted early; 0 means any number.
    @param audit_log_age: how long it is known who did what to tasks; 0 means for ever.
    @param backup_deleted_plans: write tasks to a file in C{backup_dir} before they are deleted.
    @param ssh_config_file: HostName, Port, User and ProxyJump in it apply to hosts, as with OpenSSH's client.
    @param kerberos_auth: log in with the tickets of the service's account when nothing else was accepted.
    @param ssh_log_level: checked as the reference does; what OpenSSH's client would log is not there to be shown.
    @param ssh_connections_at_once: connections to one host that are being opened at the same time.
    """

    listen: str = "127.0.0.1"
    port: int = 8008
    use_https: bool = False
    bind_host: tuple[str, ...] = ("*",)
    http_port: int | None = None
    https_port: int | None = None
    socket: str | None = None
    core_url: str | None = None
    console_auth: bool = True
    console_roles: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    forward_verify: bool = True
    ssl_disabled_ciphers: tuple[str, ...] = ()
    tls_disabled_versions: tuple[str, ...] = ()
    database: str = f"{STATE}/smartdyn.sqlite"
    secrets_key_file: str | None = None
    foreman_url: str = "https://127.0.0.1:3000"
    foreman_ssl_ca: str | None = None
    foreman_ssl_cert: str | None = None
    foreman_ssl_key: str | None = None
    ssl_ca_file: str | None = None
    ssl_certificate: str | None = None
    ssl_private_key: str | None = None
    trusted_hosts: tuple[str, ...] | None = None
    log_file: str = "STDOUT"
    log_level: str = "INFO"
    log_levels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    log_format: str = "text"
    log_buffer: int = 2000
    log_buffer_errors: int = 1000
    mode: str = "ssh"
    ssh_identity_key_file: str = "~/.ssh/id_rsa_foreman_proxy"
    ssh_user_ca_public_key_file: str | None = None
    ssh_ca_known_hosts_file: str | None = None
    ssh_known_hosts_file: str = "~/.ssh/known_hosts"
    ssh_config_file: str = "~/.ssh/config"
    ssh_log_level: str = "error"
    kerberos_auth: bool = False
    remote_working_dir: str = "/var/tmp"
    cleanup_working_dirs: bool = True
    ssh_connect_timeout: float = 60.0
    ssh_connections_at_once: int = 10
    ssh_connections_at_once_in_all: int = 40
    ssh_sessions_per_connection: int = 8
    ssh_keep_connection: float = 5.0
    kill_grace: float = 10.0
    kill_limit: float = 60.0
    reconnect_limit: float = 600.0
    execution_plan_cleaner_age: float = 1800.0
    database_size_limit: int = 0
    audit_log_age: float = 7_776_000.0
    backup_deleted_plans: bool = False
    backup_dir: str = f"{STATE}/backup"
    queue_sizes: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({"default": 5}))
    folder: Path = Path()
    without_effect: tuple[str, ...] = ()
    given: frozenset[str] = frozenset()

    def path(self, value: str) -> Path:
        """A path in a setting: C{~} is the home directory, a relative one begins at the configuration directory."""
        return self.folder / Path(value).expanduser()

    @property
    def logs_to_journal(self) -> bool:
        """Is the log for journald, which hands it on to syslog where that is wanted?"""
        return self.log_file.upper() in {"JOURNAL", "JOURNALD", "SYSLOG"}

    @property
    def log_path(self) -> Path | None:
        """The file that is logged to; None when there is none."""
        return None if self.logs_to_journal or self.log_file.upper() == "STDOUT" else self.path(self.log_file)

    @property
    def key_file(self) -> Path:
        """The key that secrets in the database are encrypted with."""
        return self.path(self.secrets_key_file or f"{self.database}.key")

    @property
    def socket_path(self) -> Path | None:
        """Where the unix socket of the command line is wanted; None when it is not."""
        if self.socket is None:
            return self.path(self.database).with_name("smartdyn.sock")
        return self.path(self.socket) if self.socket else None


KNOWN_ELSEWHERE: Final = frozenset(
    {
        "async_ssh",
        "cockpit_integration",
        "daemon",
        "daemon_pid",
        "daemonize",
        "dns_resolv_timeouts",
        "enabled",
        "external_core",
        "file_logging_pattern",
        "file_rolling_age",
        "file_rolling_keep",
        "file_rolling_size",
        "local_working_dir",
        "mqtt_broker",
        "mqtt_port",
        "mqtt_rate_limit",
        "mqtt_resend_interval",
        "mqtt_tls",
        "mqtt_ttl",
        "pid_file",
        "runner_refresh_interval",
        "settings_directory",
        "socket_working_dir",
        "ssh_user",
        "ssl_port",
        "system_logging_pattern",
        "virsh_network",
    }
)
"""Keys of the Ruby services that an installation may carry and that this version makes no use of."""

OURS: Final = frozenset({"folder", "without_effect", "given"})
"""Fields that are no settings."""

TYPES: Final[Mapping[str, Any]] = {each.name: each.type for each in fields(Settings) if each.name not in OURS}
