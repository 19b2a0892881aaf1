"""Why jobs fail on our side, in the words that Foreman's users know and search for."""

from __future__ import annotations

from collections.abc import Sequence

from smartdyn.errors import SmartdynError
from smartdyn.rex.protocol import Marker
from smartdyn.ssh.errors import AuthenticationFailed, KnownHostsUnusable, SSHError

INITIALIZING = "Error initializing command"
PROXY = "Proxy error"


class JobFailed(SmartdynError):
    """A job cannot be run, or its outcome cannot be known.

    @param context: the part of the work in which it failed, as the reference names it.
    """

    def __init__(self, text: str, context: str = INITIALIZING) -> None:
        super().__init__(f"{context}: RuntimeError - {text}")


class NoCredentials(SSHError):
    """There is nothing to log in with; the text says why."""


def no_connection(error: SSHError, methods: Sequence[str]) -> JobFailed:
    """We did not get in."""
    if isinstance(error, (NoCredentials, KnownHostsUnusable)):
        return JobFailed(str(error))
    if isinstance(error, AuthenticationFailed):
        sections = [(attempt.method, attempt.text) for attempt in error.attempts]
    else:
        sections = [(method, str(error)) for method in methods]
    tried = ", ".join(dict.fromkeys(method for method, _ in sections))
    text = "".join(f"\n\nAuthentication method '{method}' failed with:\n{said}\r\n" for method, said in sections)
    return JobFailed(
        f"Could not establish connection to remote host using any available authentication method, tried {tried}{text}"
    )


def remote_error(marker: Marker, folder: str) -> JobFailed:
    """The host could not prepare or start the script.

    @param marker: C{error CODE TEXT}.
    """
    code, *words = marker.arguments or ("unknown",)
    said = " ".join(words)
    if code == "mkdir":
        text = f"Unable to create directory {folder} on remote system, exit code: 1\n{said}"
    elif code in {"write", "mkfifo", "chmod", "chown", "input", "header"}:
        text = f"Unable to upload file to {folder} on remote system, exit code: 1\n{said}"
    elif code == "exec":
        status, _, detail = said.partition(" ")
        text = f"Failed to execute script on remote machine, exit code: {status}.\n{detail}"
        if status == "126":
            text += f"\nIf the file system of {folder} is mounted noexec, set another `remote_working_dir`."
    elif code in {"auth", "user", "method", "perm"}:
        status = words[0] if words and words[0].isdigit() else "1"
        text = f"Failed to change to effective user, exit code: {status}\n{said.removeprefix(status).strip()}"
    elif code == "acl":
        text = (
            f"Failed to change to effective user, exit code: 1\n{said}\n"
            "The ssh user cannot share files with the effective user: install the acl package on the host, "
            "or log in as root."
        )
    else:
        text = f"The host could not run the script: {code} {said}".rstrip()
    return JobFailed(text)


def no_status(reason: str, host: str) -> JobFailed:
    """A script is no more, or out of reach, and has left no exit status.

    @param reason: as the remote side says it behind C{lost}.
    """
    texts = {
        "reboot": f"{host} was restarted while the script was running; its exit status is not known.",
        "never-ran": f"The script did not get to run on {host}. It can be run again.",
        "gone": f"The directory of the job on {host} is gone; no exit status is known.",
        "alive": "The script's supervisor on the host was killed; the script goes on, but its exit status is lost.",
    }
    killed = (
        f"The script on {host} was killed together with its supervisor; no exit status is known. If that happens "
        "whenever a connection ends, the host's logind has KillUserProcesses=yes: enable lingering for the ssh user "
        "(loginctl enable-linger)."
    )
    return JobFailed(texts.get(reason, killed), "Runner error")


def no_terminal(error: SSHError) -> JobFailed:
    """A password would have to be typed, and there is nothing to type it on."""
    return JobFailed(
        f"Failed to change to effective user, exit code: 1\n{error} A password is asked for on a terminal: let sshd "
        "give one (PermitTTY in sshd_config), or sudo do without the password (NOPASSWD in sudoers)."
    )


def silent_host(user: str, seconds: float) -> JobFailed:
    """A shell was asked for, and what we sent it was not run."""
    return JobFailed(
        f"The host did not begin to run anything within {seconds:g} s. A login file of {user} (.bashrc, .cshrc, "
        "config.fish, ...) may be waiting for input, or may have taken what was meant for the script's shell: "
        "have it do so only in interactive shells."
    )
