"""What the packages are made of fits what it is made for."""

from __future__ import annotations

import importlib.util
import re
from datetime import UTC, datetime
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.reload import NEED_RESTART
from smartdyn.settings.schema import TYPES

ROOT = Path(__file__).parents[2]
PINNED = dict(re.findall(r"^([a-z0-9-]+)==(\S+)$", (ROOT / "packaging/requirements.lock").read_text(), re.MULTILINE))


class PackagingTests(SynchronousTestCase):
    """The files in C{packaging/}."""

    def test_pinned_libraries(self) -> None:
        """Whatever the service needs is pinned, in a version that it accepts."""
        needed = requires("smartdyn") or []
        self.assertIn("twisted", {Requirement(text).name.lower() for text in needed})
        for text in needed:
            wanted = Requirement(text)
            if wanted.marker is None:
                name = wanted.name.lower().replace("_", "-")
                self.assertIn(name, PINNED)
                self.assertTrue(wanted.specifier.contains(PINNED[name]), text)

    def test_the_manual_page_of_the_settings(self) -> None:
        """It explains every setting, and marks those that need a restart."""
        spec = importlib.util.spec_from_file_location("settings_page", ROOT / "packaging/man/settings_page.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        files = [ROOT / "etc/settings.yml", *sorted((ROOT / "etc/settings.d").glob("*.yml"))]
        page = module.page(files, datetime.fromtimestamp(0, UTC))
        explained = {
            name: bool(mark) for name, mark in re.findall(r"^\.B (\w+): .*?( \(restart\))?$", page, re.MULTILINE)
        }
        self.assertEqual(set(TYPES) - set(explained), set())
        self.assertEqual({name for name, marked in explained.items() if marked}, NEED_RESTART)
