"""Checks of a host: whether scripts can get there and be run."""

from __future__ import annotations

from collections.abc import Callable

from smartdyn.doctor.context import Context
from smartdyn.doctor.verdict import Finding, Status, Verdict, error, not_applicable, ok, warning
from smartdyn.doctor.visit import Visit
from smartdyn.errors import DeadlineExceeded
from smartdyn.rex.failures import NoCredentials
from smartdyn.ssh.errors import (
    AuthenticationFailed,
    ChannelFailed,
    ConnectFailed,
    HandshakeFailed,
    HostKeyRejected,
    KnownHostsUnusable,
)

_LITTLE = 100 * 1024
"""Kilobytes."""

_SKEW = 60.0
_FEWEST_SESSIONS = 2
"""The script's own, and one for the dialogue about it."""

_FIXES = {
    "Connection refused": "Start sshd there (systemctl start sshd), or correct the port.",
    "Connection timed out": "Look for a firewall on the way, and whether the host is up.",
    "No route to host": "Look for a firewall on the way, and whether the host is up.",
}


def _reached(context: Context, visit: Visit) -> Verdict:
    failure, target = visit.failure, visit.job.target
    if isinstance(failure, ConnectFailed):
        resolving = "Correct the name, or see /etc/resolv.conf."
        fix = next((text for reason, text in _FIXES.items() if reason in failure.reason), resolving)
        return error(f"{target.host} port {target.port}: {failure.reason}.", fix)
    if isinstance(failure, HandshakeFailed):
        return error(
            f"{target.host} port {target.port}: {_line(failure.reason)}.",
            "See whether that is sshd's port, and whether it has algorithms of this century (OpenSSH 6.7 or newer).",
        )
    if isinstance(failure, DeadlineExceeded):
        return error(
            f"{target.host} takes too long: {failure}.", "See what keeps it busy; its DNS may be away (UseDNS)."
        )
    if isinstance(failure, KnownHostsUnusable):
        return not_applicable("Nobody was asked: the host's key could not have been judged.")
    return ok(f"{target.host} port {target.port} can be reached.")


def _believed(context: Context, visit: Visit) -> Verdict:
    target, settings = visit.job.target, context.settings
    path = context.path(settings.ssh_ca_known_hosts_file or settings.ssh_known_hosts_file)
    name = target.host if target.port == 22 else f"[{target.host}]:{target.port}"
    if isinstance(visit.failure, HostKeyRejected):
        text = visit.failure.args[0].replace("@", "").strip().splitlines()
        said = next((line.strip() for line in text if "key" in line.lower()), text[0])
        return error(
            f"The host key is not accepted: {said.rstrip('.')}.",
            f"If the host was built anew: ssh-keygen -R '{name}' -f {path}",
        )
    if isinstance(visit.failure, KnownHostsUnusable):
        return error(
            f"The host keys in {visit.failure.path} cannot be {visit.failure.deed}: {visit.failure.reason}.",
            f"Make it a file that {context.account.name} may read (ls -ld {visit.failure.path}).",
        )
    if visit.is_new:
        return ok("Its host key is learned with the first job.")
    return _after(visit) or ok("Its host key is the one that we know.")


def _logged_in(context: Context, visit: Visit) -> Verdict:
    failure, target = visit.failure, visit.job.target
    if isinstance(failure, NoCredentials):
        return error(
            f"We have nothing to log in with: {_line(str(failure))}.", "See what the checks of the SSH key say."
        )
    if isinstance(failure, AuthenticationFailed):
        public = context.path(f"{context.settings.ssh_identity_key_file}.pub")
        return error(
            f"{target.user} is not let in with our key ({', '.join(failure.accepted) or 'nothing'} would be).",
            f"ssh-copy-id -f -i {public} -p {target.port} {target.user}@{target.host}, or let Foreman put it there.",
        )
    return _after(visit) or ok(f"{target.user} is let in.")


def _shell(context: Context, visit: Visit) -> Verdict:
    if isinstance(visit.failure, ChannelFailed):
        return error(
            f"Commands cannot be run: {_line(str(visit.failure))}.", "Look for ForceCommand and the login shell there."
        )
    if (stopped := _after(visit)) is not None:
        return stopped
    if "end" not in visit.said:
        return error(
            "/bin/sh did not run what we sent.", f"Give {visit.job.target.user} a login shell (chsh -s /bin/sh)."
        )
    return ok("Commands can be run.")


def _directory(context: Context, visit: Visit) -> Verdict:
    folder, user = visit.job.remote_working_dir, visit.job.target.user
    if "directory" not in visit.said:
        return error(f"There is no directory {folder} there.", f"mkdir -m 1777 {folder}, or set `remote_working_dir`.")
    if "writable" not in visit.said:
        return error(f"{user} may not write to {folder}.", f"chmod 1777 {folder}, or set `remote_working_dir`.")
    return ok(f"{folder} can be written.")


def _executable(context: Context, visit: Visit) -> Verdict:
    if "writable" not in visit.said:
        return not_applicable("Nothing can be written there.")
    if "executable" not in visit.said:
        return error(
            f"Nothing in {visit.job.remote_working_dir} can be executed: it is mounted noexec.",
            "Set `remote_working_dir` to a directory of another file system.",
        )
    return ok("Scripts can be executed.")


def _room(context: Context, visit: Visit) -> Verdict:
    free = visit.said.get("free", "")
    if not free.isdigit():
        return not_applicable("The host does not say how much room there is.")
    if int(free) < _LITTLE:
        return error(
            f"Only {int(free) // 1024} MB are free in {visit.job.remote_working_dir}.", "Make room there (du -x)."
        )
    return ok(f"{int(free) // 1024:,} MB are free.")


def _becomes(context: Context, visit: Visit) -> Verdict:
    job, said = visit.job, visit.said
    if job.effective_user is None:
        return not_applicable("Scripts are run by who logs in.")
    if "user" not in said:
        return error(f"There is no user {job.effective_user} there.", f"useradd {job.effective_user}")
    if "method" not in said:
        return error(
            f"There is no {job.method} there.", f"Install {job.method}, or choose another effective user method."
        )
    if said.get("become", "0") == "0":
        if job.method == "su" and said.get("uid") != "0":
            return ok("su will ask for a password, which the job has to carry.")
        return ok(f"{job.target.user} may become {job.effective_user}.")
    answer = _line(said.get("answer", ""))
    if "password" in answer:
        return warning(
            f"{job.method} wants a password: jobs have to carry the effective user's password.",
            f"Or: echo '{job.target.user} ALL=({job.effective_user}) NOPASSWD: ALL' > /etc/sudoers.d/foreman there.",
        )
    return error(
        f"{job.target.user} may not become {job.effective_user}: {answer}.",
        f"Allow it in sudoers (visudo), for {job.target.user}.",
    )


def _lists(context: Context, visit: Visit) -> Verdict:
    job, said = visit.job, visit.said
    if job.effective_user in (None, "root") or said.get("uid") == "0" or "user" not in said:
        return not_applicable("Nobody else needs to see the script.")
    if "setfacl" not in said:
        return error(
            "There is no setfacl there, which lets the effective user see the script.", "Install the package acl."
        )
    if "writable" in said and "acl" not in said:
        return error(
            f"The file system of {job.remote_working_dir} has no access control lists.",
            "Mount it with the option acl, or set `remote_working_dir` to another one.",
        )
    return ok("The effective user can be let at the script.")


def _sessions(context: Context, visit: Visit) -> Verdict:
    wanted = context.settings.ssh_sessions_per_connection
    if visit.sessions < min(_FEWEST_SESSIONS, wanted):
        return warning(
            f"A connection may have {visit.sessions} more sessions; each job then takes several connections.",
            "Set MaxSessions 10 in sshd_config there.",
        )
    if visit.sessions < wanted:
        return warning(
            f"A connection may have {visit.sessions} sessions, and {wanted} jobs are to share one.",
            f"Set MaxSessions {wanted + 2} in sshd_config there, or `ssh_sessions_per_connection` to {visit.sessions}.",
        )
    return ok(f"A connection may have {wanted} sessions and more.")


def _startups(context: Context, visit: Visit) -> Verdict:
    wanted = context.settings.ssh_connections_at_once
    if visit.turned_away:
        return warning(
            f"sshd turned away {visit.turned_away} of {wanted} connections at once; they are tried again, later.",
            f"Set MaxStartups {3 * wanted}:30:{10 * wanted} in sshd_config there, or fewer `ssh_connections_at_once`.",
        )
    return ok(f"sshd takes {wanted} connections at once.")


def _same_time(context: Context, visit: Visit) -> Verdict:
    now = visit.said.get("now", "")
    if not now.isdigit():
        return not_applicable("The host does not tell its time.")
    skew = context.now() - int(now)
    if abs(skew) > _SKEW:
        return warning(f"The host's clock differs by {abs(skew):,.0f} s from ours.", "Synchronise it (chronyd).")
    return ok("The host's clock and ours agree.")


def _after(visit: Visit) -> Verdict | None:
    return None if visit.failure is None else not_applicable("There was no way in.")


def _line(text: str) -> str:
    return " ".join(text.split())[:200].rstrip(".")


_WAY = (
    ("target-reached", "the host can be reached", _reached),
    ("target-host-key", "the host is the one that we know", _believed),
    ("target-login", "the service can log in", _logged_in),
    ("target-shell", "commands can be run", _shell),
)
_THERE: tuple[tuple[str, str, Callable[[Context, Visit], Verdict]], ...] = (
    ("target-directory", "the working directory", _directory),
    ("target-executable", "scripts can be executed", _executable),
    ("target-room", "room in the working directory", _room),
    ("target-user", "the effective user", _becomes),
    ("target-acl", "the effective user can see the script", _lists),
    ("target-sessions", "sessions on a connection (MaxSessions)", _sessions),
    ("target-startups", "connections at once (MaxStartups)", _startups),
    ("target-clock", "the host's clock", _same_time),
)


def findings(context: Context, visit: Visit) -> list[Finding]:
    """What is to be said of a host."""
    way = [Finding(id, "target", title, look(context, visit)) for id, title, look in _WAY]
    if any(each.verdict.status is Status.ERROR for each in way):
        return way
    return way + [Finding(id, "target", title, look(context, visit)) for id, title, look in _THERE]
