"""The account that the service runs as, and what it may do with files."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

_ACL = "system.posix_acl_access"


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine."""

    name: str
    uid: int
    groups: frozenset[int]
    home: Path

    @property
    def is_root(self) -> bool:
        """May it do everything?"""
        return self.uid == 0

    def may(self, wanted: str, path: Path) -> bool:
        """May it do that with a file or directory, and get there, also over links?

        Judged by owner, group and mode. Where an access control list says more than these, it is believed that it may.

        @param wanted: letters of C{rwx}.
        @raise OSError: the file is not there, or we may not even look.
        """
        bits = sum({"r": 4, "w": 2, "x": 1}[letter] for letter in wanted)
        if not self._allowed(path, path.stat(), bits):
            return False
        way = dict.fromkeys([*path.absolute().parents, *Path(os.path.realpath(path)).parents])
        return all(self._allowed(parent, parent.stat(), 1) for parent in way)

    def owns(self, path: Path) -> bool:
        """Is it the owner?

        @raise OSError: the file is not there.
        """
        return path.stat().st_uid == self.uid

    def _allowed(self, path: Path, status: os.stat_result, bits: int) -> bool:
        if self.is_root or _has_list(path):
            return True
        if status.st_uid == self.uid:
            shift = 6
        elif status.st_gid in self.groups:
            shift = 3
        else:
            shift = 0
        return (stat.S_IMODE(status.st_mode) >> shift) & bits == bits


def account(name: str) -> Account | None:
    """The account with this name or number, None when there is none."""
    try:
        entry = pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
    except KeyError:
        return None
    groups = {group.gr_gid for group in grp.getgrall() if entry.pw_name in group.gr_mem}
    return Account(entry.pw_name, entry.pw_uid, frozenset({entry.pw_gid, *groups}), Path(entry.pw_dir))


def own_account() -> Account:
    """Ours."""
    found = account(str(os.geteuid()))
    home = Path(os.environ.get("HOME") or (found.home if found else "/"))
    return Account(
        found.name if found else str(os.geteuid()), os.geteuid(), frozenset({os.getegid(), *os.getgroups()}), home
    )


def _has_list(path: Path) -> bool:
    try:
        return bool(os.getxattr(path, _ACL))
    except OSError:
        return False
