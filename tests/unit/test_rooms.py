"""The house has rooms, and what belongs where is checked."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "smartdyn"

FORBIDDEN = {
    "model": {"engine", "actions", "rex", "ssh", "store", "foreman", "web", "cli", "settings", "service", "tap"},
    "metrics": {
        "model",
        "engine",
        "actions",
        "rex",
        "ssh",
        "store",
        "foreman",
        "web",
        "cli",
        "settings",
        "service",
        "tap",
    },
    "ssh": {"model", "engine", "actions", "rex", "store", "foreman", "web", "cli", "settings", "service", "tap"},
    "engine": {"web", "ssh", "rex", "foreman", "cli", "settings", "service", "tap"},
    "store": {"engine", "actions", "web", "ssh", "rex", "foreman", "cli", "settings", "service", "tap"},
    "actions": {"web", "ssh", "rex", "foreman", "cli", "settings", "service", "tap"},
    "doctor": {"engine", "actions", "web", "cli", "service", "tap"},
    "web": {"ssh", "rex", "foreman", "engine", "cli", "settings", "service", "tap"},
}
SQL = re.compile(r"\b(SELECT .+ FROM|INSERT (OR \w+ )?INTO|DELETE FROM|UPDATE \w+ SET|CREATE TABLE)\b", re.DOTALL)
MAY_USE_THE_REACTOR = {"tap.py"}


def modules(folder: Path) -> Iterator[tuple[Path, ast.Module]]:
    """All modules below a folder."""
    for path in sorted(folder.rglob("*.py")):
        yield path, ast.parse(path.read_text())


def imports(tree: ast.Module) -> Iterator[str]:
    """The names of all modules that are imported, anywhere in a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


class RoomTests(SynchronousTestCase):
    """The import rules, and where things stand."""

    def test_rooms_know_only_what_they_may(self) -> None:
        """No room imports another that it must not know."""
        for room, forbidden in FORBIDDEN.items():
            for path, tree in modules(PACKAGE / room):
                known = {name.split(".")[1] for name in imports(tree) if name.startswith("smartdyn.")}
                self.assertEqual(known & forbidden, set(), path)

    def test_sql_is_in_the_store(self) -> None:
        """Nobody else writes statements."""
        for path, tree in modules(PACKAGE):
            if path.is_relative_to(PACKAGE / "store"):
                continue
            texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
            self.assertEqual([text for text in texts if isinstance(text, str) and SQL.search(text)], [], path)

    def test_the_reactor_comes_in_as_an_argument(self) -> None:
        """Only where the service is put together is the global one taken."""
        for path, tree in modules(PACKAGE):
            if path.name not in MAY_USE_THE_REACTOR:
                self.assertNotIn("twisted.internet.reactor", set(imports(tree)), path)

    def test_modules_are_short(self) -> None:
        """One idea a module: less than 400 lines."""
        for path in PACKAGE.rglob("*.py"):
            self.assertLess(path.read_text().count("\n"), 400, path)

    def test_every_test_says_what_it_promises(self) -> None:
        """The tests are the specification."""
        for path, tree in modules(ROOT / "tests"):
            for node in ast.walk(tree):
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test"):
                    self.assertTrue(ast.get_docstring(node), f"{path}: {node.name}")
