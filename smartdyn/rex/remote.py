"""A script on a host, over one connection: start it or find it, follow its output, stop it, clean up."""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred

from smartdyn.actions.runner import RunnerContext
from smartdyn.aio import begin, deadline
from smartdyn.errors import DeadlineExceeded
from smartdyn.rex.dialogue import Channel, ConversationEnded, Markers
from smartdyn.rex.failures import JobFailed, no_terminal, remote_error, silent_host
from smartdyn.rex.hosts import HostConnection
from smartdyn.rex.job import ScriptJob
from smartdyn.rex.output import OutputDecoder, Piece
from smartdyn.rex.password import answer_prompt
from smartdyn.rex.protocol import REMOTE_CODE, Marker, attend
from smartdyn.ssh.errors import ChannelFailed, ConnectionLost, SessionRefused

PREPARED = "prepared"
"""Why a script has not ended: it was uploaded, and never started."""

_ANSWER_LIMIT = 60.0
_CLEAN_LIMIT = 30.0
_REST_LIMIT = 15.0
"""Seconds without a byte after which the rest of an output will not come on this connection: what copies it on the host
may have been killed. Another connection goes on where this one stopped."""

_POWER_OFF = re.compile(r"^(restart|shutdown) host", re.MULTILINE)


class NotThere(Exception):
    """The host knows nothing of this job: it was never started, or has been cleaned up."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a script ended.

    @param status: its exit status, None when it left none.
    @param reason: why it left none, in the words of the protocol.
    @param killed: we had told it to end.
    """

    status: int | None
    reason: str
    killed: bool


class RemoteScript:
    """One script on one host."""

    def __init__(self, clock: Any, connection: HostConnection, job: ScriptJob, runner_id: str) -> None:
        self.connection = connection
        self.expects_power_off = False
        self._clock = clock
        self.job = job
        self._bootstrap = job.bootstrap(runner_id)
        self._nonce = ""
        self._channel: Channel | None = None
        self._output: Markers | None = None
        self._errors: Markers | None = None
        self._killed = False
        self._ended = False
        self._decoder = OutputDecoder(secrets=job.secrets)
        self._pumping = False
        self._moved: Deferred[None] | None = None

    async def start(self) -> None:
        """Upload the script and start it, unless that was done before; its output begins.

        @raise JobFailed: the host could not.
        """
        self._nonce = secrets.token_hex(8)
        self._channel = channel = await self.connection.execute(self._bootstrap.command(self._nonce))
        self._listen(channel)
        channel.write(REMOTE_CODE).addErrback(lambda failure: None)
        await self._greeting()
        channel.write(self._bootstrap.stdin()).addErrback(lambda failure: None)
        await self._expect("stream", "gone")

    async def attach(self, offset: int) -> None:
        """Find the script again; its output goes on at C{offset}.

        @raise NotThere: the host has nothing of it, or it was prepared but not started.
        """
        self._nonce = secrets.token_hex(8)
        command = attend(self._bootstrap.job_folder, "attach", self._nonce, str(offset))
        self._channel = channel = await self.connection.execute(command)
        self._listen(channel)
        self._decoder = OutputDecoder(offset, self.job.secrets)
        await self._expect("stream", "gone")

    async def follow(self, context: RunnerContext) -> Ending:
        """Pass on the output until the script has ended.

        @raise ConnectionLost: the connection broke; the script goes on.
        """
        assert self._errors is not None
        self._pumping = True
        pump = Deferred.fromCoroutine(self._pump(context))
        try:
            ending, length = await self._verdict()
            await self._drain(length)
        except ConversationEnded as error:
            raise ConnectionLost(self.job.target.host, error.noise or "the host ended the session") from error
        finally:
            pump.addErrback(lambda failure: None)
            pump.cancel()
        for piece in self._decoder.finish():
            await context.publish(piece.text, offset=piece.offset)
        self._ended = True
        return ending

    def kill(self, signal: str) -> None:
        """Send the script, and all it started, a signal."""
        if self._channel is not None and not self._ended:
            self._killed = True
            self._channel.write(f"kill {signal}\n".encode()).addErrback(lambda failure: None)

    async def leave(self, *, sweep: bool) -> None:
        """Remove what the job left on the host, if it is to be removed.

        @param sweep: also what jobs left there long ago whose client never came back.
        """
        if self._channel is None or not self._ended:
            return
        if not self.job.cleanup:
            self._channel.close()
            return
        assert self._errors is not None
        await self._channel.write(b"cleanup sweep\n" if sweep else b"cleanup\n")
        try:
            marker = await self._within(_CLEAN_LIMIT, "cleaning up", self._until(self._errors, {"cleaned", "error"}))
        except ConversationEnded:
            return
        if marker.word == "error":
            raise remote_error(marker, self._bootstrap.job_folder)

    async def discard(self) -> None:
        """Remove what was prepared on the host for a script that could not be started."""
        await self._order("cleanup")

    async def withdraw(self) -> None:
        """End a script of which nobody knows how far it has come: it is not started any more, or it is killed."""
        await self._order("kill", "KILL")
        if self.job.cleanup:
            await self._order("cleanup")

    async def _order(self, verb: str, argument: str = "") -> None:
        nonce = secrets.token_hex(8)
        channel = await self.connection.execute(attend(self._bootstrap.job_folder, verb, nonce, argument))
        with contextlib.suppress(ConversationEnded):
            await self._within(_CLEAN_LIMIT, "cleaning up", Markers(channel.stdout, nonce).next())
        channel.close()

    def _listen(self, channel: Channel) -> None:
        self._output = Markers(channel.stdout, self._nonce)
        self._errors = Markers(channel.stderr, self._nonce)

    async def _expect(self, wanted: str, absent: str) -> None:
        """Read markers up to C{wanted}."""
        assert self._output is not None
        while True:
            try:
                marker = await self._within(_ANSWER_LIMIT, "preparing the host", self._output.next())
            except ConversationEnded as error:
                raise await self._no_answer(error) from error
            if marker.word == wanted:
                return
            if marker.word == "auth":
                await self._change_user()
            elif marker.word == "error":
                if marker.text.startswith(absent):
                    raise NotThere(marker.text)
                raise remote_error(marker, self._bootstrap.job_folder)

    async def _greeting(self) -> None:
        """Wait for the remote side; nothing that could be run has been sent yet.

        @raise JobFailed: it is not there, though the connection is.
        """
        try:
            await self._expect("hello", "gone")
        except ConnectionLost as error:
            if isinstance(error.__cause__, DeadlineExceeded):
                raise silent_host(self.job.target.user, _ANSWER_LIMIT) from error
            raise

    async def _no_answer(self, error: ConversationEnded) -> Exception:
        """The host ran something else than we asked for, or nothing."""
        assert self._channel is not None
        noise = error.noise
        try:
            said = await self._within(5.0, "reading the host's errors", _read(self._channel))
            noise = f"{noise}\n{said}".strip()
        except (DeadlineExceeded, ConnectionLost):
            pass
        return JobFailed(f"The host did not run the command; it said: {noise or 'nothing'}")

    async def _change_user(self) -> None:
        """Answer the password prompt of sudo or su, on a terminal of its own: nothing else is ever typed there."""
        assert self._channel is not None
        nonce = secrets.token_hex(8)
        command = attend(self._bootstrap.job_folder, "auth", nonce)
        try:
            terminal = await self.connection.execute(command, pty=True)
        except SessionRefused:
            raise
        except ChannelFailed as error:
            raise no_terminal(error) from error
        answer = answer_prompt(terminal, nonce, self.job.method, self.job.effective_user_password)
        try:
            outcome = await self._within(_ANSWER_LIMIT, "changing the user", answer)
        finally:
            terminal.close()
        if outcome.word == "error":
            raise remote_error(outcome, self._bootstrap.job_folder)
        await self._channel.write(b"attach\n")

    async def _verdict(self) -> tuple[Ending, int]:
        """How the script ended, and how long its output is."""
        assert self._errors is not None
        while True:
            marker = await self._errors.next()
            if marker.word == "end":
                return Ending(marker.number(0), marker.arguments[-1], self._killed), marker.number(1)
            if marker.word == "lost":
                length = marker.number(1) if len(marker.arguments) > 1 else self._decoder.received
                return Ending(None, marker.arguments[0], self._killed), length
            if marker.word == "state":
                return Ending(None, PREPARED, self._killed), self._decoder.received
            if marker.word == "error":
                raise remote_error(marker, self._bootstrap.job_folder)

    async def _pump(self, context: RunnerContext) -> None:
        """Publish the output as it comes; the host may send more only when that is stored."""
        assert self._channel is not None and self._output is not None
        data = self._output.rest()
        try:
            while True:
                stored = [context.publish(piece.text, offset=piece.offset) for piece in self._read(data)]
                self._tell_moved()
                for each in stored:
                    await each
                data = await self._channel.stdout.read()
                if not data:
                    return
        except ConnectionLost:
            return
        finally:
            self._pumping = False
            self._tell_moved()

    def _read(self, data: bytes) -> Iterator[Piece]:
        for piece in self._decoder.feed(data):
            self.expects_power_off = self.expects_power_off or bool(_POWER_OFF.search(piece.text))
            yield piece

    async def _drain(self, length: int) -> None:
        """Errors may overtake output: wait until all of it is here."""
        while self._decoder.received < length:
            if not self._pumping:
                raise ConnectionLost(self.job.target.host, "the output ended early")
            await self._within(_REST_LIMIT, "the rest of the output", self._more())

    async def _more(self) -> None:
        """Wait until more has been read, or nothing more can be."""
        self._moved = Deferred()
        await self._moved

    def _tell_moved(self) -> None:
        moved, self._moved = self._moved, None
        if moved is not None:
            moved.callback(None)

    async def _until(self, markers: Markers, words: set[str]) -> Marker:
        while True:
            marker = await markers.next()
            if marker.word in words:
                return marker

    async def _within(self, seconds: float, what: str, work: Any) -> Any:
        try:
            return await deadline(self._clock, seconds, what, begin(work))
        except DeadlineExceeded as error:
            raise ConnectionLost(self.job.target.host, str(error)) from error


async def _read(channel: Channel) -> str:
    """What a command that went wrong says on stderr."""
    found = b""
    while len(found) < 2000 and (data := await channel.stderr.read()):
        found += data
    return found.decode("utf-8", "replace").strip()
