"""Finds the settings of the Ruby services: the smart proxy's, or the standalone core's."""

from __future__ import annotations

import pwd
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from smartdyn.errors import SettingsError
from smartdyn.settings.yaml import Entry, read

ACCOUNT: Final = "foreman-proxy"
"""Whom the Ruby services run as, and ours."""

USUAL: Final = (Path("/etc/smart_proxy_dynflow_core"), Path("/etc/foreman-proxy"))
"""Where they are; a core comes first, since its smart proxy stays before it."""

_PARTS: Final = ("dynflow", "remote_execution_ssh", "smart_proxy_remote_execution_ssh_core")
"""Files beside C{settings.yml} that concern the parts that are replaced."""

_OF_CORE: Final = frozenset({"listen", "port", "use_https", "daemonize", "pid_file"})
_OF_PROXY: Final = frozenset({"bind_host", "http_port", "https_port", "settings_directory", "trusted_hosts", "daemon"})


class Layout(Enum):
    """Whose settings they are."""

    PROXY = "smart_proxy"
    CORE = "smart_proxy_dynflow_core"


@dataclass(frozen=True, slots=True)
class Former:
    """
    @param entries: what they say, one for each key: where files repeat one, the last counts.
    @param modules: other modules of the smart proxy that are switched on, by the names of their files.
    """

    layout: Layout
    files: tuple[Path, ...]
    entries: tuple[Entry, ...]
    modules: tuple[str, ...] = ()

    def value(self, key: str) -> object:
        """What stands for a key, None when nothing does."""
        return next((entry.value for entry in self.entries if entry.key == key), None)


def find(sources: Sequence[Path]) -> Former:
    """Read them.

    @param sources: a directory with C{settings.yml}, or files; the usual directories when there are none.
    @raise SettingsError: there are none, or one cannot be read.
    """
    chosen = list(sources) or [folder for folder in USUAL if folder.joinpath("settings.yml").exists()][:1]
    if not chosen:
        raise SettingsError(
            [f"There are no settings in {' or '.join(map(str, USUAL))}; name their directory with --from."]
        )
    main = [_main(source) for source in chosen]
    entries = [entry for path in main for entry in read(path)]
    keys = {entry.key for entry in entries}
    layout = Layout.CORE if len(keys & _OF_CORE) > len(keys & _OF_PROXY) else Layout.PROXY
    beside: list[Path] = []
    modules: list[str] = []
    for source in chosen:
        if source.is_dir():
            folder = _parts_folder(source, entries)
            beside.extend(path for name in _PARTS if (path := folder / f"{name}.yml").exists())
            modules.extend(_modules(folder))
    entries.extend(entry for path in beside for entry in read(path))
    last = {entry.key: entry for entry in entries if entry.again is None}
    return Former(layout, (*main, *beside), tuple(last.values()), tuple(modules))


def home() -> Path | None:
    """The home directory of the account that the services run as, None when there is no such account."""
    try:
        return Path(pwd.getpwnam(ACCOUNT).pw_dir)
    except KeyError:
        return None


def _main(source: Path) -> Path:
    path = source / "settings.yml" if source.is_dir() else source
    if not path.exists():
        raise SettingsError([f"{path}: there is no such file. Name the directory of the Ruby service with --from."])
    return path


def _parts_folder(source: Path, entries: Sequence[Entry]) -> Path:
    """Where the smart proxy was told to find the files of its modules, if that is there; or beside its own."""
    told = next((entry.value for entry in entries if entry.key == "settings_directory"), None)
    chosen = source / str(told) if told else source / "settings.d"
    return chosen if chosen.is_dir() else source / "settings.d"


def _modules(folder: Path) -> Iterator[str]:
    """Other modules that are on; files that cannot be read say nothing."""
    for path in sorted(folder.glob("*.yml")):
        if path.stem in _PARTS:
            continue
        try:
            entries = read(path)
        except SettingsError:
            continue
        if any(entry.key == "enabled" and entry.value in (True, "http", "https") for entry in entries):
            yield path.stem
