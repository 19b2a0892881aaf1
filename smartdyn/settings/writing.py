"""Writes settings that were taken over, and says what became of each."""

from __future__ import annotations

import grp
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from smartdyn.errors import SettingsError
from smartdyn.settings.former import ACCOUNT, Former
from smartdyn.settings.inline import inline
from smartdyn.settings.moving import Fate, Move, Plan

NAME: Final = "smartdyn.yml"
"""In C{settings.d}; it is read last, so it wins over what the package has installed."""

_HEAD: Final = "# Taken over from {files} by `smartdyn config import`. What was changed says why.\n"
_MODE: Final = 0o640
_WIDTH: Final = 8


def render(former: Former, plan: Plan) -> str:
    """The file."""
    lines = [_HEAD.format(files=", ".join(map(str, former.files))), "---\n"]
    for move in plan.written:
        if move.why:
            lines.append(f"# {move.why}\n")
        lines.append(f":{move.key}: {inline(move.value)}\n")
    return "".join(lines)


def report(former: Former, plan: Plan) -> Iterator[str]:
    """A line for each setting, then what is left to do."""
    yield f"Settings of {former.layout.value} in {', '.join(map(str, former.files))}:"
    for move in sorted(plan.moves, key=lambda move: list(Fate).index(move.fate)):
        yield f"{move.fate.value:{_WIDTH}} {_described(move)}"
    yield ""
    yield "To be done by hand:"
    for number, text in enumerate(plan.by_hand, 1):
        yield f"{number:2}. {text}"


def write(folder: Path, text: str, *, force: bool) -> tuple[Path, Path | None] | None:
    """Write the file, for root and the group of the directory only.

    @param force: replace what is there, after a copy was made of it.
    @return: the file and the copy of the former one, if there was one; nothing when the same text was there already.
    @raise SettingsError: another is there, or it cannot be written.
    """
    path = folder / "settings.d" / NAME
    try:
        former = path.read_text(encoding="utf-8") if path.exists() else None
        if former == text:
            return None
        if former is not None and not force:
            raise SettingsError([f"{path} is there already and says something else. Use --force to replace it."])
        _make_folder(path.parent)
        copy = _keep(path) if former is not None else None
        _replace(path, text)
    except OSError as error:
        raise SettingsError([f"{path} cannot be written: {error.strerror}."]) from error
    return path, copy


def _make_folder(folder: Path) -> None:
    """As the one that it is in: whoever reads that must be able to read this."""
    if not folder.exists():
        folder.mkdir(mode=0o750, parents=True)
        above = folder.parent.stat()
        folder.chmod(above.st_mode & 0o777)
        if os.geteuid() == 0:
            os.chown(folder, above.st_uid, above.st_gid)


def _keep(path: Path) -> Path:
    """A copy with a name of its own and the mode of the original."""
    number = 1
    while (copy := path.with_name(f"{path.name}.{number}")).exists():
        number += 1
    descriptor = os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with open(descriptor, "wb") as file:
        file.write(path.read_bytes())
    status = path.stat()
    copy.chmod(status.st_mode & 0o777)
    return copy


def _replace(path: Path, text: str) -> None:
    """All of it or nothing: it is renamed when it is whole."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            if os.geteuid() == 0:
                os.fchown(file.fileno(), 0, _group(path.parent.parent))
            os.fchmod(file.fileno(), _MODE)
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def _group(folder: Path) -> int:
    """The group that may read settings: that of the files that are there, or else of the service's account."""
    for path in (folder / "settings.yml", *sorted(folder.glob("settings.d/*.yml"))):
        if path.exists():
            return path.stat().st_gid
    try:
        return grp.getgrnam(ACCOUNT).gr_gid
    except KeyError:
        return folder.stat().st_gid


def _described(move: Move) -> str:
    place = f"  ({move.place})" if move.place else ""
    if move.fate in (Fate.DROPPED, Fate.UNKNOWN):
        return f"{move.key}: {move.why}{place}"
    why = f": {move.why}" if move.why else ""
    return f"{move.key} = {inline(move.value)}{why}{place}"
