"""Who is let in; the facts about a peer decide."""

from __future__ import annotations

import os
import pwd
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.errors import SettingsError
from smartdyn.front.listeners import CORE_PREFIXES, PROXY_PREFIXES, listeners
from smartdyn.settings import Settings
from smartdyn.testing import done
from smartdyn.web.authorization import Forbidden, Policy, trusted
from smartdyn.web.own_names import OwnNames, is_nobodys
from smartdyn.web.peers import ClientCertificate, Peer, peer_of
from smartdyn.web.roles import Role, roles
from tests.support.certificates import Authority

FOREMAN = ClientCertificate(frozenset({"foreman.example.org"}), b"ca", 1)
OTHER = ClientCertificate(frozenset({"other.example.org"}), b"ca", 2)
ADDRESS = "192.0.2.1"


async def name_of(address: str) -> str | None:
    """The names of the tests' addresses."""
    return {ADDRESS: "Foreman.example.org", "127.0.0.1": "localhost"}.get(address)


def is_ours(host: str) -> bool:
    """What the tests' machine is called."""
    return host in {"", "proxy.example.org:8000"}


class PolicyTests(SynchronousTestCase):
    """L{Policy}."""

    def refused(self, policy: Policy, peer: Peer) -> str | None:
        """Why a peer is turned away; None when it is not."""
        try:
            done(policy.require(peer, "/tasks/count"))
        except Forbidden as error:
            return str(error)
        return None

    def test_without_anything_to_know_a_peer_by(self) -> None:
        """Only this machine is let in."""
        for address in ("127.0.0.1", "::1", None):
            self.assertIsNone(self.refused(Policy(), Peer(address)))
        self.assertIn("this machine only", self.refused(Policy(), Peer(ADDRESS)) or "")

    def test_certificates(self) -> None:
        """With TLS one is needed; where names are given, with one of them."""
        self.assertIsNone(self.refused(Policy(), Peer(ADDRESS, True, FOREMAN)))
        self.assertEqual(self.refused(Policy(), Peer(ADDRESS, True)), "No client SSL certificate supplied")
        named = Policy(trusted(["FOREMAN.example.org"]))
        self.assertIsNone(self.refused(named, Peer(ADDRESS, True, FOREMAN)))
        self.assertEqual(
            self.refused(named, Peer(ADDRESS, True, OTHER)),
            "Untrusted client other.example.org attempted to access /tasks/count. "
            "Check :trusted_hosts: in settings.yml",
        )
        self.assertEqual(self.refused(named, Peer("127.0.0.1", True)), "could not read client cert from environment")
        self.assertIn("Untrusted", self.refused(Policy(trusted([])), Peer(ADDRESS, True, FOREMAN)) or "")

    def test_names_of_addresses(self) -> None:
        """Without TLS the name of the peer's address counts, for this machine too, and nobody has none."""
        named = Policy(trusted(["foreman.example.org"]), name_of=name_of)
        self.assertIsNone(self.refused(named, Peer(ADDRESS)))
        self.assertIn("Untrusted client localhost", self.refused(named, Peer("127.0.0.1")) or "")
        self.assertIn("Untrusted client 192.0.2.9", self.refused(named, Peer("192.0.2.9")) or "")

    def test_names_that_are_asked_for(self) -> None:
        """A page of another site may send from this machine, under its own name; that is nobody who is let in."""
        trusting = Policy(trusted(["localhost"]), name_of=name_of, is_ours=is_ours)
        for policy in (Policy(is_ours=is_ours), trusting):
            self.assertIsNone(self.refused(policy, Peer("127.0.0.1", host="proxy.example.org:8000")))
            said = self.refused(policy, Peer("127.0.0.1", host="rebound.example.net:8000"))
            self.assertIn("rebound.example.net:8000 is no name of this machine", said or "")
            with self.assertRaises(Forbidden):
                done(policy.role_of(Peer("127.0.0.1", host="rebound.example.net:8000"), "/console"))
        elsewhere = Policy(trusted(["foreman.example.org"]), name_of=name_of, is_ours=is_ours)
        self.assertIsNone(self.refused(elsewhere, Peer(ADDRESS, host="alias.example.org")))

    def test_names_that_nobody_has(self) -> None:
        """Addresses, and those that are the machine's own everywhere: no site can have them."""
        for host in (
            "",
            "localhost:8008",
            "LOCALHOST",
            "localhost.",
            "a.localhost",
            "127.0.0.1",
            "[::1]:8008",
            "192.0.2.1:1",
        ):
            self.assertTrue(is_nobodys(host), host)
        for host in ("localhost.example.org", "127.0.0.1.example.org", "proxy", "::1.example.org", "[", "0x7f.1"):
            self.assertFalse(is_nobodys(host), host)

    def test_names_of_our_own(self) -> None:
        """The machine's name, and what it has for its own addresses in /etc/hosts, which no name server decides on."""
        hosts = Path(self.mktemp())
        hosts.write_text(
            "127.0.0.1 localhost Alias # pages.example.net\n127.0.1.1\tbox.example.org box\n\n192.0.2.7 other\n"
        )
        ours = OwnNames("Machine.example.org", hosts)
        for host in ("machine.example.org:8008", "alias", "box.example.org:1", "BOX", "localhost"):
            self.assertTrue(ours.has(host), host)
        for host in ("other", "pages.example.net", "machine", "#", "127.0.0.1.example.org"):
            self.assertFalse(ours.has(host), host)
        hosts.unlink()
        self.assertEqual([ours.has("machine.example.org"), ours.has("alias")], [True, False])

    def test_one_certificate(self) -> None:
        """A core lets in its smart proxy: the same serial number of another CA is another certificate."""
        core = Policy(only=lambda: FOREMAN)
        self.assertIsNone(self.refused(core, Peer(ADDRESS, True, FOREMAN)))
        forged = ClientCertificate(FOREMAN.names, b"another ca", FOREMAN.serial)
        for certificate in (OTHER, forged):
            self.assertEqual(
                self.refused(core, Peer(ADDRESS, True, certificate)), "SSL certificate with unexpected serial supplied"
            )

    def test_console(self) -> None:
        """Without C{console_auth} anybody with TLS may look; without TLS that is no reason to let in everybody."""
        free = Policy(console_auth=False)
        self.assertEqual(done(free.role_of(Peer(ADDRESS, True), "/console")), Role.ADMIN)
        with self.assertRaises(Forbidden):
            done(free.role_of(Peer(ADDRESS), "/console"))
        with self.assertRaises(Forbidden):
            done(Policy().role_of(Peer(ADDRESS, True), "/console"))

    def role(self, policy: Policy, peer: Peer) -> Role | None:
        """What a peer may do; None when it is not let in."""
        try:
            return done(policy.role_of(peer, "/console"))
        except Forbidden:
            return None

    def test_roles_by_name(self) -> None:
        """The common name decides, whether the API trusts it or not; whoever is in no list is not let in."""
        visitors = roles({"viewer": ["*.example.org"], "admin": ["Foreman.*"]})
        policy = Policy(trusted(["foreman.example.org"]), roles=visitors, name_of=name_of)
        self.assertEqual(self.role(policy, Peer(ADDRESS, True, FOREMAN)), Role.ADMIN)
        self.assertEqual(self.role(policy, Peer(ADDRESS, True, OTHER)), Role.VIEWER)
        self.assertIn("Untrusted", self.refused(policy, Peer(ADDRESS, True, OTHER)) or "")
        beside = ClientCertificate(frozenset({"foreman.example.org", "x.test"}), b"ca", 3, "x.test")
        self.assertIsNone(self.role(policy, Peer(ADDRESS, True, beside)))
        self.assertIsNone(self.role(policy, Peer(ADDRESS, True)))

    def test_roles_without_certificates(self) -> None:
        """This machine is an admin, a name of an address has its role; unknown visitors see at most."""
        visitors = roles({"admin": ["*"]})
        free = Policy(console_auth=False, roles=visitors)
        self.assertEqual(self.role(free, Peer(ADDRESS, True)), Role.VIEWER)
        plain = Policy(trusted(["foreman.example.org", "localhost"]), roles=roles({"viewer": ["*"]}), name_of=name_of)
        self.assertEqual(self.role(plain, Peer(ADDRESS)), Role.VIEWER)
        self.assertEqual(self.role(plain, Peer("127.0.0.1")), Role.ADMIN)
        self.assertEqual(self.role(Policy(roles=visitors), Peer(None)), Role.ADMIN)
        self.assertIsNone(self.role(Policy(roles=visitors), Peer(ADDRESS)))


class PeerTests(SynchronousTestCase):
    """L{peer_of}."""

    def test_accounts_behind_unix_sockets(self) -> None:
        """Are known as the kernel says, whatever the process says of itself."""
        ours, theirs = socket.socketpair(socket.AF_UNIX)
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        request: Any = SimpleNamespace(
            getClientAddress=lambda: UNIXAddress(None), isSecure=lambda: False, transport=SimpleNamespace(socket=ours)
        )
        peer = peer_of(request)
        self.assertEqual((peer.user, peer.name, peer.is_local), (*[pwd.getpwuid(os.getuid()).pw_name] * 2, True))

    def test_for_whom_browsers_ask(self) -> None:
        """Only a browser's C{Host} says where a page is from; programs send what they have been told."""
        for sent, host in (
            ({"User-Agent": "Ruby"}, ""),
            ({}, ""),
            ({"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"}, "a.example.org:1"),
            ({"User-Agent": "Ruby", "Origin": "http://a.example.org:1"}, "a.example.org:1"),
            ({"Referer": "http://a.example.org:1/"}, "a.example.org:1"),
            ({"Sec-Fetch-Site": "same-origin"}, "a.example.org:1"),
        ):
            headers = {"Host": "a.example.org:1", **sent}
            request: Any = SimpleNamespace(
                getClientAddress=lambda: SimpleNamespace(host="127.0.0.1"),
                isSecure=lambda: False,
                getHeader=lambda name, headers=headers: headers.get(name.decode(), "").encode() or None,
            )
            self.assertEqual(peer_of(request).host, host, sent)

    def test_addresses_of_the_fourth_version(self) -> None:
        """Are the same behind a socket for both versions (RFC 4291, 2.5.5.2)."""
        for shown, address in (("::ffff:127.0.0.1", "127.0.0.1"), ("::ffff:1", "::ffff:1"), ("::1", "::1")):
            there = SimpleNamespace(host=shown)
            request: Any = SimpleNamespace(
                getClientAddress=lambda there=there: there, isSecure=lambda: False, getHeader=lambda name: b"localhost"
            )
            self.assertEqual(peer_of(request), Peer(address, host="localhost"))


class ListenerTests(SynchronousTestCase):
    """L{listeners}."""

    def listeners(self, **given: Any) -> list[tuple[str, tuple[str, ...]]]:
        """URLs and prefixes."""
        folder = Path(self.mktemp())
        authority = Authority(folder)
        certificate, key = authority.issue("proxy.example.org")
        files = {"ssl_ca_file": authority.path, "ssl_certificate": certificate, "ssl_private_key": key}
        values = {name: str(path.absolute()) for name, path in files.items()}
        found = listeners(Settings(**{**values, "socket": "", **given}, given=frozenset(given)), name_of, is_ours)
        return [(each.url, each.prefixes) for each in found]

    def test_roles(self) -> None:
        """Core, proxy or both, by what is set."""
        core, proxy = ("http://127.0.0.1:8008", CORE_PREFIXES), ("https://*:9090", PROXY_PREFIXES)
        self.assertEqual(self.listeners(), [core])
        self.assertEqual(self.listeners(https_port=9090), [proxy])
        self.assertEqual(self.listeners(https_port=9090, port=8008), [core, proxy])
        plain = ("http://192.0.2.1:8000", PROXY_PREFIXES)
        self.assertEqual(self.listeners(http_port=8000, bind_host=("192.0.2.1",)), [plain])
        self.assertEqual(self.listeners(use_https=True), [("https://127.0.0.1:8008", CORE_PREFIXES)])
        self.assertEqual(self.listeners(listen="*"), [("http://*:8008", CORE_PREFIXES)])

    def test_the_socket_of_the_command_line(self) -> None:
        """Is beside the database, elsewhere or nowhere, as it is set; a path that no socket can have is an error."""
        beside, long = ("unix:/a/smartdyn.sock", CORE_PREFIXES), f"/{'a' * 107}"
        self.assertEqual(self.listeners(socket=None, database="/a/b")[1:], [beside])
        self.assertEqual(self.listeners(socket="/c/d")[1:], [("unix:/c/d", CORE_PREFIXES)])
        self.assertEqual(self.listeners(socket=None, database=f"{long}/b")[1:], [])
        with self.assertRaisesRegex(SettingsError, "longer than 107 bytes"):
            self.listeners(socket=long)

    def test_roles_need_a_trusted_api(self) -> None:
        """Roles that everybody could go round by using the API are refused."""
        given = {"https_port": 9090, "console_roles": {"viewer": ("*",)}}
        with self.assertRaisesRegex(SettingsError, "`console_roles` needs `trusted_hosts`"):
            self.listeners(**given)
        self.assertEqual(len(self.listeners(**given, trusted_hosts=("foreman.example.org",))), 1)

    def test_files_that_are_missing(self) -> None:
        """Are named."""
        with self.assertRaisesRegex(SettingsError, "`https_port` needs `ssl_ca_file`"):
            self.listeners(https_port=9090, ssl_certificate=None)
        with self.assertRaisesRegex(SettingsError, "cannot be read"):
            self.listeners(use_https=True, foreman_ssl_cert="/nowhere.pem")

    def test_a_pointless_listener(self) -> None:
        """One that others can reach and that lets in nobody but this machine is noticed."""
        for settings, expected in (
            (Settings(), False),
            (Settings(listen="0.0.0.0"), True),
            (Settings(listen="0.0.0.0", trusted_hosts=("foreman.example.org",)), False),
        ):
            self.assertEqual(listeners(settings, name_of, is_ours)[0].is_pointless, expected)
