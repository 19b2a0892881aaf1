"""Output that is encoded page by page means the same as if it were encoded at once."""

from __future__ import annotations

import json
from typing import Any
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.model.views import OutputChunk
from smartdyn.store import long_output
from smartdyn.store.long_output import LongOutput, is_long
from smartdyn.store.output import AppendOutput
from smartdyn.streaming import StreamedBody
from smartdyn.testing import Engine
from tests.support.rig import Noop


class LongOutputTests(SynchronousTestCase):
    """Reading and encoding."""

    def setUp(self) -> None:
        self.engine = Engine((Noop,))
        self.task = self.engine.trigger(Noop)
        for name, value in (("LONG", 100), ("_PAGE", 30)):
            patched = mock.patch.object(long_output, name, value)
            patched.start()
            self.addCleanup(patched.stop)

    def append(self, *texts: str) -> None:
        """Store some output."""
        for position, text in enumerate(texts):
            chunk = OutputChunk(position, "stdout", float(position), text, f"e{position}" if position % 2 else None)
            self.successResultOf(self.engine.database.commit(AppendOutput(self.task, 1, chunk)))

    def read(self) -> Any:
        """The output, or what stands for it."""
        reading = self.engine.database.query(lambda tx: long_output.of_action(tx, self.task, 1))
        return self.successResultOf(reading)

    def streamed(self, value: Any) -> Any:
        """What a value becomes as JSON."""

        async def collect() -> list[bytes]:
            return [piece async for piece in long_output.stream(self.engine.database, value)]

        self.pieces = self.successResultOf(Deferred.fromCoroutine(collect()))
        return json.loads(b"".join(self.pieces))

    def test_short(self) -> None:
        """What is not too long is read at once."""
        self.append("a" * 50, "b" * 49)
        self.assertEqual([chunk["output"] for chunk in self.read()], ["a" * 50, "b" * 49])
        self.assertFalse(is_long({"data": {"result": self.read()}}))

    def test_long(self) -> None:
        """What is, comes in pieces, each chunk once and in order, within whatever stands around it."""
        texts = [f'line {number} \N{SNOWMAN} "quoted"\n' for number in range(20)]
        self.append(*texts)
        value = {"callback": {"task_id": "t"}, "data": [{"result": self.read(), "exit_status": 0}, {"result": []}]}
        self.assertTrue(is_long(value))
        found = self.streamed(value)
        self.assertEqual([chunk["output"] for chunk in found["data"][0]["result"]], texts)
        self.assertEqual(found["data"][0]["result"][1]["id"], "e1")
        self.assertEqual((found["callback"], found["data"][0]["exit_status"]), ({"task_id": "t"}, 0))
        self.assertGreater(len(self.pieces), 10)

    def test_what_comes_meanwhile(self) -> None:
        """Is left for the next time: the list ends where it ended when it was asked for."""
        self.append("a" * 101, "b")
        value = self.read()
        chunk = OutputChunk(2, "stdout", 9.0, "later")
        self.successResultOf(self.engine.database.commit(AppendOutput(self.task, 1, chunk)))
        self.assertEqual(len(self.streamed({"result": value})["result"]), 2)

    def test_a_status(self) -> None:
        """The whole of a task is what it would be at once."""
        self.append(*["x" * 60] * 4)
        stands_for = LongOutput(self.task, 1, 4)
        self.assertEqual(self.read(), stands_for)
        self.assertEqual(len(self.streamed({"actions": [{"output": {"result": stands_for}}]})["actions"]), 1)

    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=12))
    def test_any_text(self, texts: list[str]) -> None:
        """Whatever is in it and however it is cut."""
        self.setUp()
        self.append(*[text.encode("utf-8", "replace").decode() for text in texts])
        found = self.streamed({"result": LongOutput(self.task, 1, len(texts))})
        self.assertEqual(
            [chunk["output"] for chunk in found["result"]],
            [text.encode("utf-8", "replace").decode() for text in texts],
        )


class StreamedBodyTests(SynchronousTestCase):
    """Sending piece by piece."""

    def test_back_pressure(self) -> None:
        """Nothing is made while the other side does not take it."""
        made: list[int] = []

        async def pieces() -> Any:
            for number in range(4):
                made.append(number)
                yield b"%d" % number

        body, consumer = StreamedBody(pieces()), StringTransport()
        body.pauseProducing()
        sending = body.startProducing(consumer)
        self.assertEqual(made, [0])
        body.resumeProducing()
        self.successResultOf(sending)
        self.assertEqual(consumer.value(), b"0123")

    def test_nobody_wants_the_rest(self) -> None:
        """It is not made."""
        waiting: Deferred[None] = Deferred()

        async def pieces() -> Any:
            yield b"first"
            await waiting
            yield b"second"

        body, consumer = StreamedBody(pieces()), StringTransport()
        sending = body.startProducing(consumer)
        body.stopProducing()
        self.successResultOf(sending)
        self.assertEqual(consumer.value(), b"first")
