"""Checks of the machine: time, memory, limits, SELinux, FIPS, the interpreter."""

from __future__ import annotations

import os
import sqlite3
import ssl
from pathlib import Path

from smartdyn.doctor.context import Context
from smartdyn.doctor.verdict import Check, Verdict, error, not_applicable, ok, warning

_BEGINNING = 1_767_225_600.0
"""The first of January 2026: no clock that is right shows an earlier time."""

_CENTURY = 3_155_760_000.0
_MEGABYTE = 1024 * 1024
_LITTLE_MEMORY = 256 * _MEGABYTE
_NO_MEMORY = 64 * _MEGABYTE
_FILES_PER_CONNECTION = 4
_FILES_BESIDE = 500
"""Descriptors for the database, listeners, their clients and Foreman."""

_OLDEST_SQLITE = (3, 34)


def _clock(context: Context) -> Verdict:
    now = context.now()
    if not _BEGINNING < now < _BEGINNING + _CENTURY:
        return error("The clock is wrong by years.", "Set it (date -s, hwclock) and start chronyd.")
    return ok("The clock shows a possible time.")


def _synchronised(context: Context) -> Verdict:
    ran = context.run(["timedatectl", "show", "-p", "NTPSynchronized", "-p", "NTP"])
    said = dict(line.split("=", 1) for line in ran.output.splitlines() if "=" in line) if ran and not ran.status else {}
    if "NTPSynchronized" not in said:
        return not_applicable("Nobody here knows whether the clock is synchronised.")
    if said["NTPSynchronized"] != "yes":
        return warning(
            "The clock is not synchronised; certificates and reports need the right time.",
            "systemctl enable --now chronyd (or systemd-timesyncd)",
        )
    return ok("The clock is synchronised.")


def _files(context: Context) -> Verdict:
    settings = context.settings
    wanted = settings.ssh_connections_at_once_in_all * _FILES_PER_CONNECTION + _FILES_BESIDE
    limit = _file_limit(context)
    if limit is None:
        return not_applicable("The limit of the service is not known while it is down and has no unit.")
    if limit < wanted:
        return warning(
            f"The service may open {limit} files, and {settings.ssh_connections_at_once_in_all} connections at once "
            f"may need {wanted}.",
            "Set LimitNOFILE=65536 (systemctl edit smartdyn) and restart it.",
        )
    return ok(f"The service may open {limit} files.")


def _file_limit(context: Context) -> int | None:
    if context.pid is not None:
        for line in (context.kernel(f"proc/{context.pid}/limits") or "").splitlines():
            if line.startswith("Max open files"):
                return _number(line.split()[3])
    return _number(context.unit.get("LimitNOFILESoft") or context.unit.get("LimitNOFILE") or "")


def _number(text: str) -> int | None:
    if text in {"unlimited", "infinity"}:
        return 2**63
    return int(text) if text.isdigit() else None


def _memory(context: Context) -> Verdict:
    lines = (context.kernel("proc/meminfo") or "").splitlines()
    sizes = {line.split(":")[0]: line.split()[1] for line in lines if len(line.split()) > 1}
    if not sizes.get("MemAvailable", "").isdigit():
        return not_applicable("The kernel does not say how much memory is free.")
    free = int(sizes["MemAvailable"]) * 1024
    text = f"{free / _MEGABYTE:,.0f} MB of memory are free."
    fix = "See what else runs here (ps --sort=-rss), or give the machine more memory."
    if free < _NO_MEMORY:
        return error(text, fix)
    return warning(text, fix) if free < _LITTLE_MEMORY else ok(text)


def _labels(context: Context) -> Verdict:
    """Keys in a directory without the label of keys cannot be read by confined services (foreman-proxy-selinux)."""
    if context.kernel("sys/fs/selinux/enforce") != "1":
        return not_applicable("SELinux does not enforce anything here.")
    confined = context.kernel(f"proc/{context.pid}/attr/current") if context.is_up else None
    if confined is None or "unconfined" in confined:
        return not_applicable("The service is not confined, or down.")
    folder = context.path(context.settings.ssh_identity_key_file).parent
    ran = context.run(["stat", "-c", "%C", str(folder)]) if folder.is_dir() else None
    if ran is None or ran.status:
        return not_applicable(f"{folder} has no label.")
    if ":ssh_home_t:" not in f"{ran.output.strip()}:":
        return warning(
            f"{folder} has the label {ran.output.strip()}, not that of SSH keys.",
            f"semanage fcontext -a -t ssh_home_t '{folder}(/.*)?' && restorecon -Rv {folder}",
        )
    return ok(f"{folder} has the label of SSH keys.")


def _denials(context: Context) -> Verdict:
    if context.kernel("sys/fs/selinux/enforce") != "1":
        return not_applicable("SELinux does not enforce anything here.")
    ran = context.run(["ausearch", "--input-logs", "-m", "AVC,USER_AVC", "-ts", "recent", "--raw"])
    if ran is None:
        return not_applicable("ausearch is not there, or we may not use it.")
    ours = [line for line in ran.output.splitlines() if "denied" in line and _is_ours(context, line)]
    if ours:
        return error(
            f"SELinux has denied {len(ours)} things to the service in the last ten minutes.",
            "ausearch -m AVC -ts recent | audit2why says what; restorecon -Rv on what it names, or a policy module.",
        )
    return ok("SELinux has denied nothing lately.")


def _is_ours(context: Context, line: str) -> bool:
    return f" pid={context.pid} " in line or 'comm="smartdyn"' in line or 'comm="twistd"' in line


def _fips(context: Context) -> Verdict:
    if context.kernel("proc/sys/crypto/fips_enabled") != "1":
        return not_applicable("The machine is not in FIPS mode.")
    from cryptography.hazmat.backends.openssl import backend  # noqa: PLC0415  # slow, and seldom needed

    if not getattr(backend, "_fips_enabled", False):
        return warning(
            f"The machine is in FIPS mode, and what encrypts here ({backend.openssl_version_text()}) is not.",
            "Install a python3-cryptography that uses the system's OpenSSL; docs/security.md says more.",
        )
    return ok("The library that encrypts is in FIPS mode too.")


def _python(context: Context) -> Verdict:
    if context.python < (3, 11):
        version = ".".join(map(str, context.python))
        return error(f"This is Python {version}.", "Install Python 3.11 or newer (python3.11, python3.12).")
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        return error(f"This is SQLite {sqlite3.sqlite_version}.", "Install SQLite 3.34 or newer.")
    version = ".".join(map(str, context.python))
    return ok(f"Python {version}, SQLite {sqlite3.sqlite_version}, {ssl.OPENSSL_VERSION}.")


def _unpacked(context: Context) -> Verdict:
    """The one-file program unpacks its libraries, which are loaded from there (shiv)."""
    chosen = context.environment.get("SHIV_ROOT")
    if not chosen:
        return not_applicable("The program is not the one-file one, or unpacks itself at home.")
    folder = Path(chosen)
    place = next(each for each in (folder, *folder.parents) if each.exists())
    if not context.account.may("wx", place):
        return error(
            f"{context.account.name} may not write to {place}, where the program unpacks itself (SHIV_ROOT).",
            f"install -d -o {context.account.name} -m 0750 {folder}",
        )
    if getattr(context.filesystem(place), "f_flag", 0) & os.ST_NOEXEC:
        return error(
            f"{place} is mounted noexec, and the program loads its libraries from there (SHIV_ROOT).",
            "Set SHIV_ROOT to a directory of another file system (systemctl edit smartdyn).",
        )
    return ok(f"The program can unpack itself into {folder}.")


CHECKS = (
    Check("clock", "the clock", _clock),
    Check("clock-synchronised", "the clock is kept right", _synchronised, waits=True),
    Check("open-files", "files that the service may open", _files),
    Check("memory", "free memory", _memory),
    Check("selinux-labels", "SELinux: the label of the keys", _labels, waits=True),
    Check("selinux-denials", "SELinux: what was denied", _denials, waits=True),
    Check("fips", "FIPS mode", _fips),
    Check("python", "the interpreter", _python),
    Check("unpacked", "the place that the program unpacks itself to", _unpacked),
)
