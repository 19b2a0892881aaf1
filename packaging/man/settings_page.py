"""Makes the manual page smartdyn-settings(5) of the examples in etc/, which explain every setting."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from smartdyn import __version__
from smartdyn.reload import NEED_RESTART

_SETTING = re.compile(r"#:(\w+): (.*)")
_HEAD = """\
.TH SMARTDYN\\-SETTINGS 5 "{date}" "smartdyn {version}" "smartdyn"
.SH NAME
smartdyn\\-settings \\- settings of the service smartdyn
.SH SYNOPSIS
.I /etc/smartdyn/settings.yml
.br
.I /etc/smartdyn/settings.d/*.yml
.SH DESCRIPTION
The files are YAML, a mapping of names and values each.
The names are those of the Ruby services that smartdyn takes the place of, with a colon before them or without.
.I settings.yml
is read first, then the files of
.I settings.d
in the order of their names; what is read later counts.
.PP
.B smartdyn config check
says what is wrong with them, with file and line, and
.B smartdyn config show
what is in force.
.B systemctl reload smartdyn
takes over what has changed; settings marked
.B (restart)
count from the next start on.
"""
_TAIL = """\
.SH SEE ALSO
.BR smartdyn (1),
.BR smartdyn.service (8)
"""


def page(files: list[Path], date: datetime) -> str:
    """The whole page.

    @param files: examples with all settings in them, commented out, behind what is to be said of them.
    """
    parts = [_HEAD.format(date=f"{date:%Y-%m-%d}", version=__version__)]
    for path in files:
        parts.append(f".SH {_escape(path.name.upper())}\n")
        for names, text in _blocks(path):
            parts.extend(_entry(names, text))
    return "".join([*parts, _TAIL])


def _blocks(path: Path) -> Iterator[tuple[list[tuple[str, str]], list[str]]]:
    """Settings that are explained together, with the explanation."""
    for block in path.read_text().split("\n\n"):
        names, text = [], []
        for line in block.splitlines():
            found = _SETTING.fullmatch(line)
            if found:
                names.append((found[1], found[2]))
            elif line.startswith("# "):
                text.append(line[2:])
        if names:
            yield names, text


def _entry(names: list[tuple[str, str]], text: list[str]) -> Iterator[str]:
    for index, (name, value) in enumerate(names):
        yield ".TP\n" if index == 0 else ".TQ\n"
        mark = " (restart)" if name in NEED_RESTART else ""
        yield f".B {_escape(f'{name}: {value}{mark}')}\n"
    yield "".join(f"{_escape(line)}\n" for line in text) or "See above.\n"


def _escape(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("~", "\\(ti")
    return f"\\&{escaped}" if escaped.startswith(".") else escaped


if __name__ == "__main__":
    epoch, *paths = sys.argv[1:]
    sys.stdout.write(page([Path(path) for path in paths], datetime.fromtimestamp(int(epoch), UTC)))
