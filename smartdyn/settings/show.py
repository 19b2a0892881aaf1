"""The settings in force, for people."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from smartdyn.settings.inline import inline
from smartdyn.settings.load import load_settings, read_settings
from smartdyn.settings.schema import TYPES, Settings


def render(folder: Path, *, origin: bool = False) -> str:
    """Each setting on a line of YAML; those that are as they are by default are marked.

    @param origin: say instead of each where it was set.
    @raise smartdyn.errors.SettingsError: they cannot be used.
    """
    settings, usual = load_settings(folder), Settings()
    places = {entry.key: entry.place for entry in read_settings(folder).entries if entry.value is not None}
    lines = []
    for each in fields(Settings):
        if each.name not in TYPES:
            continue
        value = getattr(settings, each.name)
        mark = "default" if value == getattr(usual, each.name) else ""
        if origin:
            mark = places.get(each.name, "default")
        lines.append(f"{each.name}: {inline(value)}{mark and f'  # {mark}'}")
    return "\n".join(lines) + "\n"
