"""Knowing hosts by their keys."""

from __future__ import annotations

import base64
import hmac
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.ssh.errors import HostKeyRejected
from smartdyn.ssh.known_hosts import KnownHosts, parse

KEY, OTHER = b"the key", b"another key"
ED = "ssh-ed25519"


def entry(names: str, blob: bytes = KEY, key_type: str = ED, marker: str = "") -> str:
    """A line of the file."""
    return f"{marker} {names} {key_type} {base64.b64encode(blob).decode()} comment\n".lstrip()


def hashed(name: str) -> str:
    """A name as HashKnownHosts writes it."""
    salt = b"0123456789abcdefghij"
    digest = hmac.digest(salt, name.encode(), "sha1")
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


class KnownHostsTests(SynchronousTestCase):
    """L{KnownHosts}."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())

    def hosts(self, text: str = "", *, learn: bool = True) -> KnownHosts:
        """A store with these lines."""
        self.path.write_text(text)
        return KnownHosts(self.path, learn=learn)

    def test_ways_to_name_a_host(self) -> None:
        """Plain names, lists, ports, hashes, wildcards and negations are understood."""
        cases = [
            ("h1", "h1", 22, True),
            ("h1,h2", "h2", 22, True),
            ("[h1]:2222", "h1", 2222, True),
            ("h1", "h1", 2222, False),
            (hashed("h1"), "h1", 22, True),
            (hashed("[h1]:2222"), "h1", 2222, True),
            ("*.example.org", "a.example.org", 22, True),
            ("*.example.org,!b.example.org", "b.example.org", 22, False),
            ("H1", "h1", 22, True),
        ]
        for names, host, port, known in cases:
            strict = self.hosts(entry(names), learn=False)
            if known:
                strict.verify(host, port, ED, KEY)
            else:
                self.assertRaises(HostKeyRejected, strict.verify, host, port, ED, KEY)

    def test_a_new_host_is_learned_once(self) -> None:
        """It is appended, even to a file whose last line has no end."""
        hosts = self.hosts(entry("other").rstrip("\n"))
        hosts.verify("h1", 2222, ED, KEY)
        hosts.verify("h1", 2222, ED, KEY)
        self.assertEqual([found.patterns for found in parse(self.path.read_text())], ["other", "[h1]:2222"])

    def test_a_changed_key_is_refused_and_not_learned(self) -> None:
        """The words are OpenSSH's, with file and line."""
        hosts = self.hosts(entry("h1"))
        error = self.assertRaises(HostKeyRejected, hosts.verify, "h1", 22, ED, OTHER)
        self.assertIn("REMOTE HOST IDENTIFICATION HAS CHANGED", str(error))
        self.assertIn(f"{self.path}:1", str(error))
        self.assertEqual(self.path.read_text(), entry("h1"))

    def test_a_revoked_key_is_refused(self) -> None:
        """Even of a host that nothing else is known of."""
        hosts = self.hosts(entry("*", marker="@revoked"))
        self.assertRaises(HostKeyRejected, hosts.verify, "h1", 22, ED, KEY)

    def test_forgetting(self) -> None:
        """Only the lines of this host and port go, and the file stays private."""
        hosts = self.hosts(entry("h1") + entry("[h1]:2222") + "# a comment\n" + entry("h1", OTHER, "ssh-rsa"))
        self.assertEqual(hosts.forget("h1", 22), 2)
        self.assertEqual(self.path.read_text(), entry("[h1]:2222") + "# a comment\n")
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)

    def test_changes_by_others_are_seen(self) -> None:
        """The file is read again when somebody else has written it."""
        hosts = self.hosts()
        self.assertEqual(hosts.key_types("h1", 22), [])
        self.path.write_text(entry("h1"))
        self.assertEqual(hosts.key_types("h1", 22), [ED])

    @given(st.text(max_size=200))
    def test_any_text_is_survived(self, text: str) -> None:
        """Lines that are no entries are passed over."""
        for found in parse(text):
            found.matches("h1")
