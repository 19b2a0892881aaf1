"""The house has rooms, and what belongs where is checked."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "smartdyn"

COMMON = {"aio", "errors", "files", "pem", "reasons", "secret", "streaming"}
"""What all rooms may use; these know nothing but each other."""

_WORKING = {"actions", "engine", "foreman", "metrics", "model", "rex", "settings", "store", "web"}

MAY_KNOW: dict[str, set[str]] = {
    **{each: set() for each in COMMON},
    "model": set(),
    "metrics": set(),
    "garbage": set(),
    "signals": set(),
    "systemd": set(),
    "ssh": {"metrics"},
    "settings": {"ssh"},
    "log": {"metrics", "settings"},
    "store": {"metrics", "model"},
    "engine": {"actions", "log", "metrics", "model", "store"},
    "actions": {"engine", "log", "metrics", "model", "store"},
    "testing": {"actions", "engine", "metrics", "model", "store"},
    "rex": {"actions", "log", "metrics", "model", "ssh"},
    "foreman": {"log", "metrics", "store"},
    "web": {"actions", "log", "metrics", "model", "store"},
    "parts": {"engine", "foreman", "rex", "settings", "ssh"},
    "front": {"actions", "foreman", "log", "metrics", "model", "parts", "settings", "systemd", "web"},
    "health": {"engine", "foreman", "model", "store", "web"},
    "observing": _WORKING | {"front", "health"},
    "service": _WORKING | {"front", "health", "log", "observing", "parts", "systemd"},
    "reload": {"log", "settings", "systemd"},
    "tap": {"front", "garbage", "log", "metrics", "reload", "service", "settings", "signals", "systemd"},
    "doctor": {"rex", "settings", "ssh", "store"},
    "support": {"doctor", "log", "parts", "settings", "store"},
    "demo": {"log", "service", "settings"},
    "cli": {"actions", "demo", "doctor", "model", "settings", "store", "support", "web"},
}
"""By room, which others it may import."""

NOT_EVEN = {"model": COMMON - {"errors", "secret"}}
"""What they must not use of that which all may."""

SQL = re.compile(r"\b(SELECT .+ FROM|INSERT (OR \w+ )?INTO|DELETE FROM|UPDATE \w+ SET|CREATE TABLE)\b", re.DOTALL)
MAY_USE_THE_REACTOR = {"tap.py"}


def modules(room: Path) -> Iterator[tuple[Path, ast.Module]]:
    """All modules of a room, which is a folder or a module itself."""
    for path in sorted(room.rglob("*.py")) or [room.with_suffix(".py")]:
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
        """No room imports another that it need not know, and there is no room of which nothing is said."""
        rooms = {
            path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.joinpath("__init__.py").exists()
        }
        self.assertEqual(rooms - {"__init__"}, set(MAY_KNOW))
        for room, allowed in MAY_KNOW.items():
            for path, tree in modules(PACKAGE / room):
                known = {name.split(".")[1] for name in imports(tree) if name.startswith("smartdyn.")} & rooms
                self.assertEqual(known - {room} - allowed - COMMON, set(), path)
                self.assertEqual(known & NOT_EVEN.get(room, set()), set(), path)

    def test_the_table_of_the_documentation(self) -> None:
        """Names each room that is a folder, and none that there is not."""
        text = (ROOT / "README.md").read_text().partition("| room |")[2].partition("\n\n")[0]
        named = [cell for line in text.splitlines() for cell in re.findall(r"`([^`]+)`", line.split("|")[1])]
        for name in named:
            self.assertTrue((ROOT / name).exists() or (PACKAGE / name).exists(), name)
        folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
        self.assertEqual(folders - {Path(name).name for name in named}, set())

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
