"""The names under which everything is counted."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.metrics.meters import Meters

ROOT = Path(__file__).parents[3]
_UNITS = ("_seconds", "_bytes")
_OF_OTHERS = ("process_", "python_")
_TOO_MANY = {"host", "hostname", "task", "task_id", "plan", "plan_id", "user", "peer", "address", "path", "id"}
"""Labels that would make as many series as there are tasks, hosts or people."""


class NameTests(SynchronousTestCase):
    """What L{Meters} gives out."""

    def setUp(self) -> None:
        self.families = list(Meters().registry.collect())
        self.ours = [family for family in self.families if not family.name.startswith(_OF_OTHERS)]

    def test_there_are_enough(self) -> None:
        """Of our own more than forty, and those of the process."""
        self.assertGreater(len(self.ours), 40)
        self.assertIn("process_open_fds", {family.name for family in self.families})

    def test_names_follow_the_conventions(self) -> None:
        """Lower case behind our name; what is measured in a unit ends with the base unit."""
        for family in self.ours:
            self.assertRegex(family.name, r"^smartdyn_[a-z]+(_[a-z]+)*$")
            self.assertNotRegex(family.name, r"_(ms|milliseconds|kb|mb|minutes|count|total|bucket|sum)$")
            if family.type == "histogram" and family.name != "smartdyn_database_commit_units":
                self.assertTrue(family.name.endswith(_UNITS), family.name)
            self.assertRegex(family.documentation, r"^[A-Z].*[^.]$")

    def test_no_label_has_countless_values(self) -> None:
        """Neither hosts nor tasks nor people make series of their own."""
        meters = Meters()
        for part in (
            meters.database,
            meters.engine,
            meters.http,
            meters.jobs,
            meters.outbox,
            meters.process,
            meters.ssh,
        ):
            for value in vars(part).values():
                self.assertEqual(set(getattr(value, "_labelnames", ())) & _TOO_MANY, set(), value)

    def test_each_is_explained(self) -> None:
        """The guide for monitoring has a line for each family, and none for families that are not there."""
        text = (ROOT / "docs" / "monitoring.md").read_text()
        explained = re.findall(r"^\| `(smartdyn_[a-z_]+)`", text, re.MULTILINE)
        self.assertEqual(sorted(explained), sorted({_exposed(family) for family in self.ours}))


def _exposed(family: object) -> str:
    """The name as it is asked for: the format puts an ending behind some."""
    ending = {"counter": "_total", "info": "_info"}.get(getattr(family, "type", ""), "")
    return f"{getattr(family, 'name', '')}{ending}"
