"""What the proxy logs in to hosts with: its key, the certificate beside it, or what its agent holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from smartdyn.rex.failures import NoCredentials
from smartdyn.rex.job import ScriptJob
from smartdyn.rex.settings import RunnerSettings
from smartdyn.secret import Secret
from smartdyn.ssh import Credentials, PrivateKey, load_private_key
from smartdyn.ssh.agent import agent_key
from smartdyn.ssh.certificates import read_certificate
from smartdyn.ssh.errors import KeyUnusable
from smartdyn.ssh.keys import CertifiedKey, Identity


class ProxyIdentity:
    """The proxy's key, read when a job needs it: an admin may replace it at any time."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._kept: tuple[tuple[Path, int], PrivateKey] | None = None

    def credentials(self, job: ScriptJob, settings: RunnerSettings) -> Credentials:
        """What a job may log in with.

        @raise NoCredentials: nothing.
        """
        keys: tuple[Identity, ...] = ()
        problem = ""
        if settings.identity_key is not None:
            try:
                keys = self._keys(settings.identity_key, job.passphrase, settings.agent)
            except KeyUnusable as error:
                problem = f"\n{error}"
        credentials = Credentials(job.password, keys, settings.kerberos)
        if not credentials.methods():
            raise NoCredentials(f"There are no available authentication methods{problem}")
        return credentials

    def _keys(self, path: Path, passphrase: Secret | None, agent: str | None) -> tuple[Identity, ...]:
        """The key, with its certificate first if it has one.

        @raise KeyUnusable: neither the file nor the agent has it.
        """
        key = self._key(path, passphrase, agent)
        certificate = read_certificate(path.with_name(f"{path.name}-cert.pub"))
        return (key,) if certificate is None else (CertifiedKey(key, certificate), key)

    def _key(self, path: Path, passphrase: Secret | None, agent: str | None) -> Identity:
        """From the file, or else from the agent, which may have what the file hides behind a passphrase."""
        try:
            return self._load(path, passphrase)
        except KeyUnusable:
            key = agent_key(self._reactor, agent, path) if agent and not passphrase else None
            if key is None:
                raise
            return key

    def _load(self, path: Path, passphrase: Secret | None) -> PrivateKey:
        """From the file; an unprotected key is kept as long as its file does not change."""
        try:
            stamp = (path, path.stat().st_mtime_ns)
        except OSError:
            return load_private_key(path, passphrase)
        if self._kept is not None and self._kept[0] == stamp:
            return self._kept[1]
        key = load_private_key(path, passphrase)
        if not passphrase:
            self._kept = (stamp, key)
        return key
