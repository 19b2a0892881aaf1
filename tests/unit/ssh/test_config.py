"""The way to hosts, as ssh_config says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.ssh import Target
from smartdyn.ssh.config import Route, SshConfig, parse


class ConfigTests(SynchronousTestCase):
    """L{SshConfig}."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.path = self.folder / "config"

    def route(self, text: str, host: str = "h1") -> Route:
        """The way to a host."""
        self.path.write_text(text)
        return SshConfig(self.path, "proxy").route(Target(host, 2222, "root"))

    def test_no_file(self) -> None:
        """Hosts are reached as they are named."""
        target = Target("h1", 22, "root")
        self.assertEqual(SshConfig(self.path, "proxy").route(target), Route(target))

    def test_a_jump_host(self) -> None:
        """Its address, port and user come from the file; those of the job's host from the job."""
        text = """
            Host h*
                ProxyJump = jump
                Port 99
                User other
                HostName "%h.example.org"
            Host jump
                HostName 192.0.2.1
                Port 2200
                User jumper
        """
        expected = Route(Target("h1.example.org", 2222, "root"), (Target("192.0.2.1", 2200, "jumper"),))
        self.assertEqual(self.route(text), expected)

    def test_several_jump_hosts(self) -> None:
        """In their order; the first may be behind another, and one that is behind itself is no endless way."""
        text = "Host h1\nProxyJump a,bob@b:2201,ssh://[::1]:2202\nHost a\nProxyJump gate\nHost gate\nUser g\n"
        hops = (
            Target("gate", 22, "g"),
            Target("a", 22, "proxy"),
            Target("b", 2201, "bob"),
            Target("::1", 2202, "proxy"),
        )
        self.assertEqual(self.route(text).hops, hops)
        self.assertEqual(self.route("ProxyJump h1\n").hops, ())
        self.assertEqual([hop.host for hop in self.route("Host h1\nProxyJump a\nHost a\nProxyJump h1\n").hops], ["a"])

    def test_the_first_value_counts(self) -> None:
        """What stands before the first Host line is for all hosts; none means no jump host; negation excludes."""
        self.assertEqual(self.route("ProxyJump none\nHost *\nProxyJump a\n").hops, ())
        self.assertEqual(self.route("Host * !h1\nProxyJump a\n").hops, ())
        self.assertEqual([hop.host for hop in self.route("Host *\nProxyJump a\nHost h1\nProxyJump b\n").hops], ["a"])

    def test_included_files(self) -> None:
        """As if they stood there; a file that includes itself ends."""
        self.folder.joinpath("more.conf").write_text("Host h1\nProxyJump a\n")
        found = self.route("Include *.conf missing\nInclude config\nHost h2\nProxyJump b\n")
        self.assertEqual([hop.host for hop in found.hops], ["a"])

    def test_what_is_not_supported_is_said_once(self) -> None:
        """Match and ProxyCommand are passed over with a warning each; other keywords silently."""
        events: list[Any] = []
        observer: Any = events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.path.write_text("ProxyCommand nc %h %p\nCompression yes\nMatch user x\nProxyJump a\n")
        config = SshConfig(self.path, "proxy")
        for _ in range(3):
            self.assertEqual(config.route(Target("h1")).hops, ())
        texts = [each["text"] for each in events if "text" in each]
        self.assertEqual(len(texts), 2, texts)

    def test_changes_are_seen(self) -> None:
        """The file is read again when it has changed."""
        config = SshConfig(self.path, "proxy")
        self.assertEqual(config.route(Target("h1")).hops, ())
        self.path.write_text("ProxyJump a\n")
        self.assertEqual(config.route(Target("h1")).hops, (Target("a", 22, "proxy"),))

    @given(st.text(max_size=200))
    def test_any_text_is_survived(self, text: str) -> None:
        """Lines that make no sense are passed over."""
        for keyword, words in parse(text):
            self.assertEqual(keyword, keyword.lower())
            self.assertIsInstance(words, list)
        self.path.write_text(text, encoding="utf-8", errors="replace")
        SshConfig(self.path, "proxy").route(Target("h1"))
