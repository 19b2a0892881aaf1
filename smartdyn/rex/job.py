"""A job as Foreman describes it, checked and typed (action_input of C{RunScript})."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smartdyn.errors import InvalidRequest
from smartdyn.rex.protocol import Bootstrap
from smartdyn.rex.settings import RunnerSettings
from smartdyn.secret import Secret
from smartdyn.ssh import Target

METHODS = ("sudo", "dzdo", "su")
_UNUSABLE_HOST = re.compile(r"[\s\x00-\x1f/@\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HALF = re.compile(r"[\ud800-\udfff]")
_HALF_BUT_NO_BYTE = re.compile(r"[\ud800-\udc7f\udd00-\udfff]")
"""Surrogates that do not stand for a byte that is no UTF-8 either; scripts and names of directories may hold those."""

_NUMBER = re.compile(r"[0-9]+")
_USER = re.compile(r"(?![-+.])[\w.@\\+-]+\$?")
"""Names of users as hosts and directories have them: C{jane.doe@example.com}, C{DOMAIN\\jane}, C{machine$}."""


class UnsupportedMethod(InvalidRequest):
    """Foreman asks for a way of changing the user that does not exist."""


@dataclass(frozen=True, slots=True)
class ScriptJob:
    """What is to be run, where, and as whom.

    @param effective_user: None when the script runs as the user who logs in.
    @param host_public_key: the only key that the host may have, as C{type base64}; None when we know or learn it.
    @param launch: jobs of different launches take turns.
    """

    target: Target
    script: str
    effective_user: str | None
    method: str
    remote_working_dir: str
    cleanup: bool
    first_execution: bool
    password: Secret | None
    passphrase: Secret | None
    effective_user_password: Secret | None
    host_public_key: str | None = None
    launch: str = ""

    @classmethod
    def from_input(cls, input: Mapping[str, Any], settings: RunnerSettings) -> ScriptJob:
        """Unknown keys are passed over: Foreman sends many that concern others.

        @raise InvalidRequest: something needed is missing or unusable.
        """
        secrets = input.get("secrets")
        secrets = secrets if isinstance(secrets, dict) else {}
        target = Target(_host(input.get("hostname")), _port(input.get("ssh_port")), _login(input))
        effective_user = _user(input)
        if effective_user == target.user:
            effective_user = None
        method = _text(input, "effective_user_method", "sudo")
        if effective_user is not None and method not in METHODS:
            raise UnsupportedMethod(f"effective_user_method '{method}' not supported")
        folder = _line(input, "remote_working_dir", settings.remote_working_dir)
        if effective_user is not None and method == "su" and not folder.startswith("/"):
            raise InvalidRequest(f"`remote_working_dir` {folder!r} must begin with /: su changes to another directory.")
        cleanup = input.get("cleanup_working_dirs")
        return cls(
            target=target,
            script=_script(input.get("script")),
            effective_user=effective_user,
            method=method,
            remote_working_dir=folder,
            cleanup=settings.cleanup_working_dirs if cleanup is None else bool(cleanup),
            first_execution=bool(input.get("first_execution")),
            password=_secret(secrets, "ssh_password"),
            passphrase=_secret(secrets, "key_passphrase"),
            effective_user_password=_secret(secrets, "effective_user_password"),
            host_public_key=_text(input, "host_public_key", "") or None,
            launch=str(input.get("current_request_id") or ""),
        )

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What must not be seen in the output."""
        return tuple(filter(None, (self.password, self.passphrase, self.effective_user_password)))

    def bootstrap(self, runner_id: str) -> Bootstrap:
        """What the host is told."""
        script = self.script.replace("\r", "")
        return Bootstrap(
            folder=self.remote_working_dir.rstrip("/") or "/",
            runner_id=runner_id,
            script=(script if script.endswith("\n") else script + "\n").encode("utf-8", "surrogateescape"),
            method=self.method if self.effective_user else "",
            user=self.effective_user or "",
            asks_password=bool(self.effective_user and self.effective_user_password),
            keep=not self.cleanup,
        )


def _host(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidRequest("`hostname` is missing: there is no host to connect to.")
    host = value.strip()
    if host.startswith("-") or _UNUSABLE_HOST.search(host):
        raise InvalidRequest(f"`hostname` {host!r} is not a host name or address.")
    return host


def _port(value: Any) -> int:
    if value is None or value == "":
        return 22
    port = int(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value
    if type(port) is not int or not 0 < port < 65536:
        raise InvalidRequest(f"`ssh_port` {value!r} is not a port number.")
    return port


def _text(input: Mapping[str, Any], key: str, default: str) -> str:
    value = input.get(key)
    if value is None or value == "":
        return default
    if not isinstance(value, str):
        raise InvalidRequest(f"`{key}` must be text, not {value!r}.")
    return value


def _line(input: Mapping[str, Any], key: str, default: str) -> str:
    value = _text(input, key, default)
    if _CONTROL.search(value):
        raise InvalidRequest(f"`{key}` {value!r} holds a line break or another control character.")
    _refuse_halves(_HALF_BUT_NO_BYTE, key, value)
    return value


def _login(input: Mapping[str, Any]) -> str:
    user = _line(input, "ssh_user", "root")
    _refuse_halves(_HALF, "ssh_user", user)
    return user


def _user(input: Mapping[str, Any]) -> str | None:
    user = _text(input, "effective_user", "")
    if user and not _USER.fullmatch(user):
        raise InvalidRequest(f"`effective_user` {user!r} is not the name of a user.")
    return user or None


def _script(value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidRequest("`script` is missing: there is nothing to run.")
    _refuse_halves(_HALF_BUT_NO_BYTE, "script", value)
    return value


def _secret(secrets: Mapping[str, Any], key: str) -> Secret | None:
    value = secrets.get(key)
    if not isinstance(value, Secret) or not value:
        return None
    _refuse_halves(_HALF, key, value.reveal())
    return value


def _refuse_halves(halves: re.Pattern[str], key: str, value: str) -> None:
    r"""JSON may hold one half of a pair that makes one character (C{"\ud800"}), which cannot be sent as UTF-8."""
    found = halves.search(value)
    if found is not None:
        raise InvalidRequest(
            f"`{key}` cannot be sent to a host: what stands at its character {found.start() + 1} is half of a "
            f"character only (U+{ord(found[0]):04X}, a surrogate without the other)."
        )
