"""Hosts and accounts of every kind: what is /bin/sh there, what is in PATH, what login files do."""

from __future__ import annotations

import pwd
import shutil
import subprocess
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.support import sshd
from tests.support.sshd import Sshd, make_account

_TOOLS = Path("/usr/local/lib/smartdyn-tests")
_BARE = "bash cat chmod chown cut dd env find id mkdir mkfifo mv rm rmdir sh sha256sum sleep stty sudo wc"
_SUDOERS = """Defaults:rexreq requiretty
rexreq ALL=(ALL) NOPASSWD: ALL
Defaults:rexlect lecture=always, use_pty, requiretty, timestamp_timeout=0
rexlect ALL=(ALL) ALL
rexash,rexdash,rextcsh,rexfish,rexmask,rexnoisy,rexhome ALL=(ALL) NOPASSWD: ALL
"""
_LOGIN_FILES = {
    "rexmask": "umask 077",
    "rexnoisy": "echo 'Welcome!'; echo 'SMARTDYN 1 0123456789abcdef hello'; printf 'no newline'; echo oops >&2",
    "rexreads": "read -r line",
    "rexeats": "cat >/dev/null",
}


def with_shell(shell: str) -> Sshd:
    """A host whose /bin/sh is another shell."""
    if reason := sshd.missing():
        raise SkipTest(reason)
    return sshd.shared(mounts=f"mount --bind {shutil.which(shell)} /bin/sh")


def with_busybox_only() -> Sshd:
    """A host that has nothing but busybox (and sudo) in its PATH."""
    folder = _TOOLS / "busybox"
    if not folder.exists():
        folder.mkdir(parents=True)
        subprocess.run(["busybox", "--install", "-s", str(folder)], check=True)
        _link(folder, "sudo")
    return sshd.shared(f"SetEnv PATH={folder}", "mount --bind /bin/busybox /bin/sh")


def with_little() -> Sshd:
    """A host without setsid, setfacl, unshare, stdbuf and GNU's tail."""
    folder = _TOOLS / "bare"
    folder.mkdir(parents=True, exist_ok=True)
    for command in _BARE.split():
        _link(folder, command)
    _link(folder, "tail", "busybox")
    return sshd.shared(f"SetEnv PATH={folder}")


def with_disks() -> Sshd:
    """A host with a noexec file system, a small and a tiny one, in the server's folder."""
    disks = {"noexec": "noexec", "small": "size=256k", "tiny": "size=16k"}
    lines = [f"mkdir -p {name}; mount -t tmpfs -o mode=1777,{option} tmpfs {name}" for name, option in disks.items()]
    return sshd.shared(mounts="\n".join(lines))


def with_stubs() -> Sshd:
    """A host with a dzdo, and with a su that speaks German unless it is told not to."""
    folder = _TOOLS / "stubs"
    folder.mkdir(parents=True, exist_ok=True)
    _script(
        folder / "dzdo",
        "ask=1; while [ $# -gt 0 ]; do case $1 in -n) ask=; shift ;; -p) shift 2 ;; -u) user=$2; shift 2 ;; *) break;; "
        'esac; done\n[ -n "$ask" ] || { echo "dzdo: a password is required" >&2; exit 1; }\n'
        'stty -echo; printf "Password: " >/dev/tty; read -r given </dev/tty; stty echo\n'
        '[ "$given" = sekret-dzdo ] || { printf "Password: " >/dev/tty; read -r given </dev/tty; exit 1; }\n'
        'exec sudo -n -u "$user" "$@"',
    )
    _script(folder / "su", '[ "$LC_ALL" = C ] || { echo "Passwort, bitte" >&2; exit 1; }\nexec /bin/su "$@"')
    return sshd.shared(f"SetEnv PATH={folder}:/usr/bin:/bin LANG=de_DE.UTF-8")


def make_special_accounts() -> None:
    """Accounts with other login shells, login files, rights and without home."""
    ash = _TOOLS / "ash"
    ash.parent.mkdir(parents=True, exist_ok=True)
    if not ash.exists():
        ash.symlink_to("/bin/busybox")
    shells = {"rexash": str(ash), "rexdash": "/bin/dash", "rextcsh": "/bin/tcsh", "rexfish": "/usr/bin/fish"}
    for user, shell in shells.items():
        make_account(user, shell)
    for user in ("rexreq", "rexlect", *_LOGIN_FILES):
        make_account(user)
    make_account("rexhome", home="/nonexistent")
    for user, text in _LOGIN_FILES.items():
        Path(pwd.getpwnam(user).pw_dir, ".bashrc").write_text(f"{text}\n")
    sudoers = Path("/etc/sudoers.d/smartdyn-test-hosts")
    if not sudoers.exists() or sudoers.read_text() != _SUDOERS:
        sudoers.write_text(_SUDOERS)
        sudoers.chmod(0o440)


def _link(folder: Path, name: str, command: str = "") -> None:
    link = folder / name
    link.unlink(missing_ok=True)
    link.symlink_to(str(shutil.which(command or name)))


def _script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
