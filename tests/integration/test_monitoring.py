"""The files for Prometheus and Grafana."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from prometheus_client import generate_latest
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from smartdyn.metrics.meters import Meters
from tests.integration.test_service import ServiceTestCase

ROOT = Path(__file__).parents[2]
FILES = ROOT / "packaging" / "monitoring"
_NAME = re.compile(r"\b(?:smartdyn|process|python)_[a-z_]+\b")


def samples() -> set[str]:
    """The names under which there is something to be asked for."""
    found = set()
    for family in Meters().registry.collect():
        endings = {"counter": ("_total",), "info": ("_info",), "histogram": ("_bucket", "_sum", "_count")}
        found |= {f"{family.name}{ending}" for ending in endings.get(family.type, ("",))}
    return found


def promtool(*arguments: str, text: str | None = None) -> str:
    """What Prometheus' own tool says.

    @raise SkipTest: it is not there.
    """
    tool = shutil.which("promtool")
    if tool is None:
        raise SkipTest("promtool is not installed: `make alerts` installs it (apt-get install prometheus)")
    done = subprocess.run([tool, *arguments], input=text, capture_output=True, text=True, cwd=FILES, check=False)
    if done.returncode:
        raise AssertionError(f"promtool {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


class AlertTests(SynchronousTestCase):
    """C{alerts.yml}."""

    def setUp(self) -> None:
        (group,) = yaml.safe_load((FILES / "alerts.yml").read_text())["groups"]
        self.rules: list[dict[str, Any]] = group["rules"]

    def test_they_ask_for_what_there_is(self) -> None:
        """Each metric that a rule names is one that we give out."""
        for rule in self.rules:
            self.assertEqual(set(_NAME.findall(rule["expr"])) - samples(), set(), rule["alert"])

    def test_each_says_what_to_do(self) -> None:
        """It has a severity, a summary that names the proxy, and a description; and the guide explains it."""
        guide = (ROOT / "docs" / "monitoring.md").read_text()
        for rule in self.rules:
            self.assertIn(rule["labels"]["severity"], {"critical", "warning"})
            self.assertIn("$labels.instance", rule["annotations"]["summary"], rule["alert"])
            self.assertTrue(rule["annotations"]["description"].endswith((".", "?")), rule["alert"])
        explained = re.findall(r"^\| `(Smartdyn\w+)`", guide, re.MULTILINE)
        self.assertEqual(explained, [rule["alert"] for rule in self.rules])

    def test_prometheus_takes_them(self) -> None:
        """Its own tool finds nothing wrong, and they fire when they should and not when all is well."""
        self.assertIn("22 rules found", promtool("check", "rules", "alerts.yml"))
        self.assertIn("SUCCESS", promtool("test", "rules", "alerts_test.yml"))


class DashboardTests(SynchronousTestCase):
    """C{grafana-dashboard.json}."""

    def setUp(self) -> None:
        self.dashboard = json.loads((FILES / "grafana-dashboard.json").read_text())

    def panels(self) -> list[dict[str, Any]]:
        """Those that show something."""
        return [panel for panel in self.dashboard["panels"] if panel["type"] != "row"]

    def expressions(self) -> Iterator[str]:
        """All that is asked for."""
        yield from (target["expr"] for panel in self.panels() for target in panel["targets"])
        yield from (annotation["expr"] for annotation in self.dashboard["annotations"]["list"])

    def test_it_asks_for_what_there_is(self) -> None:
        """Each metric that a panel names is one that we give out."""
        for expression in self.expressions():
            found = set(_NAME.findall(expression))
            self.assertTrue(found, expression)
            self.assertEqual(found - samples(), set(), expression)

    def test_panels(self) -> None:
        """Each has a title, a description and a place of its own."""
        panels = self.dashboard["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        self.assertEqual(len({panel["title"] for panel in panels}), len(panels))
        for panel in self.panels():
            self.assertTrue(panel["description"].endswith("."), panel["title"])
        cells = [cell for panel in panels for cell in _cells(panel["gridPos"])]
        self.assertEqual(len(set(cells)), len(cells))

    def test_prometheus_understands_it(self) -> None:
        """Each expression is one."""
        rules = [
            {
                "record": f"panel:{number}",
                "expr": expression.replace("$__rate_interval", "5m").replace("$instance", ".*"),
            }
            for number, expression in enumerate(self.expressions())
        ]
        path = Path(self.mktemp()).absolute()
        path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
        self.assertIn(f"{len(rules)} rules found", promtool("check", "rules", str(path)))


class LintTests(ServiceTestCase):
    """What a service gives out."""

    async def test_prometheus_finds_nothing_to_say(self) -> None:
        """Its tool reads the numbers of a service and has no complaint about their names, types and texts."""
        promtool("--version")
        _, client = await self.start()
        await client.request("GET", "/tasks/count")
        text = (await client.request("GET", "/metrics")).content.decode()
        ours = "\n".join(line for line in text.splitlines() if "smartdyn_" in line) + "\n"
        self.assertEqual(await deferToThread(promtool, "check", "metrics", text=ours), "")

    def test_families_are_given_out_without_a_service(self) -> None:
        """A registry that nothing was counted on names each of its families, so that a scrape can be looked at."""
        text = generate_latest(Meters().registry).decode()
        self.assertGreater(text.count("# TYPE smartdyn_"), 60)


def _cells(place: dict[str, int]) -> Iterator[tuple[int, int]]:
    """The fields of Grafana's grid that a panel covers."""
    for x in range(place["x"], place["x"] + place["w"]):
        for y in range(place["y"], place["y"] + place["h"]):
            yield x, y
