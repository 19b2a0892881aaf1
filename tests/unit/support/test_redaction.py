"""Secrets in texts of others."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.secret import HIDDEN
from smartdyn.support.redaction import Redactor, is_secret_name

SECRET = "hunter2-Zq9"

TEXTS = (
    "https://admin:{}@foreman.example.org/api",
    "https://{}@foreman.example.org/api",
    "ftp://admin:p@ss{}@foreman.example.org/",
    "postgres://admin:with/{}@db.example.org/x",
    "GET https://proxy.example.org/x?user=me&access_token={}&page=2",
    "Authorization: Basic {}",
    '"authorization": "Bearer {}"',
    "Proxy-Authorization: Digest username=me, response={}",
    "Cookie: _session_id={}; theme=dark",
    "X-Auth-Token: {}",
    "answered with bearer {}",
    "password={}",
    "PASSWORD='two words {}'",
    'ssh_password: "{}"',
    ':effective_user_password: "{}"',
    ":key_passphrase => '{}'",
    "{{'sudo_password': '{}'}}",
    '{{"key_passphrase":"{}"}}',
    "MYSQL_PWD={} AWS_SECRET_ACCESS_KEY={}",
    "export GITHUB_TOKEN={}",
    "client_secret = {}",
    "mysqldump --password={} db",
    "mysqldump --password {} db",
    "sshpass -p {} ssh root@web1.example.org",
    "curl -s -u admin:{} https://foreman.example.org",
    "api-key: {}",
    "-----BEGIN OPENSSH PRIVATE KEY-----\n{}\nAAAA\n-----END OPENSSH PRIVATE KEY-----",
    "-----BEGIN RSA PRIVATE KEY-----\n{}\n",
    "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx{}.sflKxw",
    "pushed with ghp_0123456789{}",
)
HARMLESS = (
    "web1.example.org: connection refused (192.0.2.10, port 22)",
    "https://foreman.example.org:9090/dynflow/tasks?state=failed&page=2",
    "job for root@web1.example.org on https://secretary.example.org/tokens",
    "SSH private key file /var/lib/smartdyn/id_rsa doesn't exist",
    "secrets_key_file: /var/lib/smartdyn/key",
    "No password was accepted: publickey, password, keyboard-interactive",
    "the task 0d5a1f9e-0000-4000-8000-000000000000 ended: error",
)


class RedactionTests(SynchronousTestCase):
    """L{Redactor}."""

    def test_secrets_are_hidden(self) -> None:
        """Wherever one usually finds them."""
        hide = Redactor().text
        for text in TEXTS:
            hidden = hide(text.replace("{}", SECRET).replace("{{", "{").replace("}}", "}"))
            self.assertNotIn(SECRET, hidden)
            self.assertIn(HIDDEN, hidden)

    def test_the_rest_stays(self) -> None:
        """Hosts, addresses, paths, ids, and talk of passwords."""
        hide = Redactor().text
        for text in HARMLESS:
            self.assertEqual(hide(text), text)
        self.assertIn("foreman.example.org/api", hide("https://admin:x@foreman.example.org/api"))

    def test_known_ones(self) -> None:
        """Are hidden without any hint, the longest first; what is too short would hide everything."""
        hide = Redactor(["hunter", "hunter2", "", "a"]).text
        self.assertEqual(hide("it was hunter2, a hunter"), f"it was {HIDDEN}, a {HIDDEN}")

    def test_json(self) -> None:
        """By the names of keys, at any depth, and in texts; numbers and the like stay."""
        value = {"a": [1, None, {"ssh_password": {"x": "y"}, "host": "web1"}], "say": f"password={SECRET}"}
        hidden = {"a": [1, None, {"ssh_password": HIDDEN, "host": "web1"}], "say": f"password={HIDDEN}"}
        self.assertEqual(Redactor().value(value), hidden)

    def test_names(self) -> None:
        """What is a secret by its name; a file name is none."""
        for name in ("ssh_password", "DB_PASSWD", "key_passphrase", "client-secret", "secrets", "apiKey", "OTP"):
            self.assertTrue(is_secret_name(name), name)
        for name in ("host", "secrets_key_file", "ssl_private_key_file", "option", "public_key"):
            self.assertFalse(is_secret_name(name), name)
