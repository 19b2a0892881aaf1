"""What monitors are told."""

from __future__ import annotations

from smartdyn.model.overview import HealthItem
from tests.support.web import WebTestCase


class HealthTests(WebTestCase):
    """C{/health}."""

    def test_ready(self) -> None:
        """A service that can do its work says so, and how everything is; what does no harm yet is seen."""
        self.items.append(HealthItem("disk", False, "100 MB are free. Make room there."))
        status, found = self.request("GET", "/health/ready")
        self.assertEqual((status, found["ready"], found["reasons"]), (200, True, []))
        self.assertEqual(found["checks"]["disk"]["ok"], False)
        self.assertEqual(found["checks"]["database"], {"ok": True, "blocks": False, "text": "It answers."})

    def test_not_ready(self) -> None:
        """Each reason is given, with a status that load balancers understand."""
        self.items.append(HealthItem("disk", False, "1 MB is free.", blocks=True))
        self.items.append(HealthItem("draining", False, "No new tasks.", blocks=True))
        status, found = self.request("GET", "/health/ready")
        self.assertEqual((status, found["ready"]), (503, False))
        self.assertEqual(found["reasons"], ["1 MB is free.", "No new tasks."])

    def test_alive(self) -> None:
        """Only what a restart would help counts."""
        self.items = [HealthItem("disk", False, "1 MB is free.", blocks=True)]
        self.assertEqual(self.request("GET", "/health/live"), (200, {"status": "alive", "reasons": []}))
        self.stuck.append("A commit has been under way for 200 s.")
        self.assertEqual(self.request("GET", "/health/live"), (503, {"status": "stuck", "reasons": self.stuck}))
