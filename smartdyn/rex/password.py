"""The one place where an effective user's password is typed."""

from __future__ import annotations

import re

from smartdyn.rex.dialogue import Channel
from smartdyn.rex.masking import Mask
from smartdyn.rex.protocol import Marker, MarkerReader
from smartdyn.secret import Secret

_ANY_PROMPT = re.compile(rb"[Pp]assword[^\n]*: ?$")
"""What su asks, and dzdo where it does not heed what it is told to ask."""

_ANSWERS = {"started", "exists", "error"}


async def answer_prompt(terminal: Channel, nonce: str, method: str, password: Secret | None) -> Marker:
    """Wait for the prompt of sudo, dzdo or su, answer it once, and see what comes of it.

    The script's own output never comes through this channel. A second prompt means that the password was wrong.

    @param password: None when only a terminal was needed; a prompt then ends it.
    @return: C{started}, C{exists}, or C{error CODE TEXT}.
    """
    prompts = [re.compile(rb"SMARTDYN 1 " + nonce.encode() + rb" prompt: ?$")]
    if method != "sudo":
        prompts.append(_ANY_PROMPT)
    mask = Mask([] if password is None else [password])
    markers = MarkerReader(nonce)
    pending = b""
    said = b""
    answered = False
    while data := await terminal.stdout.read():
        # A prompt is on the last line, which is not finished; what stands above it may come with it
        pending = (pending + data).rpartition(b"\n")[2]
        said = (said + mask.feed(data))[-500:]
        for marker in markers.feed(data):
            if marker.word in _ANSWERS:
                return marker
            if marker.word == "authdone":
                return _rejected(said, marker.text)
        if any(prompt.search(pending) for prompt in prompts):
            if password is None:
                return _rejected(b"a password is required", "1")
            if answered:
                return _rejected(said, "1")
            answered, pending, said = True, b"", b""
            await terminal.write(password.reveal().encode() + b"\n")
    return _rejected(said, "1")


def _rejected(said: bytes, status: str) -> Marker:
    """What the host said instead of letting us in; our own markers are left out."""
    lines = said.decode("utf-8", "replace").replace("\r", "").split("\n")
    text = " ".join(line.strip() for line in lines if line.strip() and "SMARTDYN 1 " not in line)
    return Marker("error", ("auth", status, *text.split()))
