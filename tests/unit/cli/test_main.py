"""The command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.in_process import smartdyn


class CommandTests(SynchronousTestCase):
    """C{smartdyn}."""

    def test_version(self) -> None:
        """Shows the version."""
        did = smartdyn("--version")
        self.assertEqual((did.status, did.output), (0, "smartdyn 0.1.0\n"))

    def test_a_wrong_command(self) -> None:
        """Ends with 2 and shows the usage."""
        did = smartdyn("dance")
        self.assertEqual(did.status, 2)
        self.assertIn("usage:", did.errors)

    def test_config_check(self) -> None:
        """0 when all is well; 1 and a line per problem when not."""
        folder = Path(self.mktemp())
        folder.mkdir()
        self.assertEqual(smartdyn("config", "check", "-c", str(folder)).status, 0)
        folder.joinpath("settings.yml").write_text(":prot: 1\n")
        did = smartdyn("config", "check", "-c", str(folder))
        self.assertEqual((did.status, did.errors.count("\n")), (1, 1))
        self.assertIn("did you mean `port`?", did.errors)

    def test_config_show(self) -> None:
        """Shows what is in force."""
        folder = Path(self.mktemp())
        folder.mkdir()
        self.assertIn("port: 8008  # default", smartdyn("config", "show", "-c", str(folder)).output)

    def test_starting_is_quick(self) -> None:
        """Nothing heavy is loaded to ask the service for something."""
        heavy = ("twisted", "klein", "jinja2", "msgspec", "cryptography", "yaml")
        code = (
            "import sys; from smartdyn.cli.main import main; status = main(['queue', '--socket', '/nowhere']); "
            f"print(status, [name for name in {heavy} if name in sys.modules])"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3]
        )
        self.assertEqual(done.stdout, "3 []\n")
