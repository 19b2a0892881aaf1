"""Secrets at rest: sealed with a key that is not in the database, and wiped when their job is over."""

from __future__ import annotations

import hashlib
import hmac
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec.structs import replace

from smartdyn.errors import StoreError
from smartdyn.model.records import WholePlan
from smartdyn.secret import Secret
from smartdyn.store.json import encode, loads

KEY_SIZE: Final = 32
_NONCE_SIZE: Final = 12
_SEAL = "INSERT OR REPLACE INTO sealed_secrets (plan_id, action_id, sealed) VALUES (?, ?, ?)"
_WIPE = "DELETE FROM sealed_secrets WHERE plan_id = ?"
_OF_PLAN = "SELECT action_id, sealed FROM sealed_secrets WHERE plan_id = ?"
_ANY = "SELECT plan_id, action_id, sealed FROM sealed_secrets LIMIT 1"


@dataclass(frozen=True, slots=True)
class SealSecrets:
    """Stores an action's secrets, encrypted."""

    plan_id: str
    action_id: int
    sealed: bytes

    def apply(self, tx: sqlite3.Cursor) -> None:
        tx.execute(_SEAL, (self.plan_id, self.action_id, self.sealed))


@dataclass(frozen=True, slots=True)
class WipeSecrets:
    """Deletes all secrets of a plan."""

    plan_id: str

    def apply(self, tx: sqlite3.Cursor) -> None:
        tx.execute(_WIPE, (self.plan_id,))


def sealed(tx: sqlite3.Cursor, plan_id: str) -> dict[int, bytes]:
    """The sealed secrets of a plan, by action id."""
    return dict(tx.execute(_OF_PLAN, (plan_id,)))


def any_sealed(tx: sqlite3.Cursor) -> SealSecrets | None:
    """Some sealed secrets, to try a key with; None when there are none."""
    row = tx.execute(_ANY).fetchone()
    return SealSecrets(*row) if row else None


class Vault:
    """Seals and opens secrets.

    AES-256-GCM, bound to plan and action, so that a row copied elsewhere does not open.
    """

    def __init__(self, key: bytes, random: Callable[[int], bytes] = os.urandom) -> None:
        self._cipher = AESGCM(_derive(key, b"seal"))
        self._digest_key = _derive(key, b"digest")
        self._random = random

    @classmethod
    def open(cls, path: Path) -> Vault:
        """The vault of this installation; its key is made at the first start.

        @raise StoreError: the key file cannot be used; the text says what to do.
        """
        try:
            if not path.exists():
                _write_key(path, os.urandom(KEY_SIZE))
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                raise StoreError(f"The key file {path} can be read by others. Run: chmod 600 {path}")
            key = path.read_bytes()
        except OSError as error:
            raise StoreError(f"The key file {path} cannot be used: {error.strerror}. Check its owner.") from error
        if len(key) != KEY_SIZE:
            raise StoreError(f"The key file {path} is damaged: it must hold {KEY_SIZE} bytes. Restore a backup.")
        return cls(key)

    def digest(self, value: bytes) -> bytes:
        """A keyed digest: tells equal values without giving away what they are, however easy to guess."""
        return hmac.digest(self._digest_key, value, "sha256")

    def seal_plan(self, whole: WholePlan) -> Iterator[SealSecrets]:
        """What is to be stored for the secrets in the inputs of a new plan."""
        for action in whole.actions.values():
            sealed = self.seal(action.plan_id, action.id, action.input)
            if sealed is not None:
                yield sealed

    def restore(self, whole: WholePlan, sealed: Mapping[int, bytes]) -> WholePlan:
        """C{whole}, as it was loaded, with its secrets back in their places."""
        actions = dict(whole.actions)
        for action_id, blob in sealed.items():
            action = actions.get(action_id)
            if action is not None:
                restored = self.open_into(whole.plan.id, action_id, action.input, blob)
                actions[action_id] = replace(action, input=restored)
        return WholePlan(whole.plan, whole.steps, actions)

    def seal(self, plan_id: str, number: int, value: Any) -> SealSecrets | None:
        """What is to be stored for the secrets in C{value}; None when there are none.

        @param number: of the action that they belong to.
        """
        found = dict(_find(value, ()))
        if not found:
            return None
        clear = encode([[list(path), secret.reveal()] for path, secret in found.items()])
        nonce = self._random(_NONCE_SIZE)
        return SealSecrets(plan_id, number, nonce + self._cipher.encrypt(nonce, clear, _context(plan_id, number)))

    def open_into(self, plan_id: str, number: int, value: Any, blob: bytes) -> Any:
        """C{value}, as it was stored, with its secrets back in their places."""
        for path, secret in self._open(plan_id, number, blob):
            value = _put(value, path, Secret(secret))
        return value

    def opens(self, sealed: SealSecrets) -> bool:
        """Were these sealed with our key?"""
        try:
            self._open(sealed.plan_id, sealed.action_id, sealed.sealed)
        except StoreError:
            return False
        return True

    def _open(self, plan_id: str, number: int, blob: bytes) -> list[tuple[list[str | int], str]]:
        try:
            clear = self._cipher.decrypt(blob[:_NONCE_SIZE], blob[_NONCE_SIZE:], _context(plan_id, number))
        except InvalidTag:
            raise StoreError(
                f"The secrets of task {plan_id} cannot be opened: the key file is not the one they were sealed with."
            ) from None
        opened: list[tuple[list[str | int], str]] = [(path, value) for path, value in loads(clear)]
        return opened


def _context(plan_id: str, number: int) -> bytes:
    return f"{plan_id}/{number}".encode()


def _derive(key: bytes, purpose: bytes) -> bytes:
    return hashlib.blake2b(purpose, key=key, digest_size=KEY_SIZE, person=b"smartdyn").digest()


def _write_key(path: Path, key: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        os.write(descriptor, key)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    fresh.rename(path)


def _find(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Secret]]:
    if isinstance(value, Secret):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _find(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _find(item, (*path, index))


def _put(value: Any, path: list[str | int], secret: Secret) -> Any:
    if not path:
        return secret
    head, *rest = path
    if isinstance(value, list):
        return [_put(item, rest, secret) if index == head else item for index, item in enumerate(value)]
    return {key: _put(item, rest, secret) if key == head else item for key, item in value.items()}
