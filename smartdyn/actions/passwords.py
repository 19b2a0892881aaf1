"""One-time passwords: how a script on a host may report to its own job and to no other (SPD otp_manager.rb)."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable

from smartdyn.secret import Secret
from smartdyn.store import passwords
from smartdyn.store.database import Database
from smartdyn.store.passwords import ForgetPassword, SetPassword
from smartdyn.store.vault import Vault

_LENGTH = 16
"""Bytes; shown as 32 hex digits."""


class OneTimePasswords:
    """Makes and checks them; only keyed digests are stored."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        now: Callable[[], float],
        random: Callable[[int], str] = secrets.token_hex,
    ) -> None:
        self._database = database
        self._vault = vault
        self._now = now
        self._random = random

    def generate(self, plan_id: str) -> tuple[Secret, SetPassword]:
        """A fresh password for a plan, and the write that makes it valid; it replaces an earlier one."""
        password = self._random(_LENGTH)
        return Secret(password), SetPassword(plan_id, self._digest(plan_id, password), self._now())

    async def check(self, plan_id: str, password: str, *, consume: bool) -> bool:
        """Is this the plan's password? Compared in constant time.

        @param consume: it is worth nothing afterwards.
        """
        expected = await self._database.query(lambda tx: passwords.digest(tx, plan_id))
        valid = expected is not None and hmac.compare_digest(expected, self._digest(plan_id, password))
        if valid and consume:
            await self._database.commit(ForgetPassword(plan_id))
        return valid

    def _digest(self, plan_id: str, password: str) -> bytes:
        return self._vault.digest(f"{plan_id}:{password}".encode())
