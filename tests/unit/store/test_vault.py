"""Secrets at rest."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.errors import StoreError
from smartdyn.model.records import ActionRecord, Plan, WholePlan
from smartdyn.secret import HIDDEN, Secret, conceal_secrets, hide
from smartdyn.store.vault import Vault

KEY = bytes(range(32))


def plan(plan_id: str = "p") -> WholePlan:
    """A plan with passwords in an input."""
    given = conceal_secrets({"hosts": [{"secrets": {"a": "planted", "b": None, "n": 5}}], "other": "clear"})
    return WholePlan(Plan(plan_id, 0.0), {}, {1: ActionRecord(plan_id, 1, "X", 1, input=given)})


def stored(whole: WholePlan) -> WholePlan:
    """The plan as the database gives it back."""
    actions = {
        action.id: ActionRecord(action.plan_id, action.id, "X", 1, input=hide(action.input))
        for action in whole.actions.values()
    }
    return WholePlan(whole.plan, {}, actions)


class VaultTests(SynchronousTestCase):
    """L{Vault}."""

    def test_secrets_come_back_to_their_places(self) -> None:
        """Whatever the depth; what was no secret is as it was."""
        whole = plan()
        (sealed,) = Vault(KEY).seal_plan(whole)
        self.assertNotIn(b"planted", sealed.sealed)
        restored = Vault(KEY).restore(stored(whole), {1: sealed.sealed})
        self.assertEqual(restored.actions[1].input, whole.actions[1].input)

    def test_a_row_opens_only_where_it_belongs(self) -> None:
        """Copied to another plan, or opened with another key, it is refused."""
        (sealed,) = Vault(KEY).seal_plan(plan())
        self.assertRaises(StoreError, Vault(KEY).restore, stored(plan("q")), {1: sealed.sealed})
        self.assertRaises(StoreError, Vault(bytes(32)).restore, stored(plan()), {1: sealed.sealed})

    def test_digests_need_the_key(self) -> None:
        """Equal values have equal digests under one key only."""
        self.assertEqual(Vault(KEY).digest(b"x"), Vault(KEY).digest(b"x"))
        self.assertNotEqual(Vault(KEY).digest(b"x"), Vault(bytes(32)).digest(b"x"))

    def test_the_key_file(self) -> None:
        """Made at the first start, private, used from then on; refused when others can read it or it is damaged."""
        path = Path(self.mktemp()) / "key"
        digest = Vault.open(path).digest(b"x")
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.assertEqual(Vault.open(path).digest(b"x"), digest)
        path.chmod(0o644)
        self.assertIn("chmod 600", str(self.assertRaises(StoreError, Vault.open, path)))
        path.chmod(0o600)
        path.write_bytes(b"short")
        self.assertIn("32 bytes", str(self.assertRaises(StoreError, Vault.open, path)))


class SecretTests(SynchronousTestCase):
    """L{Secret} shows nothing by accident."""

    def test_every_visible_form_is_hidden(self) -> None:
        """repr, str, format, f-strings, lists of it."""
        secret = Secret("planted")
        shown = f"{secret!r} {secret} {secret:>10} {[secret]} {secret!s} %s" % secret
        self.assertNotIn("planted", shown)
        self.assertIn(HIDDEN, shown)

    def test_only_what_is_below_secrets_is_concealed(self) -> None:
        """Numbers too; nulls and booleans say nothing and stay."""
        found = conceal_secrets({"script": "x", "secrets": {"n": 5, "none": None, "yes": True}})
        self.assertEqual(hide(found), {"script": "x", "secrets": {"n": HIDDEN, "none": None, "yes": True}})
