"""What we and the remote side of a job say to each other (protocol 1).

The remote side is C{remote.sh}. It speaks in marker lines, C{SMARTDYN 1 NONCE WORD ARGS...}; everything else on its
output (a motd, what a C{.bashrc} prints) is noise until the line C{stream}, after which stdout is the script's own
output, byte for byte. The nonce is fresh for each channel, so that no script can imitate a marker.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from smartdyn.errors import SmartdynError

REMOTE_CODE: Final = files("smartdyn.rex").joinpath("remote.sh").read_bytes()

_SAFE = re.compile(r"[A-Za-z0-9/_.-]")
_LONGEST_LINE = 64 * 1024
_BOOT = (
    "exec /bin/sh -c 'c=;while [ ${{#c}} -lt $1 ];do d=$(dd bs=$(($1-${{#c}})) count=1 2>/dev/null;echo x);"
    '[ x = "$d" ]&&exit 9;c=$c${{d%x}};done;case $c in "#"?/bin/sh*"# end"?)eval "$c";;esac\' boot {size} {nonce}'
)
_ATTEND = (
    'exec /bin/sh -c \'d=$(printf "$0");w=$d/script-wrapper;if [ -r "$w" ];then exec /bin/sh "$w" "$@";'
    "else echo SMARTDYN 1 $2 error gone;fi' {folder} {verb} {nonce} {argument}"
)


class UnusableValue(SmartdynError):
    """A value cannot be sent to the host."""


@dataclass(frozen=True, slots=True)
class Marker:
    """One thing that the remote side said."""

    word: str
    arguments: tuple[str, ...]

    @property
    def text(self) -> str:
        """The arguments as they were written."""
        return " ".join(self.arguments)

    def number(self, index: int) -> int:
        """An argument that is a number.

        @raise smartdyn.rex.protocol.UnusableValue: the remote side broke the protocol.
        """
        try:
            return int(self.arguments[index])
        except (IndexError, ValueError):
            raise UnusableValue(f"the host answered {self.word!r} with {self.text!r}") from None


class MarkerReader:
    """Finds the markers in what a channel delivers, whatever its pieces are."""

    def __init__(self, nonce: str) -> None:
        self._prefix = f"SMARTDYN 1 {nonce} ".encode()
        self._buffer = b""

    def feed(self, data: bytes) -> Iterator[Marker]:
        """The markers that are complete now; reading may stop after any of them, see L{rest}."""
        self._buffer += data
        while True:
            line, newline, rest = self._buffer.partition(b"\n")
            if not newline:
                self._buffer = self._buffer[-_LONGEST_LINE:]
                return
            self._buffer = rest
            marker = self._parse(line)
            if marker is not None:
                yield marker

    def rest(self) -> bytes:
        """What came after the last marker; it is handed over and no longer here."""
        rest, self._buffer = self._buffer, b""
        return rest

    def _parse(self, line: bytes) -> Marker | None:
        at = line.rfind(self._prefix)  # the last: a prompt that was answered need not have ended its line
        if at < 0:
            return None
        words = line[at + len(self._prefix) :].decode("utf-8", "replace").split()
        return Marker(words[0], tuple(words[1:])) if words else None


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """What a host needs to know to run a script.

    @param folder: where the job's directory is made.
    @param method: C{sudo}, C{su}, C{dzdo} or empty.
    @param asks_password: changing the user needs the password dialogue.
    @param keep: the directory is to stay when the job has ended.
    """

    folder: str
    runner_id: str
    script: bytes
    method: str = ""
    user: str = ""
    asks_password: bool = False
    keep: bool = False

    @property
    def job_folder(self) -> str:
        """The job's own directory; the name is the reference's."""
        return f"{self.folder}/foreman-ssh-cmd-{self.runner_id}"

    def command(self, nonce: str) -> str:
        """The command line that reads and runs the remote side."""
        return _BOOT.format(size=len(REMOTE_CODE), nonce=nonce)

    def stdin(self) -> bytes:
        """What the command reads behind L{REMOTE_CODE}, when that has said C{hello}: a header, the script.

        Not before: a login file that reads standard input would leave us with a remote side that waits for the rest of
        itself, and a script that may start long after we gave it up.

        @raise UnusableValue: a value cannot be put into the header.
        """
        header = {
            "base": self.folder,
            "id": self.runner_id,
            "method": self.method,
            "user": self.user,
            "size": str(len(self.script)),
            "enc": encode(self.job_folder, "\\\\"),
        }
        if self.asks_password:
            header["pw"] = "1"
        if self.keep:
            header["keep"] = "1"
        for name, value in header.items():
            if any(character in value for character in "\n\r\0"):
                raise UnusableValue(f"{name} {value!r} holds a line break, which cannot be sent to a host")
        lines = "".join(f"{name}={value}\n" for name, value in header.items())
        return lines.encode("utf-8", "surrogateescape") + b"\n" + self.script


def attend(job_folder: str, verb: str, nonce: str, argument: str = "") -> str:
    """The command line for a job that is on the host already."""
    folder = "'" + encode(job_folder, "\\") + "'"
    return _ATTEND.format(folder=folder, verb=verb, nonce=nonce, argument=argument).rstrip()


def encode(path: str, backslash: str) -> str:
    """C{path} as one word that every shell takes as it is, and C{printf} turns back."""
    return "".join(
        character
        if _SAFE.match(character)
        else "".join(f"{backslash}{byte:03o}" for byte in character.encode("utf-8", "surrogateescape"))
        for character in path
    )
