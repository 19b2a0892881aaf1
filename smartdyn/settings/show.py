"""The settings in force, for people."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from smartdyn.settings.load import load_settings
from smartdyn.settings.schema import TYPES, Settings


def render(folder: Path) -> str:
    """Each setting on a line; those that nobody set are marked.

    @raise smartdyn.errors.SettingsError: they cannot be used.
    """
    settings, usual = load_settings(folder), Settings()
    lines = []
    for each in fields(Settings):
        if each.name not in TYPES:
            continue
        value = getattr(settings, each.name)
        mark = "  # default" if value == getattr(usual, each.name) else ""
        shown = "" if value is None else dict(value) if each.name == "queue_sizes" else value
        lines.append(f"{each.name}: {shown}{mark}".replace(":  #", ": ~  #"))
    return "\n".join(lines) + "\n"
