"""Knowing hosts by their keys."""

from __future__ import annotations

import base64
import errno
import hmac
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.conch.ssh.common import NS
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.ssh import known_hosts
from smartdyn.ssh.errors import HostKeyRejected, KnownHostsUnusable
from smartdyn.ssh.known_hosts import KnownHosts
from smartdyn.ssh.known_hosts_format import Entry, parse
from smartdyn.ssh.trust import algorithms

ED = "ssh-ed25519"
KEY, OTHER = (NS(ED.encode()) + NS(filler * 32) for filler in (b"k", b"o"))


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
            ("h1", "h1", 2222, True),
            ("[h1]:2222", "h1", 22, False),
            ("[h1]:2222", "h1", 2223, False),
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

    def test_a_key_of_another_type_is_refused_when_one_is_known(self) -> None:
        """Whoever sits in between could offer a type that is not known yet; so only the known key will do."""
        hosts = self.hosts(entry("h1", OTHER))
        rsa = NS(b"ssh-rsa") + NS(b"3") + NS(b"5")
        error = self.assertRaises(HostKeyRejected, hosts.verify, "h1", 22, "ssh-rsa", rsa)
        self.assertIn("REMOTE HOST IDENTIFICATION HAS CHANGED", str(error))
        self.assertEqual(self.path.read_text(), entry("h1", OTHER))

    def test_another_port_has_a_key_of_its_own(self) -> None:
        """A server on another port is believed with the host's key, and learned when it has another."""
        hosts = self.hosts(entry("h1"))
        hosts.verify("h1", 2222, ED, KEY)
        self.assertEqual(self.path.read_text(), entry("h1"))
        hosts.verify("h1", 2222, ED, OTHER)
        self.assertRaises(HostKeyRejected, hosts.verify, "h1", 2222, ED, NS(ED.encode()) + NS(b"x" * 32))

    def test_strict_checking_learns_nothing(self) -> None:
        """What the file does not say is refused, in OpenSSH's words."""
        hosts = self.hosts(entry("h1"), learn=False)
        error = self.assertRaises(HostKeyRejected, hosts.verify, "h2", 22, ED, KEY)
        self.assertIn("you have requested strict checking", str(error))
        self.assertEqual(self.path.read_text(), entry("h1"))

    def test_forgetting(self) -> None:
        """Only this host and port go; what is said of many hosts stays, and so does the rest of the file."""
        stays = (
            entry("[h1]:2222")
            + "# a comment\r\n\n"
            + entry("h*", OTHER)
            + entry("h1", marker="@cert-authority")
            + entry("h1", marker="@revoked")
        )
        hosts = self.hosts(entry("h1") + stays + entry("H1,h2") + entry(hashed("h1")) + entry("h1", OTHER, "ssh-rsa"))
        self.assertEqual(hosts.forget("h1", 22), 4)
        self.assertEqual(self.path.read_bytes().decode(), stays + entry("h2"))
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)
        self.assertEqual(hosts.forget("h1", 22), 0)

    def test_forgetting_everywhere(self) -> None:
        """All ports, and the addresses with the same key; another host stays."""
        hosts = self.hosts(entry("h1") + entry("192.0.2.1") + entry("[h1]:2222", OTHER) + entry("h2", KEY + b"2"))
        self.assertEqual(hosts.forget_everywhere("h1"), 3)
        self.assertEqual(self.path.read_text(), entry("h2", KEY + b"2"))

    def test_two_hundred_jobs_at_once(self) -> None:
        """Hosts that are forgotten and learned again by turns, by us and by another process, leave a whole file."""
        hosts, others = self.hosts(), KnownHosts(self.path)
        for number in range(200):
            hosts.verify(f"h{number}", 22, ED, KEY)
        for number in range(200):
            (hosts if number % 2 else others).forget(f"h{number}", 22)
            (others if number % 3 else hosts).verify(f"h{number}", 22, ED, OTHER)
        found = list(parse(self.path.read_text()))
        self.assertEqual(sorted(each.patterns for each in found), sorted(f"h{number}" for number in range(200)))
        self.assertEqual({each.blob for each in found}, {OTHER})

    def count_reads(self) -> list[str]:
        """Grows whenever the file is opened for reading, and whenever it is taken apart."""
        found: list[str] = []
        opened = Path.open

        def counted_open(path: Path, *arguments: Any, **options: Any) -> Any:
            found.append("read")
            return opened(path, *arguments, **options)

        def counted_parse(text: str) -> Iterator[Entry]:
            found.append("parsed")
            return parse(text)

        self.patch(Path, "open", counted_open)
        self.patch(known_hosts, "parse", counted_parse)
        return found

    def test_forgetting_hosts_of_which_nothing_is_known(self) -> None:
        """A new host costs a look at the file's date, however many others are in it."""
        hosts = self.hosts("".join(entry(f"h{number}") for number in range(3000)))
        hosts.key_types("h1", 22)
        reads = self.count_reads()
        self.assertEqual([hosts.forget(f"new{number}", 22) for number in range(500)], [0] * 500)
        self.assertEqual([hosts.forget_everywhere(f"new{number}") for number in range(500)], [0] * 500)
        self.assertEqual(reads, [])

    def test_what_is_left_is_not_taken_apart_again(self) -> None:
        """Hosts that are forgotten and learned anew: a line is taken out of a file that is known already."""
        hosts = self.hosts("".join(entry(f"h{number}") for number in range(100)))
        hosts.key_types("h1", 22)
        reads = self.count_reads()
        for number in range(50):
            self.assertEqual(hosts.forget(f"h{number}", 22), 1)
            self.assertEqual(hosts.key_types(f"h{number}", 22), [])
            hosts.verify(f"h{number}", 22, ED, OTHER)
        self.assertEqual(reads, ["read"] * 50)

    def test_lines_are_named_as_they_are_now(self) -> None:
        """Also when others before them are gone, or have lost a name."""
        hosts = self.hosts("# a comment\n" + entry("h1,h2") + entry("h3") + entry("h4", KEY + b"4"))
        hosts.forget("h2", 22)
        hosts.forget("h3", 22)
        hosts.verify("h5", 22, ED, OTHER)
        hosts.forget("h1", 22)
        self.assertEqual([each.line for each in hosts.everywhere("h4")], [2])
        error = self.assertRaises(HostKeyRejected, hosts.verify, "h5", 22, ED, KEY)
        self.assertIn(f"{self.path}:3 holds", str(error))

    def test_a_file_that_others_change_unseen(self) -> None:
        """Even one that looks the same from outside: only the line of the host itself is taken out."""
        hosts = self.hosts(entry("h1") + entry("h2"))
        hosts.key_types("h1", 22)
        before = self.path.stat()
        self.path.write_text(entry("h2") + entry("h1"))
        os.utime(self.path, ns=(before.st_atime_ns, before.st_mtime_ns))
        self.assertEqual(hosts.forget("h1", 22), 1)
        self.assertEqual(self.path.read_text(), entry("h2"))

    @given(st.lists(st.tuples(st.sampled_from("flw"), st.integers(0, 3)), max_size=12), st.booleans())
    def test_what_is_known_is_what_is_written(self, deeds: list[tuple[str, int]], ended: bool) -> None:
        """Whatever is forgotten and learned by us, and written by others, also to a file without an end."""
        text = "# a comment\n" + entry("h0,h1") + entry(hashed("h2")) + entry("h3,h3") + entry("h*", marker="@revoked")
        hosts = self.hosts(text if ended else text.rstrip("\n"))
        for deed, number in deeds:
            if deed == "f":
                hosts.forget(f"h{number}", 22)
            elif deed == "w":
                self.path.write_text(self.path.read_text() + entry(f"h{number}", OTHER))
            elif not hosts.key_types(f"h{number}", 22):
                hosts.verify(f"h{number}", 22, ED, OTHER)
            fresh = KnownHosts(self.path)
            for each in range(4):
                self.assertEqual(hosts.everywhere(f"h{each}"), fresh.everywhere(f"h{each}"))

    def test_changes_by_others_are_seen(self) -> None:
        """The file is read again when somebody else has written it."""
        hosts = self.hosts()
        self.assertEqual(hosts.key_types("h1", 22), [])
        self.path.write_text(entry("h1"))
        self.assertEqual(hosts.key_types("h1", 22), [ED])

    def test_a_file_that_cannot_be_read(self) -> None:
        """Whoever asks is told which file it is and what is wrong with it."""
        self.path.mkdir()
        hosts = KnownHosts(self.path)
        for ask in (
            lambda: hosts.key_types("h1", 22),
            lambda: hosts.verify("h1", 22, ED, KEY),
            lambda: hosts.everywhere("h1"),
            lambda: hosts.forget("h1", 22),
        ):
            error = self.assertRaises(KnownHostsUnusable, ask)
            self.assertIn(f"The host keys in {self.path} cannot be read: Is a directory.", str(error))

    def test_a_file_that_cannot_be_written(self) -> None:
        """Nothing is learned or forgotten, and that is told in the same way."""
        hosts = self.hosts(entry("h1"))
        hosts.key_types("h1", 22)
        self.patch(os, "open", self.full_disk)
        for attempt in (lambda: hosts.verify("h2", 22, ED, KEY), lambda: hosts.forget("h1", 22)):
            error = self.assertRaises(KnownHostsUnusable, attempt)
            self.assertIn(f"The host keys in {self.path} cannot be written: No space left on device.", str(error))
        self.assertEqual(self.path.read_text(), entry("h1"))
        self.assertEqual((hosts.key_types("h1", 22), hosts.key_types("h2", 22)), ([ED], []))

    def test_a_disk_that_fills_up(self) -> None:
        """No half of a line and no half of a file stays behind."""
        hosts = self.hosts(entry("h1") + entry("h3"))
        hosts.key_types("h1", 22)
        before = self.path.read_text()
        for room, attempt in (
            (len(before) + 20, lambda: hosts.verify("h2", 22, ED, KEY)),
            (20, lambda: hosts.forget("h1", 22)),
        ):
            soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
            try:
                self.assertRaises(KnownHostsUnusable, attempt)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            self.assertEqual(self.path.read_text(), before)
            self.assertEqual([path.name for path in self.path.parent.iterdir()], [self.path.name])
        self.assertEqual((hosts.key_types("h1", 22), hosts.key_types("h2", 22)), ([ED], []))

    def full_disk(self, *arguments: object) -> int:
        """No file can be opened for writing."""
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def test_what_is_asked_for(self) -> None:
        """The known types come first, and certificates before them when an authority is known; nothing with SHA-1."""
        hosts = self.hosts(entry("h1", key_type="ssh-rsa") + entry("*.example.org", marker="@cert-authority"))
        self.assertEqual(algorithms(hosts.key_types("h1", 22))[:3], [b"rsa-sha2-512", b"rsa-sha2-256", b"ssh-ed25519"])
        certified = algorithms(hosts.key_types("a.example.org", 2222))
        self.assertEqual(certified[0], b"ssh-ed25519-cert-v01@openssh.com")
        self.assertIn(b"rsa-sha2-512-cert-v01@openssh.com", certified)
        self.assertNotIn(b"ssh-rsa", certified)
        self.assertEqual(algorithms(hosts.key_types("h2", 22))[0], b"ssh-ed25519")

    @given(st.lists(st.tuples(st.sampled_from(["h1", "h2", "[h1]:22", "*", "!h1"]), st.text(max_size=8)), max_size=6))
    def test_a_negated_name_never_matches(self, names: list[tuple[str, str]]) -> None:
        """Whatever else a line says."""
        patterns = ",".join([*(name for name, _ in names), "!h3"])
        found = list(parse(entry(patterns)))
        self.assertEqual([each.matches("h3") for each in found], [False])

    @given(st.text(max_size=200))
    def test_any_text_is_survived(self, text: str) -> None:
        """Lines that are no entries are passed over."""
        for found in parse(text):
            found.matches("h1")
