"""Why a task failed or waits, and what to do next: one table for pages, groups of failures and searches.

The reasons are known by their words: our own, and those of OpenSSH, sudo and the kernel that admins search for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class Cause:
    """
    @param key: what it is searched by, C{cause:unreachable}.
    @param title: what happened, as the head of a group.
    @param advice: what to do next, in one sentence.
    """

    key: str
    title: str
    advice: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a task that did not go well.

    @param said: the end of what this service said of its job.
    @param printed: the end of what its script printed.
    @param errors: what went wrong in its steps.
    @param cancelled: somebody wanted it to end.
    """

    exit_status: int | str | None = None
    said: str = ""
    printed: str = ""
    errors: tuple[str, ...] = ()
    cancelled: bool = False


_JOB: Final[tuple[tuple[str, str, str, str], ...]] = (
    (
        "timeout",
        r"Timeout for execution passed|Timeout exceeded",
        "The time limit passed",
        "See in the output where it stood still; give the job more time, or make the script end sooner.",
    ),
    (
        "host-key-changed",
        r"REMOTE HOST IDENTIFICATION HAS CHANGED",
        "The host key has changed",
        "If the host was installed anew, forget its key and run the job again; if not, find out who answers there.",
    ),
    (
        "host-key",
        r"Host key verification failed",
        "The host key is not trusted",
        "Add the host's key to the known hosts, or remove the mark that refuses it.",
    ),
    (
        "unknown-name",
        r"Could not resolve hostname",
        "The host's name is not known",
        "Check the host's name and the DNS servers of this machine.",
    ),
    (
        "refused",
        r"Connection refused",
        "The host refuses connections",
        "Check that sshd runs and listens on this port.",
    ),
    (
        "unreachable",
        r"ssh: connect to host|No route to host|Connection timed out|was not reachable for|jump host",
        "The host is not reachable",
        "Check that the host is up, and the network and firewalls on the way to it.",
    ),
    (
        "silent",
        r"the key exchange took longer than",
        "The host takes connections and says nothing",
        "Check whether the host is overloaded, and that it is sshd which listens on this port.",
    ),
    (
        "handshake",
        r"The key exchange with .* failed",
        "SSH was not agreed on",
        "Check the log of the host's sshd, and that both sides share an algorithm.",
    ),
    (
        "authentication",
        r"Permission denied \(|Permission denied, please try again",
        "The host let nobody in",
        "Check that this proxy's public key is in authorized_keys of the SSH user, or the password of the job.",
    ),
    (
        "effective-user",
        r"Failed to change to effective user",
        "The effective user could not be had",
        "Check the sudo password of the job and the sudoers of the host.",
    ),
    (
        "noexec",
        r"exit code: 126|mounted noexec",
        "The working directory is mounted noexec",
        "Set another `remote_working_dir`, on a file system from which scripts may be run.",
    ),
    (
        "disk-full",
        r"No space left on device|Disk quota exceeded|disk full",
        "A disk of the host is full",
        "Free space on the host (`df` shows which disk has no space left), then run the job again.",
    ),
    (
        "working-directory",
        r"Unable to (?:create directory|upload file)",
        "The script could not be put on the host",
        "Check that the SSH user may write to `remote_working_dir` on the host.",
    ),
    (
        "interpreter",
        r"Failed to execute script",
        "The host did not run the script",
        "Check the first line of the script: its interpreter must be there on the host.",
    ),
    (
        "login-shell",
        r"did not begin to run anything",
        "A login file holds up the session",
        "Have the login files of the SSH user read input and print only in interactive shells.",
    ),
    (
        "restarted",
        r"was restarted while the script",
        "The host was restarted meanwhile",
        "Find out how far the script got, then run it again.",
    ),
    (
        "killed",
        r"was killed together with its supervisor|supervisor on the host was killed",
        "The script was killed on the host",
        "Check the host's log for who killed it, above all the OOM killer and logind.",
    ),
    (
        "no-end",
        r"did not end within",
        "The job did not end when told to",
        "Look on the host whether it is still running, and end it there.",
    ),
    (
        "plugin-missing",
        r"The action class was not found|Unknown action class",
        "A plugin is missing",
        "Install the plugin again and resume the task.",
    ),
    (
        "sub-tasks",
        r"A sub task failed",
        "A task that was started by it failed",
        "Look at those of its tasks that failed.",
    ),
)
_FOREMAN: Final[tuple[tuple[str, str, str, str], ...]] = (
    (
        "foreman-certificate",
        r"certificate|TLS failed|SSL",
        "Foreman and this proxy do not trust each other",
        "`smartdyn doctor` says which certificate it is, and why. Renew certificates that have expired; check "
        "`foreman_ssl_ca`, `foreman_ssl_cert` and `foreman_url`.",
    ),
    (
        "foreman-refuses",
        r"HTTP 4\d\d",
        "Foreman refuses the result",
        "Check in Foreman that the task still exists and that this proxy is registered and trusted there.",
    ),
    (
        "foreman-fails",
        r"HTTP [35]\d\d",
        "Foreman cannot take the result",
        "Look at Foreman's log for what it could not do.",
    ),
)

CANCELLED: Final = Cause("cancelled", "It was cancelled", "Nothing is to be done, unless it should have run.")
_NOT_STARTED: Final = Cause(
    "not-started", "The job could not be run", "Read what is said of it, put that right and run the job again."
)
STEP: Final = Cause("step-error", "A step failed", "Read the step's error, put its reason right and run it again.")
_FOREMAN_AWAY: Final = Cause(
    "foreman-away", "Foreman cannot be reached", "Check that Foreman runs, `foreman_url`, and the network between."
)
_STATUSES: Final = {
    "126": "The end of its output names what could not be executed: check its permissions and its interpreter.",
    "127": "The end of its output names a command that was not found: install it on the host, or correct the script.",
    "137": "It was killed (SIGKILL): look in the host's log for the OOM killer, or ask who ended it.",
    "143": "It was told to end (SIGTERM): look in the host's log for a shutdown, or ask who ended it.",
}
"""What a shell means by an exit status (POSIX XCU 2.8.2)."""

_EXIT: Final = re.compile(r"exit-(-?\w+)")

_TABLE: Final = {key: Cause(key, title, advice) for key, _, title, advice in (*_JOB, *_FOREMAN)} | {
    cause.key: cause for cause in (CANCELLED, _NOT_STARTED, STEP, _FOREMAN_AWAY)
}
KEYS: Final = (*(key for key, *_ in _JOB), CANCELLED.key, _NOT_STARTED.key, STEP.key)
"""What tasks can be searched for by; those whose script failed have C{exit-} and its status instead."""

_PATTERNS: Final = tuple((key, re.compile(pattern)) for key, pattern, _, _ in _JOB)
_FOREMAN_PATTERNS: Final = tuple((key, re.compile(pattern)) for key, pattern, _, _ in _FOREMAN)
_ALSO_PRINTED: Final = ("disk-full",)
"""What scripts themselves say before they end with a status that says nothing."""


def why(evidence: Evidence) -> Cause:
    """Why a task failed, was cancelled, or does not get on."""
    said = "\n".join((evidence.said, *evidence.errors))
    known = _first(_PATTERNS, said)
    if known is not None and known.key == "timeout":
        return known
    if evidence.cancelled:
        return CANCELLED
    if known is not None:
        return known
    if isinstance(evidence.exit_status, int) and evidence.exit_status != 0:
        printed = _first(((key, pattern) for key, pattern in _PATTERNS if key in _ALSO_PRINTED), evidence.printed)
        return printed or _exit(str(evidence.exit_status))
    return _NOT_STARTED if evidence.exit_status is not None else STEP


def why_waiting(note: str) -> Cause | None:
    """What is behind that what a job waits for; None when that is in the order of things."""
    return _first(_PATTERNS, note)


def why_untold(error: str, *, parked: bool) -> Cause:
    """Why Foreman does not have a result.

    @param error: what came of the last attempt.
    @param parked: it is not sent any more.
    """
    cause = _first(_FOREMAN_PATTERNS, error) or _FOREMAN_AWAY
    after = "Then send it again." if parked else "The result is sent again by itself."
    return replace(cause, advice=f"{cause.advice} {after}")


def by_key(key: str) -> Cause:
    """The cause that a key stands for; one that this version does not know is shown by its key."""
    found = _EXIT.fullmatch(key)
    return _exit(found[1]) if found else _TABLE.get(key, Cause(key, key, STEP.advice))


def _exit(status: str) -> Cause:
    advice = _STATUSES.get(status, "Read the end of its output: the script itself says there why it gave up.")
    return Cause(f"exit-{status}", f"The script ended with exit status {status}", advice)


def _first(patterns: Iterable[tuple[str, re.Pattern[str]]], text: str) -> Cause | None:
    return next((_TABLE[key] for key, pattern in patterns if pattern.search(text)), None)
