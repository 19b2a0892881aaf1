"""Reading what Foreman asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.errors import InvalidRequest
from smartdyn.rex.job import ScriptJob, UnsupportedMethod
from smartdyn.rex.settings import RunnerSettings
from smartdyn.secret import Secret

SETTINGS = RunnerSettings(known_hosts=Path("known_hosts"))


def job(**input: Any) -> ScriptJob:
    """A job with the least that is needed."""
    return ScriptJob.from_input({"hostname": "h1.example.org", "script": "true", **input}, SETTINGS)


class JobTests(SynchronousTestCase):
    """L{ScriptJob.from_input}."""

    def test_defaults(self) -> None:
        """Without more words a script runs as root on port 22, in /var/tmp, and is cleaned up after."""
        found = job()
        self.assertEqual((found.target.user, found.target.port, found.effective_user), ("root", 22, None))
        self.assertEqual((found.remote_working_dir, found.cleanup), ("/var/tmp", True))

    def test_the_same_effective_user_is_no_change(self) -> None:
        """sudo to oneself is not done."""
        self.assertIsNone(job(ssh_user="joe", effective_user="joe").effective_user)

    def test_what_cannot_be_used_is_named(self) -> None:
        """Each bad value is refused with the key's name."""
        cases: list[tuple[str, Any]] = [
            ("hostname", None),
            ("hostname", "-oProxyCommand=x"),
            ("hostname", "a b"),
            ("hostname", 5),
            ("ssh_port", "many"),
            ("ssh_port", 0),
            ("ssh_port", True),
            ("ssh_port", 22.5),
            ("ssh_port", "+22"),
            ("ssh_port", "65536"),
            ("script", None),
            ("ssh_user", ["root"]),
            ("ssh_user", "joe\n"),
            ("remote_working_dir", 7),
            ("remote_working_dir", "/var/tmp\n/x"),
        ]
        for key, value in cases:
            error = self.assertRaises(InvalidRequest, job, **{key: value})
            self.assertIn(f"`{key}`", str(error))

    def test_half_a_character(self) -> None:
        """JSON may hold it, and no host can be sent it: that is said, of a secret without showing it."""
        cases: list[dict[str, Any]] = [
            *({key: "a\ud800"} for key in ("hostname", "ssh_user", "effective_user", "remote_working_dir", "script")),
            {"ssh_user": "a\udcff"},
            *(
                {"secrets": {key: Secret("planted\udfff")}}
                for key in ("ssh_password", "key_passphrase", "effective_user_password")
            ),
        ]
        for input in cases:
            error = self.assertRaises(InvalidRequest, job, **input)
            key = next(iter(input.get("secrets", input)))
            self.assertIn(f"`{key}`", str(error))
            self.assertNotIn("planted", str(error))
            str(error).encode()

    def test_bytes_that_are_no_text(self) -> None:
        """A script and a directory may hold them; they are sent as they are."""
        found = job(script="echo \udcff", remote_working_dir="/tmp/\udce9").bootstrap("id")
        self.assertEqual(found.script, b"echo \xff\n")
        self.assertIn(b"base=/tmp/\xe9\n", found.stdin())

    def test_su_and_a_directory_that_depends_on_where_one_is(self) -> None:
        """It would be looked for in another place than where it was made; sudo stays where it is."""
        job(remote_working_dir="tmp", effective_user="joe")
        error = self.assertRaises(
            InvalidRequest, job, remote_working_dir="tmp", effective_user="joe", effective_user_method="su"
        )
        self.assertIn("must begin with /", str(error))

    def test_a_port_may_be_text(self) -> None:
        """Foreman's parameters are."""
        self.assertEqual(job(ssh_port="2222").target.port, 2222)

    def test_an_unknown_method_matters_only_when_the_user_changes(self) -> None:
        """As in the reference."""
        job(ssh_user="root", effective_user="root", effective_user_method="magic")
        self.assertRaises(UnsupportedMethod, job, effective_user="joe", effective_user_method="magic")

    def test_a_password_makes_a_dialogue(self) -> None:
        """An empty password is none."""
        secrets = {"effective_user_password": Secret("x")}
        self.assertTrue(job(effective_user="joe", secrets=secrets).bootstrap("id").asks_password)
        secrets = {"effective_user_password": Secret("")}
        self.assertFalse(job(effective_user="joe", secrets=secrets).bootstrap("id").asks_password)

    def test_the_working_directory_on_this_side_is_not_the_wires_to_choose(self) -> None:
        """Unknown keys, and those that concern this machine, are passed over."""
        self.assertEqual(job(local_working_dir="/etc", socket_working_dir="/etc", whatever=1), job())
