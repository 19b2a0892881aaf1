"""What is said of a host, by what it told of itself."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.doctor.account import Account
from smartdyn.doctor.context import Context
from smartdyn.doctor.target import findings
from smartdyn.doctor.verdict import Status, Verdict
from smartdyn.doctor.visit import Destination, Visit, runner_settings
from smartdyn.settings import Settings
from smartdyn.settings.load import Reading

_NOW = 1_800_000_000
_WELL = {
    "uid": "1000",
    "now": str(_NOW),
    "user": "yes",
    "method": "yes",
    "setfacl": "yes",
    "acl": "yes",
    "directory": "yes",
    "writable": "yes",
    "executable": "yes",
    "free": "1000000",
    "become": "0",
    "answer": "",
    "end": "yes",
}


class TargetTests(SynchronousTestCase):
    """L{findings}."""

    def said(self, *missing: str, effective: str = "app", method: str = "sudo", **words: str) -> dict[str, Verdict]:
        """What is said of a host on which all is well but for this."""
        context = Context(
            reading=Reading(Settings(folder=Path("/etc/smartdyn")), ()),
            account=Account("foreman-proxy", 77, frozenset(), Path("/home/fp")),
            environment={},
            run=lambda command: None,
            now=lambda: float(_NOW),
            hostname=lambda: "proxy",
        )
        job = Destination("jane@h1", effective, method).job(runner_settings(context))
        told = {key: value for key, value in {**_WELL, **words}.items() if key not in missing}
        found = findings(context, Visit(job, said=told, sessions=8))
        return {each.id: each.verdict for each in found if each.verdict.status in (Status.ERROR, Status.WARNING)}

    def test_all_is_well(self) -> None:
        """Nothing is found, whatever the method."""
        for method in ("sudo", "su", "dzdo"):
            self.assertEqual(self.said(method=method), {})

    def test_sudo_that_refuses(self) -> None:
        """In the words of sudo."""
        found = self.said(become="1", answer="Sorry, user jane is not allowed to execute 'true' as app on h1.")
        self.assertIn("jane may not become app: Sorry, user jane", found["target-user"].text)
        self.assertIn("visudo", found["target-user"].fix)

    def test_no_setfacl(self) -> None:
        """The effective user could not see the script; root and who logs in as root need none."""
        found = self.said("setfacl", "acl")
        self.assertEqual(list(found), ["target-acl"])
        self.assertIn("package acl", found["target-acl"].fix)
        self.assertEqual(self.said("setfacl", "acl", effective="root"), {})
        self.assertEqual(self.said("setfacl", "acl", uid="0"), {})

    def test_a_file_system_without_lists(self) -> None:
        """The tool is there, and of no use."""
        self.assertIn("no access control lists", self.said("acl")["target-acl"].text)

    def test_another_time(self) -> None:
        """A minute and more."""
        self.assertIn("differs by 3,600 s", self.said(now=str(_NOW - 3600))["target-clock"].text)
