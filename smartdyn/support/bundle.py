"""Puts together what collectors have found: each has a deadline, and one that fails is noted."""

from __future__ import annotations

import io
import json
import tarfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from smartdyn import __version__
from smartdyn.files import fresh
from smartdyn.secret import HIDDEN
from smartdyn.support.case import Case, Collector, Piece
from smartdyn.support.redaction import Redactor

LIMIT: Final = 10.0
"""Seconds after which nobody is waited for any more."""

_LONGEST: Final = 5_000_000
"""Characters of a file; of a longer one the end is kept."""

_LEFT_OUT: Final = """\
What is not in here, and why:
- passwords, passphrases and one-time passwords of jobs: they are encrypted in the database, and it is not in here;
- private keys and the key file of the database: of files only owner, mode and size are told;
- scripts, what they printed, inputs of tasks and texts of errors, which may quote them: only with --task and
  --with-output, and then of these tasks;
- values of environment variables and of settings that this version does not know: they may be anything;
- in texts of others (logs, addresses): what looks like a password, token or key; {hidden} stands there instead.
Names of hosts, accounts and tasks are in here, and so are addresses. Look through it before you give it away.
"""


@dataclass(slots=True)
class _Work:
    """A collector that works in a thread, which ends with the process if it does not end before."""

    collector: Collector
    pieces: list[Piece] = field(default_factory=list)
    problem: str | None = None
    is_over: threading.Event = field(default_factory=threading.Event)

    def start(self, case: Case) -> None:
        threading.Thread(target=self._run, args=(case,), daemon=True).start()

    def _run(self, case: Case) -> None:
        try:
            self.pieces.extend(self.collector.collect(case))
        except Exception as error:
            self.problem = str(error) or type(error).__name__
        finally:
            self.is_over.set()

    def wait(self, until: float, limit: float) -> None:
        if not self.is_over.wait(max(until - time.monotonic(), 0)):
            self.problem = f"It took longer than {limit:g} s."


def write(
    path: Path, case: Case, collectors: Sequence[Collector], redactor: Redactor, *, limit: float = LIMIT
) -> list[str]:
    """Write a bundle to a new file.

    @return: what could not be found out, a line for each.
    @raise smartdyn.errors.CannotWrite: the file cannot be made.
    """
    with fresh(path) as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
        works = [_Work(collector) for collector in collectors]
        until = time.monotonic() + limit
        for work in works:
            work.start(case)
        for work in works:
            work.wait(until, limit)
        now = case.context.now()
        folder = path.name.removesuffix(".gz").removesuffix(".tar")
        problems = _problems(works)
        lines = [_add(archive, folder, piece, redactor, now) for work in works for piece in [*work.pieces]]
        manifest = _manifest(works, lines, redactor.text("\n".join(problems)))
        _add(archive, folder, Piece("MANIFEST", manifest), redactor, now)
    return problems


def _problems(works: Iterable[_Work]) -> list[str]:
    """What kept collectors from their work; when it was the same for several, it is said once."""
    found: dict[str, list[str]] = {}
    for work in works:
        if work.problem is not None:
            found.setdefault(work.problem, []).append(work.collector.name)
    return [f"{', '.join(names)}: {problem}" for problem, names in found.items()]


def _add(archive: tarfile.TarFile, folder: str, piece: Piece, redactor: Redactor, now: float) -> str:
    """Add a file; what is said of it in the manifest. Everything in a bundle goes through here."""
    text, cut = _text(piece, redactor), ""
    if len(text) > _LONGEST:
        text, cut = text[-_LONGEST:], ", of which the beginning is left out"
    data = text.encode("utf-8", "replace")
    entry = tarfile.TarInfo(f"{folder}/{piece.name}")
    entry.size, entry.mtime, entry.mode = len(data), int(now), 0o600
    archive.addfile(entry, io.BytesIO(data))
    hidden = text.count(HIDDEN)
    return f"{piece.name}: {len(data)} bytes{cut}" + (f", {hidden} times {HIDDEN}" if hidden else "")


def _text(piece: Piece, redactor: Redactor) -> str:
    if isinstance(piece.content, str):
        return redactor.text(piece.content)
    return json.dumps(redactor.value(piece.content), indent=2, ensure_ascii=False, default=str) + "\n"


def _manifest(works: Iterable[_Work], lines: Sequence[str], problems: str) -> str:
    return "\n".join(
        [
            f"A support bundle of smartdyn {__version__}.",
            "",
            "What was looked at:",
            *(f"- {work.collector.name}: {work.collector.title}" for work in works),
            "",
            "What is in here:",
            *(f"- {line}" for line in sorted(lines)),
            "",
            "What could not be found out:",
            *_list(problems),
            "",
            _LEFT_OUT.format(hidden=HIDDEN),
        ]
    )


def _list(text: str) -> Iterator[str]:
    yield from (f"- {line}" for line in text.splitlines() or ["nothing"])
