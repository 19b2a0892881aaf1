"""What visitors of the console may do, by the names in their certificates."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum


class Role(IntEnum):
    """Each may do what those before it may."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3

    @property
    def word(self) -> str:
        """Its name in the settings."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Roles:
    """The setting C{console_roles}.

    @param patterns: names in lower case, in which C{*} stands for anything.
    """

    patterns: Mapping[Role, tuple[str, ...]]

    def of(self, name: str) -> Role | None:
        """The highest role of whoever has this name; None when it has none."""
        return max((role for role, wanted in self.patterns.items() if _is_one_of(name.lower(), wanted)), default=None)


def roles(setting: Mapping[str, Sequence[str]]) -> Roles | None:
    """What a setting says; None when it says nothing, and whoever is let in may do everything."""
    if not setting:
        return None
    return Roles({Role[word.upper()]: tuple(name.lower() for name in names) for word, names in setting.items()})


def _is_one_of(name: str, patterns: Sequence[str]) -> bool:
    return any(re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name, re.DOTALL) for pattern in patterns)
