"""C{smartdyn completion}: what a shell completes, made of the command line itself."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from smartdyn.cli.options import add_command

SHELLS: Final = ("bash", "zsh", "fish")

_PATHS: Final = ("DIR", "FILE", "PATH")
"""What arguments are called that name files."""


def add(commands: Any) -> None:
    """Add it to the command line."""
    parser = add_command(
        commands,
        "completion",
        "print what a shell needs to complete this command",
        "completion bash",
        description="Print what a shell needs to complete this command: "
        "source <(smartdyn completion bash) in ~/.bashrc; "
        "smartdyn completion zsh > DIR/_smartdyn, with DIR in $fpath, before compinit in ~/.zshrc; "
        "smartdyn completion fish > ~/.config/fish/completions/smartdyn.fish.",
    )
    parser.add_argument("shell", choices=SHELLS, help="the shell")
    parser.set_defaults(run=_completion)


def _completion(options: argparse.Namespace) -> int:
    from smartdyn.cli.main import parser  # noqa: PLC0415  # it knows us

    print(script(parser(), options.shell))
    return 0


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """What is to be put where the shell looks for completions.

    @param shell: one of L{SHELLS}.
    """
    import shtab  # noqa: PLC0415  # only when it is wanted

    for action in _actions(parser):
        if action.type is Path or action.metavar in _PATHS:
            # argparse has no place for it; shtab looks for this attribute
            action.complete = shtab.DIRECTORY if action.metavar == "DIR" else shtab.FILE  # type: ignore[attr-defined]
    return str(shtab.complete(parser, shell))


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """All arguments, also those of subcommands."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from _actions(each)
