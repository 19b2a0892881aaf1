"""Roles of the console, and the table that says who may use which route."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.log.buffer import LogBuffer
from smartdyn.log.control import LevelControl
from smartdyn.log.levels import Levels
from smartdyn.web.access import ACCESS, Gate
from smartdyn.web.authorization import Policy
from smartdyn.web.forward import Forwarder
from smartdyn.web.host_keys import HostKeyApi
from smartdyn.web.log_levels import LogLevelApi
from smartdyn.web.logs import LogApi
from smartdyn.web.openapi import OpenApi
from smartdyn.web.roles import Role, roles
from tests.support.web import WebTestCase


class RolesTests(SynchronousTestCase):
    """L{roles}."""

    def test_the_highest_counts(self) -> None:
        """Whoever is in several lists has the highest role; case does not matter, and a pattern is for the whole."""
        found = roles({"viewer": ["*"], "operator": ["ops-*.example.org"], "admin": ["Root.example.org"]})
        assert found is not None
        for name, expected in (
            ("root.Example.org", Role.ADMIN),
            ("ops-7.example.org", Role.OPERATOR),
            ("ops-7.example.org.evil.test", Role.VIEWER),
            ("ops.example.org", Role.VIEWER),
            ("ops-7xexample.org", Role.VIEWER),
        ):
            self.assertIs(found.of(name), expected, name)

    def test_nothing_said(self) -> None:
        """Without the setting there are no roles; with it, whoever is in no list has none."""
        self.assertIsNone(roles({}))
        only = roles({"admin": ["a"]})
        assert only is not None
        self.assertIsNone(only.of("b"))

    @given(st.text(max_size=20), st.text(max_size=20))
    def test_patterns_are_no_expressions(self, name: str, other: str) -> None:
        """Only the asterisk means something: any other name matches itself alone."""
        plain = name.replace("*", "")
        found = roles({"viewer": [plain]})
        assert found is not None
        self.assertEqual(found.of(other) is not None, other.lower() == plain.lower())


class AccessTests(WebTestCase):
    """Each route, as it is served."""

    def more_routes(self) -> list[Any]:
        """All there are besides."""
        control = self.engine.tasks.control
        return [
            *LogApi(LogBuffer(), dict).routes(),
            *LogLevelApi(LevelControl(self.engine.clock, self.engine.clock.seconds, Levels("INFO")), control).routes(),
            *HostKeyApi(control, lambda name: None).routes(),
            *OpenApi("1", []).routes(),
        ]

    def test_every_route_is_in_the_table(self) -> None:
        """None is without a word about who may use it, and no word is without a route."""
        forwarder = Forwarder(self.engine.clock, None, "http://core", Policy())
        self.assertEqual({*self.served, *(route.key for route in forwarder.routes())}, set(ACCESS))

    def answer(self, key: str, **headers: str) -> tuple[int, Any]:
        """What a route answers."""
        method, path = key.split(" ")
        return self.request(method, re.sub("<[^>]*>", "1", path), b"" if method == "POST" else None, **headers)

    def test_what_each_role_may(self) -> None:
        """Whoever has too low a role hears which one is needed, from each route of the console; others are let in."""
        for key, needed in ACCESS.items():
            if not isinstance(needed, Role):
                continue
            for role in Role:
                status, body = self.answer(key, **{"X-Forwarded-Role": role.word})
                self.assertEqual(status == 403, role < needed, (key, role))
                if role < needed:
                    self.assertIn(f"This needs the role {needed.word}", str(body))
                    self.assertIn("console_roles", str(body))

    def test_a_relay_only_takes_away(self) -> None:
        """What a proxy says of its visitor never gives more, and a word that is not known gives the least."""
        self.assertEqual(self.answer("GET /console/forget-key", **{"X-Forwarded-Role": "king"})[0], 403)
        self.policy = Policy(trusted_hosts=frozenset())
        self.make()
        self.assertEqual(self.answer("GET /console", **{"X-Forwarded-Role": "admin"})[0], 403)

    def test_whom_nobody_trusts(self) -> None:
        """Only what is open is open to them; a job's report with a password is looked at."""
        self.policy = Policy(trusted_hosts=frozenset())
        self.make()
        for key, access in ACCESS.items():
            if access is not Gate.RELAYED:
                self.assertEqual(self.answer(key)[0] == 403, access is not Gate.OPEN, key)
        status, body = self.answer("POST /tasks/<plan_id>/done", Authorization="Basic eDp5")
        self.assertEqual((status, "password" in str(body)), (403, True))

    def test_pages_of_other_sites(self) -> None:
        """Can have their visitors' browsers change nothing here, by no route; reading is what browsers see to."""
        for key in ACCESS:
            if not key.startswith("GET") and "/dynflow" not in key:
                for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "same-site"}):
                    status, body = self.answer(key, **headers)
                    self.assertEqual((status, "another site" in str(body)), (403, True), key)

    def test_buttons_that_one_may_not_press(self) -> None:
        """Are not on the page: a viewer sees none, an operator those of an operator, an admin all."""
        task = self.launch("Rig::RaiseInRun")
        for role, expected in (("viewer", 0), ("operator", 2), ("admin", 3)):
            page = self.request("GET", f"/console/{task}", **{"X-Forwarded-Role": role})[1]
            self.assertEqual(len(re.findall(r'href="[^"]*/confirm/', page)), expected, role)
            listed = self.request("GET", "/console/tasks", **{"X-Forwarded-Role": role})[1]
            self.assertEqual('action="/console/bulk"' in listed, role != "viewer")
        confirm = f"/console/{task}/confirm/halt"
        self.assertEqual(self.request("GET", confirm, **{"X-Forwarded-Role": "operator"})[0], 403)

    def test_buttons_in_cards_that_one_may_not_press(self) -> None:
        """Likewise those that cancel a step."""
        task = self.launch("Rig::WaitForUpdate")
        for role, expected in (("viewer", False), ("operator", True)):
            page = self.request("GET", f"/console/{task}", **{"X-Forwarded-Role": role})[1]
            self.assertEqual("/confirm/cancel?step=2" in page, expected, role)
            self.assertEqual("tasks cancel --step 2" in page, expected, role)
