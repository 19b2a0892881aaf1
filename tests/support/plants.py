"""Secrets that are planted, and looked for afterwards."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True)
class Plant:
    """
    @param what: what it is a secret of.
    @param is_input: it stands in an ordinary input that Foreman sent, which belongs to the task and is shown with it.
    """

    what: str
    value: str
    is_input: bool = False

    def forms(self) -> set[bytes]:
        """How it may look somewhere else."""
        encoded = {base64.b64encode(before + self.value.encode())[:-4] for before in (b"", b"jane:", b":")}
        plain = {self.value, quote(self.value), json.dumps(self.value)[1:-1], self.value[::-1]}
        return encoded | {form.encode() for form in plain}


class Plants:
    """All that a test has planted."""

    def __init__(self) -> None:
        self.all: list[Plant] = []

    def __call__(self, what: str, value: str | None = None, *, is_input: bool = False) -> str:
        """Plant a secret.

        @param value: made up by default.
        """
        plant = Plant(what, value or f"p{len(self.all):02d}ä{secrets.token_hex(8)}", is_input)
        self.all.append(plant)
        return plant.value

    def found(self, places: Mapping[str, bytes], *, shown_with_tasks: Iterable[str]) -> list[tuple[str, str]]:
        """Which of them are where.

        @param places: what is to be looked through, by name.
        @param shown_with_tasks: the names of places where inputs may be seen.
        """
        tolerant = set(shown_with_tasks)
        return [
            (plant.what, name)
            for plant in self.all
            for name, content in places.items()
            if not (plant.is_input and name in tolerant) and any(form in content for form in plant.forms())
        ]
