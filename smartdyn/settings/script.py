"""Whether scripts can be run with these settings (RXS smart_proxy_remote_execution_ssh.rb, C{Plugin} validations)."""

from __future__ import annotations

from smartdyn.settings.schema import Settings
from smartdyn.ssh.kerberos import kerberos_problem

_MODES = ("ssh", "pull", "pull-mqtt")
_LEVELS = ("debug", "info", "error", "fatal")


def script_problem(settings: Settings) -> str | None:
    """The first thing that is wrong, in the words that people search for; None when all is well.

    It keeps Foreman from using the proxy for scripts, and nothing else from working.
    """
    return (
        mode_problem(settings)
        or _key_problem(settings)
        or _certificate_problem(settings)
        or level_problem(settings)
        or (kerberos_problem() if settings.kerberos_auth else None)
    )


def mode_problem(settings: Settings) -> str | None:
    """What is wrong with the way in which scripts get to hosts."""
    if settings.mode not in _MODES:
        return f"Mode has to be one of {', '.join(_MODES)}, given {settings.mode}"
    if settings.mode != "ssh":
        return f"Mode {settings.mode} is not available in this version; set `mode` to ssh"
    return None


def _key_problem(settings: Settings) -> str | None:
    if not settings.ssh_identity_key_file:
        return "settings for `ssh_identity_key` not set"
    key = settings.path(settings.ssh_identity_key_file)
    if not key.exists():
        hint = f"You can generate one with `ssh-keygen -t rsa -b 4096 -f {key} -N ''`"
        return f"SSH private key file {key} doesn't exist.\n{hint}"
    public = key.with_name(f"{key.name}.pub")
    return None if public.exists() else f"SSH public key file {public} doesn't exist"


def _certificate_problem(settings: Settings) -> str | None:
    """With an authority for users, our key needs its certificate: hosts let in nothing else then."""
    if not settings.ssh_user_ca_public_key_file:
        return None
    authority = settings.path(settings.ssh_user_ca_public_key_file)
    if not authority.exists():
        return f"SSH CA public key file '{authority}' doesn't exist"
    key = settings.path(settings.ssh_identity_key_file)
    certificate = key.with_name(f"{key.name}-cert.pub")
    return None if certificate.exists() else f"SSH certificate file '{certificate}' doesn't exist"


def level_problem(settings: Settings) -> str | None:
    """What is wrong with C{ssh_log_level}."""
    level, regular = settings.ssh_log_level, settings.log_level.lower()
    if level not in _LEVELS:
        return f"Wrong value '{level}' for ssh_log_level, must be one of {', '.join(_LEVELS)}"
    too_verbose = regular in _LEVELS and _LEVELS.index(level) < _LEVELS.index(regular)
    if too_verbose and "ssh_log_level" in settings.given:
        return "ssh_log_level cannot be more verbose than regular log level"
    return None
