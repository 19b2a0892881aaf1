"""Values that have the right type and cannot be used all the same."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.errors import SettingsError
from smartdyn.settings import Settings, load_settings
from smartdyn.settings.schema import TYPES

_ADDRESS = "must be an address such as https://foreman.example.org"
_EMPTY = "must not be empty; leave it out to have the default"
_NEGATIVE = (
    "audit_log_age",
    "database_size_limit",
    "execution_plan_cleaner_age",
    "kill_grace",
    "log_buffer",
    "log_buffer_errors",
    "reconnect_limit",
    "ssh_keep_connection",
)
_WRONG = {
    "port: 0": "must be a port from 1 to 65535, not 0",
    "http_port: -1": "must be a port from 1 to 65535, not -1",
    "https_port: 65536": "must be a port from 1 to 65535, not 65536",
    "ssh_connections_at_once: 0": "must be at least 1, not 0",
    "ssh_connections_at_once_in_all: -1": "must be at least 1, not -1",
    "ssh_sessions_per_connection: 0": "must be at least 1, not 0",
    "queue_sizes: {default: 5, slow: 0}": "must be at least 1, not 0",
    "ssh_connect_timeout: 0": "must be more than 0, not 0",
    "kill_limit: -0.5": "must be more than 0, not -0.5",
    "reconnect_limit: .inf": "must be a finite number, not inf",
    "kill_grace: .nan": "must be a finite number, not nan",
    "foreman_url: foreman.example.org": _ADDRESS,
    "foreman_url: ftp://foreman.example.org": _ADDRESS,
    "foreman_url: 'https://'": _ADDRESS,
    "foreman_url: ''": _ADDRESS,
    "core_url: localhost:8008": _ADDRESS,
    "core_url: http://localhost:80080": _ADDRESS,
    "remote_working_dir: var/tmp": "must be a whole path on the hosts, beginning with /, not 'var/tmp'",
    "remote_working_dir: ''": _EMPTY,
    "database: ''": _EMPTY,
    "log_file: ''": _EMPTY,
    "bind_host: []": _EMPTY,
    "log_format: xml": "has to be one of text, json, given xml",
    "console_roles: {boss: [a]}": "has to be one of viewer, operator, admin, given boss",
    "queue_sizes: 5": "must be a mapping of names and whole numbers, not 5",
    "trusted_hosts: a.example": "must be a list of host names, not 'a.example'",
    **{f"{key}: -1": "must not be negative, given -1" for key in _NEGATIVE},
}
"""Settings, and what is said of each."""

_RIGHT = {
    "port: 65535": 65535,
    "execution_plan_cleaner_age: 0": 0,
    "kill_grace: 0": 0,
    "queue_sizes: {default: 1}": {"default": 1},
    "foreman_url: https://foreman.example.org:8443/sub": "https://foreman.example.org:8443/sub",
    "core_url: ''": None,
    "socket: ''": "",
    "bind_host: 127.0.0.1": ("127.0.0.1",),
    "log_level: debug": "DEBUG",
    "tls_disabled_versions: 1.2": ("1.2",),
    "ssl_ca_file: ''": None,
}
"""Settings, and what they mean."""


class ValueTests(SynchronousTestCase):
    """L{value_problem}, as the reader of settings uses it."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()

    def load(self, text: str) -> Settings:
        """The settings of a file with this."""
        self.folder.joinpath("settings.yml").write_text(text)
        return load_settings(self.folder)

    def test_what_cannot_be_used(self) -> None:
        """Is refused with file, line, key and what would be right, however the key is written."""
        for text, expected in _WRONG.items():
            for written in (text, f":{text}"):
                error = self.assertRaises(SettingsError, self.load, written)
                key = text.partition(":")[0]
                self.assertEqual(list(error.problems), [f"{self.folder}/settings.yml:1: `{key}` {expected}"], written)

    def test_what_can_be_used(self) -> None:
        """The ends of ranges; levels in small letters; what is empty and may be missing is missing."""
        for text, expected in _RIGHT.items():
            self.assertEqual(getattr(self.load(text), text.partition(":")[0]), expected, text)

    def test_versions_of_tls_that_there_are_not(self) -> None:
        """Are said to be without effect, and the service starts, as the smart proxy does."""
        settings = self.load("tls_disabled_versions: ['1.2', 9.9, TLSv1.1]")
        place = f"({self.folder}/settings.yml:1)"
        expected = tuple(f"tls_disabled_versions {each} {place}" for each in ("9.9", "TLSv1.1"))
        self.assertEqual(settings.without_effect, expected)

    def test_every_type_has_a_name(self) -> None:
        """A mapping within a list is nothing that any setting may be, and each says what it must be."""
        for key in TYPES:
            error = self.assertRaises(SettingsError, self.load, f"{key}: [{{a: 1}}]")
            self.assertIn(f"`{key}` must be ", error.problems[0])
