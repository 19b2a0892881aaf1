"""What runners need from the settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from smartdyn.ssh import Deadlines
from smartdyn.ssh.kerberos import Kerberos


@dataclass(frozen=True, slots=True)
class RunnerSettings:
    """Times are in seconds.

    @param refusal: why no job may go to its host over SSH; None when all may.
    @param identity_key: the key to log in with, unless it is not set up.
    @param agent: the socket of an ssh-agent, which may have the key that is protected in its file.
    @param kerberos: the tickets to log in with, None not to use any.
    @param ssh_config: says through which hosts others are reached, unless nothing is to say so.
    @param account: the user whom those are logged in to as, when that file does not say.
    @param strict_known_hosts: where the host keys come from when unknown hosts are not to be trusted.
    @param kill_grace: between asking a script to end and making it.
    @param kill_limit: after which a job that was to end is given up.
    @param reconnect_limit: how long a host may be away before its job is given up.
    @param connections_at_once: how many jobs are being started on one host at the same time, from connecting until the
        script runs; sshd begins to refuse connections at 10 (MaxStartups).
    @param connections_at_once_in_all: how many jobs are being started at the same time on all hosts together.
    @param sessions_per_connection: how many jobs share a connection.
    @param keep_connection: how long a connection that no job uses is kept.
    """

    known_hosts: Path
    refusal: str | None = None
    identity_key: Path | None = None
    agent: str | None = None
    kerberos: Kerberos | None = None
    ssh_config: Path | None = None
    account: str = "root"
    strict_known_hosts: Path | None = None
    remote_working_dir: str = "/var/tmp"
    cleanup_working_dirs: bool = True
    deadlines: Deadlines = field(default_factory=Deadlines)
    keepalive: float = 15.0
    kill_grace: float = 10.0
    kill_limit: float = 60.0
    reconnect_limit: float = 600.0
    connections_at_once: int = 10
    connections_at_once_in_all: int = 40
    sessions_per_connection: int = 8
    keep_connection: float = 5.0
