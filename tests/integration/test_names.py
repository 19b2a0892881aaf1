"""Names of addresses, from the real resolver of this machine."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from smartdyn.web import names
from smartdyn.web.names import HostNames

REACTOR: Any = reactor


class NameTests(TestCase):
    """L{HostNames}."""

    async def test_this_machine(self) -> None:
        """Has a name that leads back to it."""
        name = await HostNames(REACTOR).name_of("127.0.0.1")
        assert name is not None
        self.assertIn("127.0.0.1", {found[4][0] for found in socket.getaddrinfo(name, None)})

    async def test_a_name_that_leads_elsewhere(self) -> None:
        """Is not believed, unless somebody says that it may be."""
        self.patch(socket, "gethostbyaddr", lambda address: ("foreman.example.org", [], [address]))
        self.patch(names, "_addresses", lambda name: {"192.0.2.99"})
        self.assertIsNone(await HostNames(REACTOR).name_of("192.0.2.1"))
        self.assertEqual(await HostNames(REACTOR, forward_verify=False).name_of("192.0.2.1"), "foreman.example.org")

    async def test_answers_are_remembered(self) -> None:
        """For a minute, also those that there is no name."""
        asked: list[str] = []

        def no_name(address: str) -> Any:
            asked.append(address)
            raise OSError("no such host")

        self.patch(socket, "gethostbyaddr", no_name)
        host_names = HostNames(REACTOR)
        for _ in range(3):
            self.assertIsNone(await host_names.name_of("192.0.2.1"))
        self.assertEqual(asked, ["192.0.2.1"])
