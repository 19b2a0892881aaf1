"""The command line, called as a function."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

from smartdyn.cli.main import main


@dataclass(frozen=True, slots=True)
class Done:
    """What a command has said, and how it ended."""

    status: int
    output: str
    errors: str


def smartdyn(*arguments: str) -> Done:
    """Run C{smartdyn} with these arguments."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = main(arguments)
        except SystemExit as ending:
            status = int(ending.code or 0)
    return Done(status, out.getvalue(), err.getvalue())
