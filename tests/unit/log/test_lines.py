"""Events as lines."""

from __future__ import annotations

import io
import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.log.context import NOTHING, Subject, about, current, work_for
from smartdyn.log.lines import Form, journal_lines, json_journal_line, json_line, text_line
from smartdyn.log.output import LineWriter
from smartdyn.secret import Secret

JOB = Subject("0123456789abcdef", "task-1", "web1.example.org", 2)


class LineTestCase(SynchronousTestCase):
    """Logs something and looks at what is written."""

    def logger(self, form: Form, namespace: str = "smartdyn.rex.hosts.Hosts") -> Logger:
        """A logger that writes to C{output}."""
        self.output = io.StringIO()
        observer: Any = LineWriter(self.output, form)
        return Logger(namespace, observer=observer)

    def written(self) -> str:
        """What was written."""
        return self.output.getvalue()


class TextTests(LineTestCase):
    """Lines for people."""

    def test_what_it_is_about(self) -> None:
        """The request by the first eight characters of its id, as the smart proxy does; the part; the rest behind."""
        log = self.logger(text_line)
        with about(JOB):
            log.error("said {what}", what="this")
        self.assertRegex(
            self.written(),
            r"^\S+ 01234567 \[E\] rex.hosts: said this \(task=task-1 step=2 host=web1.example.org\)\n$",
        )

    def test_nothing_is_said_twice(self) -> None:
        """What the message says is not repeated, and what is not known is left out."""
        log = self.logger(text_line)
        log.info("task {plan_id} on {host}", plan_id="task-2", host="h1")
        self.assertRegex(self.written(), r"^\S+ -        \[I\] rex.hosts: task task-2 on h1\n$")

    def test_a_failure_has_its_traceback(self) -> None:
        """It is written below the message."""
        log = self.logger(text_line)
        try:
            raise ValueError("broken")
        except ValueError:
            log.failure("it failed")
        self.assertIn("it failed\nTraceback", self.written())
        self.assertIn("ValueError: broken", self.written())

    def test_the_journal_knows_the_priority(self) -> None:
        """Each line carries it, and none the time."""
        log = self.logger(journal_lines)
        log.error("said\nmore", request_id="0123456789")
        self.assertEqual(self.written(), "<3>[01234567] rex.hosts: said\n<3>[01234567] more\n")


class JsonTests(LineTestCase):
    """Lines for programs."""

    def test_what_is_known(self) -> None:
        """Each event is an object with all that is known of it, and nothing of what is not."""
        log = self.logger(json_line)
        with about(JOB):
            log.warn("said {what}", what="this")
        log.debug("alone")
        first, second = map(json.loads, self.written().splitlines())
        self.assertRegex(first.pop("time"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$")
        self.assertEqual(
            first,
            {
                "level": "warn",
                "part": "rex.hosts",
                "message": "said this",
                "request_id": "0123456789abcdef",
                "task_id": "task-1",
                "host": "web1.example.org",
                "step": 2,
            },
        )
        self.assertEqual(set(second), {"time", "level", "part", "message"})

    def test_a_failure_is_one_line(self) -> None:
        """Its traceback is a field; line feeds and what is no UTF-8 do no harm."""
        log = self.logger(json_line)
        try:
            raise ValueError("br\noken \udcff")
        except ValueError:
            log.failure("it failed")
        (line,) = self.written().splitlines()
        self.assertIn("ValueError", json.loads(line)["traceback"])

    def test_the_journal(self) -> None:
        """Gets the priority before the object."""
        self.logger(json_journal_line).critical("said")
        self.assertTrue(self.written().startswith('<2>{"time":'))


class ContextTests(LineTestCase):
    """What goes along with coroutines."""

    def test_coroutines_keep_what_they_began_with(self) -> None:
        """Whatever a coroutine logs is about what it was begun for, also after waiting, and nobody else's is."""
        waiting: Deferred[None] = Deferred()
        found: list[Subject] = []

        async def work() -> None:
            await waiting
            found.append(current())
            work_for(Subject(task_id="other"))
            found.append(current())

        with about(JOB):
            done = Deferred.fromCoroutine(work())
        waiting.callback(None)
        self.successResultOf(done)
        self.assertEqual(found, [JOB, Subject(task_id="other")])
        self.assertEqual(current(), NOTHING)

    def test_an_event_knows_better(self) -> None:
        """What an event says of itself counts more than for whom it was logged."""
        log = self.logger(json_line)
        with about(JOB):
            log.info("said", plan_id="task-9", host="db1")
        found = json.loads(self.written())
        self.assertEqual((found["task_id"], found["host"], found["step"]), ("task-9", "db1", 2))


class HiddenTests(LineTestCase):
    """What must not be seen."""

    def test_our_secrets(self) -> None:
        """Hide themselves from whoever logs one by accident."""
        self.logger(text_line).info("using {password}", password=Secret("planted"))
        self.assertIn("using [hidden]", self.written())

    def test_those_of_others(self) -> None:
        """Credentials in addresses and headers do not get into any kind of line, nor into a traceback."""
        for said in (
            "asking https://jane:planted@foreman.example.org/x",
            "asking https://jane:a@planted@foreman.example.org/x or https://jane:a/planted@foreman.example.org",
            "Authorization: Basic planted",
            "Headers({b'authorization': [b'Bearer planted']})",
            '{"Cookie": "a=planted; b=planted"}',
            "X-Auth-Token: planted",
            "proxy-authorization=planted",
        ):
            for form in (text_line, json_line, journal_lines):
                log = self.logger(form)
                log.info("{said}", said=said)
                try:
                    raise ValueError(said)
                except ValueError:
                    log.failure("it failed")
                self.assertNotIn("planted", self.written(), said)
                self.assertIn("[hidden]", self.written(), said)

    def test_other_words_stay(self) -> None:
        """Addresses without credentials, and what only sounds like a header, are left as they are."""
        said = "GET https://foreman.example.org:443/a@b is answered; the token has come"
        self.logger(text_line).info("{said}", said=said)
        self.assertIn(said, self.written())
