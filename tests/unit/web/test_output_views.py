"""The output of a task: as a page, as it comes, searched, and as a file."""

from __future__ import annotations

import html
import json
import re
from collections.abc import AsyncIterator
from typing import Any

from twisted.internet.defer import Deferred

from smartdyn.model.views import OutputChunk
from smartdyn.store.output import AppendOutput
from smartdyn.web.console.lines import START, Mark, parse_mark
from smartdyn.web.console.live import events
from tests.support.web import WebTestCase


class OutputTestCase(WebTestCase):
    """A task that prints what a test wants."""

    def setUp(self) -> None:
        super().setUp()
        self.task = self.launch("Rig::WaitForUpdate")
        self.position = 0

    def print(self, text: str, kind: str = "stdout") -> None:
        """Let the task's job print something."""
        chunk = OutputChunk(self.position, kind, self.engine.clock.seconds(), text)
        self.successResultOf(self.engine.database.commit(AppendOutput(self.task, 1, chunk)))
        self.position += 1

    def finish(self) -> None:
        """Let the task end."""
        self.request("POST", f"/tasks/{self.task}/cancel")

    def page(self, query: str = "") -> str:
        """The page of the output."""
        status, page = self.request("GET", f"/console/{self.task}/output{query}")
        self.assertEqual(status, 200, page)
        return str(page)

    def led(self, query: str) -> str:
        """Where one is sent from the output."""
        url = f"http://127.0.0.1/console/{self.task}/output?{query}"
        sent = self.treq.get(url, allow_redirects=False)
        self.treq.flush()
        response = self.successResultOf(sent)
        self.assertEqual(response.code, 303)
        return str(response.headers.getRawHeaders("location")[0])


class PageTests(OutputTestCase):
    """The page."""

    def test_lines_have_numbers_and_no_markup_of_the_host(self) -> None:
        """Each line can be linked to; colours become classes, tags become text."""
        self.print("\x1b[31mred\x1b[0m <b>\n")
        self.print("oops\n", "stderr")
        page = self.page()
        self.assertIn('<div id="L1"><span class="f1">red</span> &lt;b&gt;</div>', page)
        self.assertIn('<div id="L2" class="stderr">oops</div>', page)

    def test_empty_lines_can_be_copied(self) -> None:
        """An element with nothing in it would be left out of what is copied, whatever kind of line it is."""
        self.print("one\n\nthree\n")
        self.print("\n", "stderr")
        self.assertIn('<div id="L2"><br></div><div id="L3">three</div>', self.page())
        self.assertIn('<div id="L4" class="stderr"><br></div>', self.page())
        self.assertRegex(self.page("?times=1"), r'<div id="L2"><time[^>]*>[^<]*</time><br></div>')

    def test_a_range_is_pointed_at_without_scripts(self) -> None:
        """C{?lines=} marks the lines of a range, wherever it is."""
        self.print("".join(f"line {number}\n" for number in range(1, 7001)))
        page = self.page("?lines=10-12")
        self.assertEqual(re.findall(r'<div id="L(\d+)" class="marked"', page), ["10", "11", "12"])
        self.assertIn('id="L10-L12"></span><div id="L10" class="marked"', page)
        self.assertIn(f"/console/{self.task}/output.txt?from=10&amp;to=12", page)

    def test_going_to_lines_leads_there(self) -> None:
        """The form is answered with the address of those lines that there are, and with what was chosen."""
        self.print("".join(f"line {number}\n" for number in range(1, 7001)))
        places = {
            "go=10-12": "lines=10-12#L10-L12",
            "go=L12-L10&times=1": "lines=10-12&times=1#L10-L12",
            "go=7": "lines=7#L7",
            "go=6999-400000&action=1": "lines=6999-7000&action=1#L6999-L7000",
            "go=7001": "lines=7001",
        }
        for query, place in places.items():
            self.assertEqual(self.led(query), f"/console/{self.task}/output?{place}")

    def test_lines_that_there_are_not(self) -> None:
        """Asked for lines behind the last one, the page says how many there are, and has the end of them."""
        self.print("".join(f"line {number}\n" for number in range(1, 7001)))
        for query in ("?lines=99999", "?from=99999", "?lines=99999&from=1"):
            page = self.page(query)
            self.assertIn("There is no line 99999 yet.</strong> The output has 7000 lines", page)
            self.assertIn("Lines 2001 to 7000 of 7000.", page)
            self.assertNotIn("marked", page)
        self.finish()
        self.assertIn("There is no line 99999.</strong>", self.page("?lines=99999"))
        self.assertIn("from=6999&amp;to=7000", self.page("?lines=6999-400000"))
        self.assertIn("Lines 2 to 7 of 7000.", self.page("?from=2&to=7"))
        self.assertIn("7000 lines.", self.page("?from=0"))
        self.assertIn(">line 7</div></div>", self.page("?to=7").replace("\n", ""))

    def test_lines_that_there_can_never_be(self) -> None:
        """What is no line, and a range that ends before it begins, is answered with what would be right."""
        self.print("one\n")
        wrong = {
            "lines=0": "There is no line 0",
            "lines=abc": "Give a number or two, as 10 or 10-20.",
            "go=abc": "Give a number or two, as 10 or 10-20.",
            "from=5&to=2": "There are no lines from 5 to 2.",
            "to=0": "There are no lines from 1 to 0.",
        }
        for query, words in wrong.items():
            status, page = self.request("GET", f"/console/{self.task}/output?{query}")
            self.assertEqual(status, 400)
            self.assertIn(words, html.unescape(str(page)))
        self.assertEqual(self.request("GET", f"/console/{self.task}/output.txt?from=5&to=2")[0], 400)

    def test_times_keep_what_is_pointed_at(self) -> None:
        """With and without times, the same lines are marked and led to."""
        self.print("".join(f"line {number}\n" for number in range(1, 301)))
        self.assertIn('"?from=100&amp;lines=200-201&amp;times=1#L200-L201"', self.page("?lines=200-201"))
        self.assertIn('"?from=100&amp;lines=200-201#L200-L201"', self.page("?lines=200-201&times=1"))
        self.assertIn('"?from=1&amp;times=1"', self.page())

    def test_of_very_many_lines_the_later_ones_are_no_elements(self) -> None:
        """From the ten-thousandth on, lines are only text with their numbers beside it; the page says so."""
        self.print("".join(f"line {number}\n" for number in range(1, 10_101)) + "\n\x1b[31mred <b>\n")
        self.print("oops & more\n", "stderr")
        page = self.page("?from=1")
        self.assertEqual(re.findall(r'id="L(\d+)"', page)[::9999], ["1", "10000"])
        found = re.findall(r'<div class="block light" data-numbers="([^"]*)">(.*?)</div>', page, re.DOTALL)
        numbers, text = "\n".join(block[0] for block in found), "".join(block[1] for block in found)
        self.assertEqual(numbers.split("\n"), [str(number) for number in range(10_001, 10_104)])
        self.assertEqual(text.split("\n")[98:100], ["line 10099", "line 10100"])
        self.assertEqual(text.split("\n")[100:102], ["", '<span class="f1">red &lt;b&gt;</span>'])
        last = '<span class="stderr"><span class="f1">oops &amp; more</span></span>'
        self.assertEqual(text.split("\n")[102:], [last, ""])
        self.assertIn("From line 10001 on, where all lines are short, they are not wrapped", page)
        self.assertNotIn("not wrapped", self.page())

    def test_long_lines_are_elements_with_their_neighbours(self) -> None:
        """However long the page is, a line that fits into no window is wrapped, so its block is made of elements."""
        for longest, elements in ((199, 10_000), (200, 10_500)):
            self.print("".join(f"line {number}\n" for number in range(1, 10_250)))
            self.print("x" * longest + "\n" + "".join(f"line {number}\n" for number in range(10_251, 11_001)))
            page = self.page(f"?from={11_000 * (longest - 199) + 1}")
            self.assertEqual(len(re.findall(r'<div id="L\d+"', page)), elements)

    def test_lines_that_are_pointed_at_are_elements(self) -> None:
        """Marks are there however long the page is."""
        self.print("".join(f"line {number}\n" for number in range(1, 11_001)))
        page = self.page("?from=1&lines=10600-10700")
        self.assertEqual(len(re.findall(r'<div id="L\d+" class="marked"', page)), 101)
        self.assertIn("block light", page)

    def test_times_of_very_many_lines(self) -> None:
        """Where lines are no elements their times stand beside their numbers."""
        self.print("".join(f"line {number}\n" for number in range(1, 10_003)))
        page = self.page("?from=1&times=1")
        self.assertEqual(len(re.findall(r'<div id="L\d+"><time', page)), 10_000)
        at = re.search(r"<time[^>]*>([^<]*)</time>", page)
        assert at is not None
        beside = f"10001  {at[1]}\n10002  {at[1]}"
        self.assertIn(f'<div class="block light timed" data-numbers="{beside}">line 10001\nline 10002\n', page)
        self.assertIn("not wrapped", page)

    def test_the_end_is_shown_first(self) -> None:
        """Of a long output the last lines are shown, with the way to all of it."""
        self.print("".join(f"line {number}\n" for number in range(1, 7001)))
        page = self.page()
        self.assertEqual(re.findall(r'id="L(\d+)"', page)[::4999], ["2001", "7000"])
        self.assertIn('href="?from=1"', page)
        self.assertEqual(len(re.findall(r'id="L\d+"', self.page("?from=1"))), 7000)
        self.assertEqual(len(re.findall(r'id="L\d+"', self.page("?from=3&to=5"))), 3)

    def test_the_page_of_a_running_task_ends_live(self) -> None:
        """It has the last lines, and goes on behind them; when the task is over, it just has them."""
        self.print("".join(f"line {number}\n" for number in range(1, 101)) + "unfinished")
        page = str(self.request("GET", f"/console/{self.task}")[1])
        self.assertEqual(re.findall(r'id="L(\d+)"', page), [str(number) for number in range(72, 102)])
        self.assertIn(f"/console/{self.task}/output?after=0.792.101.", page)
        self.finish()
        page = str(self.request("GET", f"/console/{self.task}")[1])
        self.assertNotIn("sse-connect", page)
        self.assertIn(">unfinished</div>", page)

    def test_a_live_page_goes_on_behind_its_last_line(self) -> None:
        """The stream that the page opens begins where the page ends; a page of what is over opens none."""
        self.print("one\ntw")
        page = self.page()
        place = re.search(r'sse-connect="[^"]*after=([^"&]*)&amp;from=1"', page)
        assert place is not None
        self.assertEqual(parse_mark(place[1]), Mark(0, 4, 2))
        self.finish()
        self.assertNotIn("sse-connect", self.page())

    def test_times_on_demand(self) -> None:
        """When each line came is said to those who want it."""
        self.print("one\n")
        self.assertNotIn("<time datetime", self.page())
        self.assertIn("<time datetime", self.page("?times=1"))

    def test_search(self) -> None:
        """Lines that match are shown with those around them, and marked."""
        self.print("".join(f"line {number}\n" for number in range(1, 101)))
        page = self.page("?q=e%20%5b15%5d0%24&context=1")
        self.assertEqual(
            re.findall(r'<div id="L(\d+)"( class="marked")?>', page)[:3],
            [("9", ""), ("10", ' class="marked"'), ("11", "")],
        )
        self.assertEqual(self.request("GET", f"/console/{self.task}/output?q=%28")[0], 400)

    def test_search_goes_on(self) -> None:
        """More than a page holds is behind a link, which works without scripts and goes on with the next line."""
        self.print("hit\n" * 250)
        page = self.page("?q=hit&context=0")
        self.assertIn("200 lines match <code>hit</code> in lines 1 to 200.", page)
        link = html.unescape(re.findall(r'rel="next" href="([^"]*)"', page)[0])
        page = self.request("GET", link)[1]
        self.assertIn("50 lines match <code>hit</code> in lines 201 to 250.", page)
        self.assertNotIn('rel="next"', page)
        self.assertEqual(self.request("GET", f"/console/{self.task}/output?q=hit&at=nowhere")[0], 400)

    def test_files(self) -> None:
        """Text is what a reader sees, ANSI what the host sent, JSON has all that is known; each may be a range."""
        self.print("\x1b[31mred\x1b[0m\n10 %\r20 %\nlast")
        url = f"/console/{self.task}/output"
        self.assertEqual(self.request("GET", f"{url}.txt")[1], "red\n20 %\nlast\n")
        self.assertEqual(self.request("GET", f"{url}.ansi")[1], "\x1b[31mred\x1b[0m\n10 %\r20 %\nlast\n")
        lines = self.request("GET", f"{url}.json?from=2&to=2")[1]
        self.assertEqual([(line["number"], line["text"]) for line in lines], [(2, "10 %\r20 %")])
        self.assertEqual(self.request("GET", f"{url}.json?from=9")[1], [])
        self.assertEqual(self.request("GET", f"{url}.exe")[0], 400)

    def test_what_does_not_exist(self) -> None:
        """An unknown task has no output, and a task that has printed nothing says so."""
        self.assertEqual(self.request("GET", "/console/nope/output")[0], 404)
        self.finish()
        self.assertIn("It has printed nothing", self.page())


class LiveTests(OutputTestCase):
    """Events, as a viewer gets them."""

    def setUp(self) -> None:
        super().setUp()
        self.stream = self.watch(START)
        self.assertEqual(self.next(), "retry: 500\n\n")

    def watch(self, mark: Mark) -> AsyncIterator[bytes]:
        """A viewer who has everything up to a place."""

        async def ending(lines: int) -> str:
            return f"over after {lines}\n"

        return events(self.engine.tasks.output, self.engine.clock, self.task, None, mark, ending, times=False)

    def ask(self, stream: AsyncIterator[bytes]) -> Deferred[bytes]:
        """The next thing that a viewer is told."""

        async def wait() -> bytes:
            return await anext(stream)

        return Deferred.fromCoroutine(wait())

    def next(self) -> str:
        """What the first viewer is told at once."""
        return self.successResultOf(self.ask(self.stream)).decode()

    def test_lines_come_when_they_are_stored(self) -> None:
        """A viewer waits without asking, and is told of lines, and of the line that has only begun."""
        told = self.ask(self.stream)
        self.engine.clock.advance(0.2)
        self.assertNoResult(told)
        self.print("one\ntw")
        event = self.successResultOf(told).decode()
        self.assertRegex(
            event, r"^id: 0\.4\.2\.\nevent: lines\ndata: <div class=\"block\">\ndata: <div id=\"L1\">one</div>"
        )
        self.assertIn("event: partial", self.next())

    def test_an_empty_line_comes_as_one(self) -> None:
        """It is as it is on the page, so that it is copied."""
        self.print("one\n\n")
        self.assertIn('data: <div id="L2"><br></div>\n', self.next())

    def test_a_quiet_job_shows_that_the_connection_lives(self) -> None:
        """Without output there is a comment now and then."""
        told = self.ask(self.stream)
        self.engine.clock.pump([0.2, 15.0])
        self.assertEqual(self.successResultOf(told), b": nothing new\n\n")

    def test_the_end(self) -> None:
        """When the task is over, the line that had begun is told, then the end, then nothing more."""
        self.print("no end of line")
        self.finish()
        self.assertIn("event: lines", self.next())
        self.assertEqual(self.next(), "event: end\ndata: over after 1\n\n")
        self.failureResultOf(self.ask(self.stream), StopAsyncIteration)

    def test_a_viewer_goes_on_where_it_was(self) -> None:
        """The id of an event is enough to go on, in the same line and the same colour, also after a restart."""
        self.print("one\n\x1b[31mtwo\nthr")
        place = re.match(r"id: (.*)\n", self.next())
        assert place is not None
        self.print("ee\n")
        again = self.watch(parse_mark(place[1]))
        self.successResultOf(self.ask(again))
        event = self.successResultOf(self.ask(again)).decode()
        self.assertEqual(re.findall(r'<div id="L\d+">(.*)</div>', event), ['<span class="f1">three</span>'])

    def test_many_lines_come_in_several_events(self) -> None:
        """A long output is told piece by piece, and nothing twice."""
        for number in range(200):
            self.print(f"{number} {'x' * 1000}\n")
        found: list[str] = []
        while len(found) < 200:
            found += re.findall(r">(\d+) x", self.next())
        self.assertEqual(found, [str(number) for number in range(200)])

    def test_a_task_that_is_unknown(self) -> None:
        """There is no stream for it."""
        headers = {"Accept": "text/event-stream"}
        self.assertEqual(self.request("GET", "/console/nope/output", **headers)[0], 404)
        self.assertEqual(self.request("GET", f"/console/{self.task}/output?after=x", **headers)[0], 400)

    def test_the_end_says_what_has_become_of_it(self) -> None:
        """On the page of the output the state and the number of lines change, too; a task's page gets only words."""
        self.print("one\ntwo\n")
        self.finish()
        headers: dict[str, Any] = {"Accept": "text/event-stream"}
        ends = []
        for query in ("?from=2", ""):
            sent = self.treq.get(f"http://127.0.0.1/console/{self.task}/output{query}", headers=headers)
            self.treq.flush()
            text = self.successResultOf(self.successResultOf(sent).text())
            ends.append(text.partition("event: end\n")[2])
        for end in ends:
            self.assertRegex(end, r"^data: The task is over\. It \w+")
        self.assertIn(f'href="/console/{self.task}"', ends[0])
        self.assertRegex(ends[0], r'id="state" hx-swap-oob="true">\s*(data: )?<span class="badge \w+"')
        self.assertIn("Lines 2 to 2 of 2.", ends[0])
        self.assertNotIn("hx-swap-oob", ends[1])

    def test_over_http(self) -> None:
        """Last-Event-ID says where to go on; what is sent is a stream of events that nobody may keep."""
        self.print("one\ntwo\n")
        self.finish()
        headers: dict[str, Any] = {"Accept": "text/event-stream", "Last-Event-ID": "0.4.2."}
        sent = self.treq.get(f"http://127.0.0.1/console/{self.task}/output", headers=headers)
        self.treq.flush()
        response = self.successResultOf(sent)
        self.assertEqual(response.headers.getRawHeaders("content-type"), ["text/event-stream"])
        text = self.successResultOf(response.text())
        self.assertEqual(re.findall(r'<div id="L\d+">(.*)</div>', text), ["two"])
        self.assertNotIn(json.dumps("one"), text)
