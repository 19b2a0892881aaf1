"""The pages of the console: what they show, what they let do, and to whom."""

from __future__ import annotations

import html
import re
from typing import Any

from smartdyn.actions.action import Action
from smartdyn.errors import StoreError
from smartdyn.model.records import Delay
from smartdyn.store import callbacks
from smartdyn.store.callbacks import EnqueueCallback, ParkCallback
from tests.support.engine import START
from tests.support.rig import Noop, WaitForUpdate
from tests.support.web import Nasty, WebTestCase


class Halfway(WaitForUpdate):
    """Has come to a quarter of its work."""

    class_name = "Rig::Halfway"

    def run_progress(self) -> float:
        """So far."""
        return 0.25


class Long(Action):
    """Has many steps."""

    class_name = "Rig::Long"

    def plan(self, input: dict[str, Any]) -> None:
        """One after another."""
        with self.sequence():
            for _ in range(201):
                self.plan_action(Noop, {})


class Crew(Action):
    """Has two steps that wait, and one that cannot be cancelled."""

    class_name = "Rig::Crew"

    def plan(self, input: dict[str, Any]) -> None:
        """At the same time."""
        for kind in (WaitForUpdate, WaitForUpdate, Lasting):
            self.plan_action(kind, {})


class Lasting(WaitForUpdate):
    """Heeds nobody."""

    class_name = "Rig::Lasting"
    cancellable = False


class ConsoleTests(WebTestCase):
    """The pages."""

    actions = (Halfway, Long, Crew, Lasting)

    def test_the_empty_list_says_what_to_do(self) -> None:
        """A newcomer is not left with a blank page."""
        status, page = self.request("GET", "/console/tasks")
        self.assertEqual(status, 200)
        self.assertIn("There are no tasks", page)

    def test_everything_is_escaped(self) -> None:
        """Markup in names, hosts and errors is shown as text, on the list and on the task's page."""
        task = self.launch(Nasty.class_name)
        for path in ("/console", "/console/tasks", f"/console/{task}", f"/dynflow/console/{task}"):
            status, page = self.request("GET", path)
            self.assertEqual(status, 200)
            self.assertNotRegex(page, "<script(?! src)")
            self.assertIn("&lt;script&gt;", page)

    def test_links_stay_where_the_console_was_reached(self) -> None:
        """Below /dynflow all links are below /dynflow."""
        task = self.launch("Rig::Noop")
        self.assertIn(f'href="/dynflow/console/{task}"', self.request("GET", "/dynflow/console/tasks")[1])
        self.assertIn(f'href="/console/{task}"', self.request("GET", "/console/tasks")[1])

    def test_unknown_and_bad(self) -> None:
        """An unknown task is 404, a bad filter or page 400, each with a page that says so."""
        self.assertEqual(self.request("GET", "/console/nope")[0], 404)
        for query in ("q=state:bogus", "before=nonsense"):
            status, page = self.request("GET", f"/console/tasks?{query}")
            self.assertEqual(status, 400)
            self.assertIn("<h1>", page)

    def test_what_goes_wrong_has_a_page(self) -> None:
        """A fault of the service, or a database that does not answer, is told on a page, not in a program's words."""
        for error, status in ((RuntimeError("secret"), 500), (StoreError("The database is busy."), 503)):

            async def fail(now: float, error: Exception = error) -> None:
                raise error

            self.patch(self.engine.tasks, "overview", fail)
            found, page = self.request("GET", "/console")
            self.assertEqual(found, status)
            self.assertIn("<h1>", page)
            self.assertNotIn("secret", page)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_a_host_without_a_name(self) -> None:
        """Has no page; it is said what its address would be."""
        for path in ("/console/host", "/console/host?name=+", "/console/forget-key"):
            status, page = self.request("GET", path)
            self.assertEqual(status, 400)
            self.assertIn("?name=", page)

    def test_a_search_that_is_none(self) -> None:
        """Stays in its box, with the place marked and the words for it."""
        status, page = self.request("GET", "/console/tasks?q=host:%3Cb%3E+state:bad")
        self.assertEqual(status, 400)
        self.assertIn("host:&lt;b&gt; <mark>state:bad</mark>", page)
        self.assertIn("at character 10: there is no state &#39;bad&#39;", page)
        self.assertIn('value="host:&lt;b&gt; state:bad"', page)

    def test_filter_and_pages(self) -> None:
        """A list shows one state, and older tasks on the next page."""
        for _ in range(51):
            self.launch("Rig::Noop")
            self.engine.clock.advance(1)
        waiting = self.launch("Rig::WaitForUpdate")
        _, page = self.request("GET", "/console/tasks?q=state:running")
        self.assertEqual(page.count('<th scope="row">'), 1)
        self.assertIn(waiting[:8], page)
        _, first = self.request("GET", "/console/tasks")
        older = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
        _, second = self.request("GET", older)
        self.assertEqual((first.count('<th scope="row">'), second.count('<th scope="row">')), (50, 2))

    def test_cancel_from_elsewhere_is_refused(self) -> None:
        """Another site cannot press the button; the page itself can."""
        task = self.launch("Rig::WaitForUpdate")
        path = f"/console/{task}/cancel"
        self.assertEqual(self.request("POST", path, b"", Origin="https://evil.example")[0], 403)
        self.assertEqual(self.request("POST", path, b"", **{"Sec-Fetch-Site": "cross-site"})[0], 403)
        self.assertEqual(self.request("GET", f"/tasks/{task}/status")[1]["state"], "running")
        sent = self.treq.post(f"http://127.0.0.1{path}", headers={"Origin": "http://127.0.0.1"}, allow_redirects=False)
        self.treq.flush()
        self.assertEqual(self.successResultOf(sent).code, 303)
        self.assertEqual(self.request("GET", f"/tasks/{task}/status")[1]["state"], "stopped")

    def test_nothing_from_outside(self) -> None:
        """Pages load their own style sheet only, and browsers are told to load nothing else."""
        sent = self.treq.get("http://127.0.0.1/console")
        self.treq.flush()
        response = self.successResultOf(sent)
        self.assertIn("default-src 'none'", response.headers.getRawHeaders("content-security-policy")[0])
        page = self.successResultOf(response.text())
        self.assertNotIn("http://", page.replace("http://127.0.0.1", ""))
        for url in re.findall(r'(?:src|href)="([^"]*/static/[^"]*)"', page):
            self.assertEqual(self.request("GET", url)[0], 200, url)
        self.assertEqual(self.request("GET", "/console/static/..%2Fviews.py")[0], 404)

    def press(self, path: str, **form: str) -> int:
        """The status that pressing a button of our own pages gives."""
        sent = self.treq.post(
            f"http://127.0.0.1{path}", data=form, headers={"Origin": "http://127.0.0.1"}, allow_redirects=False
        )
        self.treq.flush()
        response = self.successResultOf(sent)
        self.location = (response.headers.getRawHeaders("location") or [""])[0]
        self.cookies = response.headers.getRawHeaders("set-cookie") or []
        return int(response.code)

    def test_every_deed_is_asked_for_first(self) -> None:
        """A page that works without scripts says what each deed means, and has the button for it."""
        running, task = self.launch("Rig::WaitForUpdate"), self.launch("Rig::RaiseInRun")
        for each, deeds in ((running, ("cancel", "force-cancel", "halt")), (task, ("resume", "halt"))):
            for deed in deeds:
                status, page = self.request("GET", f"/console/{each}/confirm/{deed}")
                self.assertEqual(status, 200)
                self.assertIn(f'action="/console/{each}/{deed}"', page)
        page = self.request("GET", f"/console/{task}/confirm/skip?step=2")[1]
        self.assertIn(f'action="/console/{task}/skip/2"', page)
        self.assertIn("<h1>Skip step 2?</h1>", page)
        for nothing in ("burn", "skip", "halt?step=2"):
            self.assertEqual(self.request("GET", f"/console/{task}/confirm/{nothing}")[0], 400, nothing)

    def test_a_paused_task_is_skipped_and_resumed(self) -> None:
        """The buttons do what they say, and the task's page says who did it."""
        task = self.launch("Rig::RaiseInRun")
        self.assertIn(f'href="/console/{task}/confirm/skip?step=2"', self.request("GET", f"/console/{task}")[1])
        self.assertEqual(self.press(f"/console/{task}/skip/2"), 303)
        self.assertIn("What failed in it will be left out.", self.request("GET", "/console")[1])
        self.assertEqual(self.press(f"/console/{task}/resume"), 303)
        self.assertEqual(self.location, f"/console/{task}")
        self.assertEqual(self.request("GET", f"/tasks/{task}/status")[1]["state"], "stopped")
        page = self.request("GET", f"/console/{task}")[1]
        self.assertIn("skip step 2", page)
        self.assertIn("skip step 2", self.request("GET", "/console/audit")[1])

    def test_one_step_is_cancelled(self) -> None:
        """It is offered in the card of each step that it could be done to, asked for first, and leaves the others."""
        task = self.launch(Crew.class_name)
        link = f'href="/console/{task}/confirm/cancel?step='
        page = self.request("GET", f"/console/{task}")[1]
        self.assertEqual(
            re.findall(f'{re.escape(link)}([0-9]+)">([^<]*)<', page), [("3", "Cancel step 3"), ("5", "Cancel step 5")]
        )
        status, page = self.request("GET", f"/console/{task}/confirm/cancel?step=3")
        self.assertEqual((status, "<h1>Cancel step 3?</h1>" in page), (200, True))
        self.assertIn(f'action="/console/{task}/cancel/3"', page)
        self.assertEqual((self.press(f"/console/{task}/cancel/3"), self.location), (303, f"/console/{task}"))
        page = self.request("GET", f"/console/{task}")[1]
        self.assertEqual(re.findall(f"{re.escape(link)}([0-9]+)", page), ["5"])
        self.assertIn("cancel step 3, by", page)
        for step in (3, 7, 99):
            self.assertEqual(self.press(f"/console/{task}/cancel/{step}"), 409)
        self.assertEqual((self.press(f"/console/{task}/cancel/x"), self.press("/console/nope/cancel/3")), (400, 404))

    def test_tasks_that_wait_for_others(self) -> None:
        """Each leads to the tasks that it waits for and to those that wait for it, as long as there are any."""
        first = self.launch("Rig::WaitForUpdate")
        then = self.engine.delay(Noop, {}, delay=Delay(after=(first,)))
        page = self.request("GET", f"/console/{then}")[1]
        self.assertIn(f"It waits for task {first[:8]}.", page)
        self.assertIn(f'<dt>Waits for</dt><dd><a class="id alone" href="/console/{first}">', page)
        page = self.request("GET", f"/console/{first}")[1]
        self.assertIn(f'<dt>Waited for by</dt><dd><a class="id alone" href="/console/{then}">', page)
        self.request("POST", f"/tasks/{first}/cancel")
        self.assertNotIn("Waited for by", self.request("GET", f"/console/{first}")[1])

    def test_a_step_that_waits(self) -> None:
        """Has no end, and has taken the time since it began: in its card, in the picture and on the time line."""
        task = self.launch("Rig::WaitForUpdate")
        self.engine.advance(10)
        page = self.request("GET", f"/console/{task}")[1]
        card = page.split('id="step-2"')[1].split("</section>")[0]
        self.assertIn("<dt>Ended</dt><dd>–</dd>", card)
        self.assertIn("<dt>Real time</dt><dd>10.0 s</dd>", card)
        self.assertIn("suspended, 10.0 s</text>", page)
        self.assertIn('<td class="number">10.0 s</td>', page)

    def test_how_far_a_step_is(self) -> None:
        """A step that knows it shows it; one that has not begun or has ended does not."""
        page = self.request("GET", f"/console/{self.launch(Halfway.class_name)}")[1]
        self.assertIn('value="0.25" aria-label="Progress of step 2">25 %', page)
        self.assertEqual(page.count("Progress of step"), 1)

    def test_a_flow_that_is_too_long_for_a_picture(self) -> None:
        """Has a sentence in its place, and its steps as boxes."""
        page = self.request("GET", f"/console/{self.launch(Long.class_name)}")[1]
        boxes = page.split("With more than 200 steps there is no picture")[1]
        self.assertEqual((boxes.count('<div class="step success"'), page.count("picture of the flow")), (201, 0))
        short = self.request("GET", f"/console/{self.launch('Rig::Noop')}")[1]
        self.assertEqual((short.count("there is no picture"), short.count("picture of the flow")), (0, 1))

    def test_who_planned_whom(self) -> None:
        """The actions are a tree, each with its state and a link to its step; a long one is folded."""
        page = self.request("GET", f"/console/{self.launch(Crew.class_name)}")[1]
        tree = page.split('<ul class="tree">')[1].split("</div>\n<h3>Run")[0]
        self.assertEqual(
            re.findall(r'href="#step-(\d+)">|(</?ul>)', tree)[:6],
            [("1", ""), ("", "<ul>"), ("2", ""), ("4", ""), ("6", ""), ("", "</ul>")],
        )
        self.assertIn('<div class="step success"><a href="#step-4">4: WaitForUpdate</a>', tree)
        self.assertNotIn("and who planned whom</summary>", page)
        page = self.request("GET", f"/console/{self.launch(Long.class_name)}")[1]
        self.assertIn("<details><summary>All 202 actions, and who planned whom</summary>", page)

    def test_where_planning_failed(self) -> None:
        """It is said at which step and why, and marked in the tree; not those that only planned it."""
        body = {"action_name": "Rig::Nested", "action_input": {"depth": 3, "fail": True}}
        task = self.request("POST", "/tasks", body)[1]["task_id"]
        page = self.request("GET", f"/console/{task}")[1]
        said = r'Planning failed at <a class="alone" href="#step-(\d+)">([^<]*)</a>:</strong> ([^<]*)<'
        self.assertEqual(re.findall(said, page), [("10", "10: Nested", "there is nothing deeper")])
        self.assertEqual((page.count("failed here"), page.count('<div class="step error">')), (1, 4))

    def test_what_is_not_possible_has_a_page(self) -> None:
        """Resuming what is not paused is answered with a page that says so and leads back, asked for or done."""
        task = self.launch("Rig::WaitForUpdate")
        self.assertEqual(self.press(f"/console/{task}/resume"), 409)
        for question, said in (
            ("resume", "The task is running. Only a paused task can be resumed."),
            ("resend", "Only a result that Foreman has not got"),
            ("cancel?step=99", "The task has no step 99."),
            ("cancel?step=1", "Step 1 is success, and the task is running. Only a step of the run phase"),
            ("skip?step=2", "Step 2 is suspended, and the task is running. Only a failed step of a paused task"),
        ):
            status, page = self.request("GET", f"/console/{task}/confirm/{question}")
            self.assertEqual((status, f'action="/console/{task}' in page), (409, False), question)
            self.assertIn(said, page)
            self.assertIn(f'href="/console/{task}">Back to the task</a>', page)
        self.assertIn("Back to the task", self.request("POST", f"/console/{task}/resume", b"")[1])
        self.assertEqual(self.press(f"/console/{task}/skip/nonsense"), 400)

    def test_halt(self) -> None:
        """Whatever a task does, halting it stops it."""
        task = self.launch("Rig::WaitForUpdate")
        self.assertEqual(self.press(f"/console/{task}/halt"), 303)
        self.assertEqual(self.request("GET", f"/tasks/{task}/status")[1]["state"], "stopped")

    def test_results_are_sent_again(self) -> None:
        """Where one was refused there is a button for it, on the task's page and on the overview, and then no more."""
        tasks = [self.launch("Rig::Noop") for _ in range(3)]
        for number, task in enumerate(tasks, 1):
            enqueued = EnqueueCallback(task, 1, {"task_id": task}, START, data={})
            self.successResultOf(self.engine.database.commit(enqueued, ParkCallback(number, "HTTP 404: no")))
        page = self.request("GET", f"/console/{tasks[0]}")[1]
        self.assertIn(f'href="/console/{tasks[0]}/confirm/resend"', page)
        self.assertEqual(self.request("GET", f"/console/{tasks[0]}/confirm/resend")[0], 200)
        self.assertEqual(self.press(f"/console/{tasks[0]}/resend"), 303)
        self.assertEqual((self.press(f"/console/{tasks[0]}/resend"), self.press("/console/nope/resend")), (409, 404))
        self.assertNotIn("/confirm/resend", self.request("GET", f"/console/{tasks[0]}")[1])
        self.assertIn("2 are not sent any more", self.request("GET", "/console")[1])
        self.assertIn("Send 2 results again", self.request("GET", "/console/resend")[1])
        self.assertEqual((self.press("/console/resend"), self.location, self.engine.notified), (303, "/console", 2))
        self.assertNotIn("not sent any more", self.request("GET", "/console")[1])
        self.assertIn("2 results are sent again.", self.request("GET", "/console/audit?what=resend")[1])
        found = self.successResultOf(self.engine.database.query(callbacks.counts))
        self.assertEqual(found, {"pending": 3})

    def test_bulk_is_done_to_as_many_as_was_said(self) -> None:
        """The page says how many there are; when that is true no more, nothing is done."""
        waiting = [self.launch("Rig::WaitForUpdate") for _ in range(3)]
        page = self.request("GET", "/console/bulk?q=label:WaitForUpdate&what=cancel")[1]
        self.assertIn("Cancel 3 tasks", page)
        form = {"q": "label:WaitForUpdate", "what": "cancel"}
        self.assertEqual(self.press("/console/bulk", expected="2", **form), 409)
        self.assertEqual(self.request("GET", "/tasks/count?state=running")[1]["count"], 3)
        self.assertEqual(self.press("/console/bulk", expected="3", **form), 303)
        page = self.request("GET", self.location)[1]
        self.assertIn("Done to 3 of 3 tasks.", page)
        self.assertNotIn("data-polled", page)
        self.assertIn(f'href="{self.location}"', self.request("GET", "/console/audit")[1])
        self.assertIn(f'href="{self.location}"', self.request("GET", f"/console/{waiting[0]}")[1])
        self.assertEqual(self.request("GET", "/console/bulk/nope")[0], 404)
        states = {self.request("GET", f"/tasks/{task}/status")[1]["state"] for task in waiting}
        self.assertEqual(states, {"stopped"})

    def test_bulk_leaves_later_tasks_alone(self) -> None:
        """What is pressed concerns what was there when it was asked for."""
        asked = self.launch("Rig::WaitForUpdate")
        self.engine.clock.advance(1)
        page = self.request("GET", "/console/bulk?q=state:failed&what=resume")[1]
        self.assertIn("it can be to those that <code>state:paused</code> finds.", page)
        page = self.request("GET", "/console/bulk?q=state:running&what=cancel")[1]
        exact = re.findall(r'name="q" value="([^"]*)"><input type="hidden" name="what"', page)[0]
        self.engine.clock.advance(1)
        later = self.launch("Rig::WaitForUpdate")
        self.press("/console/bulk", q=exact, what="cancel", expected="1")
        states = [self.request("GET", f"/tasks/{task}/status")[1]["state"] for task in (asked, later)]
        self.assertEqual(states, ["stopped", "running"])

    def test_who_did_what_is_searched(self) -> None:
        """By who, what, to what and when, a page at a time; a time that is none is refused with words."""
        tasks = [self.launch("Rig::WaitForUpdate") for _ in range(101)]
        for task in tasks:
            self.press(f"/console/{task}/cancel")
            self.engine.clock.advance(1)
        self.press(f"/console/{tasks[0]}/halt")

        def rows(query: str) -> int:
            return str(self.request("GET", f"/console/audit?{query}")[1]).count("<tr><td>")

        self.assertEqual(rows("what=HALT"), 1)
        self.assertEqual(rows(f"about={tasks[0]}"), 2)
        self.assertEqual((rows("who=127.0.0.1&what=cancel"), rows("who=nobody")), (100, 0))
        self.assertEqual((rows("since=10s"), rows("until=10s&since=20s")), (11, 10))
        first = self.request("GET", "/console/audit?what=cancel")[1]
        older = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
        self.assertEqual(rows(older.partition("?")[2]), 1)
        self.assertEqual(self.request("GET", "/console/audit?since=never")[0], 400)

    def test_the_theme_is_remembered_without_scripts(self) -> None:
        """A button sets a cookie, pages heed it, and nobody is sent elsewhere."""
        self.assertEqual(self.press("/console/theme", theme="dark", back="/console/tasks?q=x"), 303)
        self.assertEqual(self.location, "/console/tasks?q=x")
        self.assertIn("smartdyn_theme=dark", self.cookies[0])
        page = self.request("GET", "/console/help", Cookie="smartdyn_theme=dark")[1]
        self.assertIn('data-theme="dark"', page)
        self.assertNotIn("data-theme", self.request("GET", "/console/help", Cookie='smartdyn_theme="><b>')[1])
        for elsewhere in ("https://evil.example/", "//evil.example/", "/console/\r\nx: y", "/consolex"):
            self.press("/console/theme", theme="", back=elsewhere)
            self.assertEqual(self.location, "/console/")

    def test_the_key_of_a_host_is_forgotten(self) -> None:
        """The host's page leads to the button, and what was done is written down."""
        self.launch(Nasty.class_name)
        page = self.request("GET", "/console/host?name=%3Cscript%3Ehost%3C%2Fscript%3E")[1]
        self.assertIn("forget-key?name=%3Cscript", page)
        self.assertEqual(self.press("/console/forget-key"), 400)
        self.assertEqual(self.press("/console/forget-key", name="web1"), 303)
        self.assertEqual(self.location, "/console/host?name=web1")
        self.assertIn("forget host key", self.request("GET", "/console/audit")[1])

    def test_the_keys_of_a_host(self) -> None:
        """The host's page shows by which keys it is known, and what forgetting would forget."""
        blob = "AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS"
        self.folder.mkdir()
        self.folder.joinpath("known_hosts").write_text(f"web1,192.0.2.7 ssh-ed25519 {blob}\n[web1]:2222 ssh-rsa AAAA\n")
        for path in ("host", "forget-key"):
            page = self.request("GET", f"/console/{path}?name=WEB1")[1]
            self.assertIn("SHA256:qH8baHrA5X0qCBovKCZyM02Q7TFtK4GMqVgOo4TZJAE", page)
            self.assertIn("known_hosts:2", page)
        self.press("/console/forget-key", name="web1")
        self.assertEqual(self.folder.joinpath("known_hosts").read_text(), "")
        self.assertIn("No key is known of it", self.request("GET", "/console/host?name=web1")[1])

    def test_searches_are_saved_for_everybody(self) -> None:
        """A search has a name from then on, on the list and wherever one can go; saving it again replaces it."""
        listed = self.request("GET", "/console/tasks?q=host:web*")[1]
        self.assertIn("Save this search", listed)
        self.assertNotIn("Save this search", self.request("GET", "/console/tasks?q=state:running")[1])
        self.assertEqual(self.press("/console/searches", name=" <b>Web ", q="host:web*"), 303)
        self.assertEqual(self.location, "/console/tasks?q=host%3Aweb%2A")
        listed = self.request("GET", self.location)[1]
        self.assertIn('href="/console/tasks?q=host%3Aweb%2A" aria-current="page">&lt;b&gt;Web</a>', listed)
        self.assertNotIn("Save this search", listed)
        self.assertIn("&lt;b&gt;Web", self.request("GET", "/console/go?to=WEB")[1])
        self.press("/console/searches", name="<B>web", q="host:www*")
        page = self.request("GET", "/console/searches")[1]
        self.assertEqual((page.count("<tr><th"), "host:www*" in page), (2, True))
        self.assertIn("Before, it was: host:web*", self.request("GET", "/console/audit?what=save")[1])
        self.assertEqual(self.press("/console/searches/delete", name="<b>WEB"), 303)
        self.assertIn("Nobody has saved one yet", self.request("GET", "/console/searches")[1])
        self.assertIn("It was: host:www*", self.request("GET", "/console/audit?what=delete")[1])

    def test_searches_that_cannot_be_saved(self) -> None:
        """Names that are taken, none, or too long, searches that are none, and too many, are refused with words."""
        for name, words in (("all", "x1"), ("", "x1"), ("x" * 61, "x1"), ("a\x00", "x1"), ("fine", "state:bogus")):
            self.assertEqual(self.press("/console/searches", name=name, q=words), 400, (name, words))
        self.assertEqual(self.press("/console/searches/delete", name="nope"), 400)
        for number in range(100):
            self.assertEqual(self.press("/console/searches", name=f"n{number}", q="x1"), 303)
        self.assertEqual(self.press("/console/searches", name="one more", q="x1"), 400)
        self.assertEqual(self.press("/console/searches", name="n7", q="x2"), 303)

    def test_going_anywhere(self) -> None:
        """Pages, searches and hosts are found by a part of their names, and tasks can be searched for."""
        self.launch(Nasty.class_name)
        everything = self.request("GET", "/console/go")[1]
        for place in ("/status", "/audit", "/tasks?q=state%3Arunning"):
            self.assertIn(f'<li><a href="/console{place}"', everything)
        page = self.request("GET", "/console/go?to=script")[1]
        self.assertIn('<a href="/console/host?name=%3Cscript%3Ehost%3C/script%3E">', page)
        self.assertIn('href="/console/tasks?q=script">Search tasks for script</a>', page)
        self.assertNotIn('<li><a href="/console/status">', page)

    def test_the_page_of_a_batch(self) -> None:
        """It follows its jobs until all are over, and what can be done to all of them is there."""
        waiting = {"action_class": "Rig::WaitForUpdate", "action_input": {}}
        body = {"operation": "ssh", "input": {"a": waiting, "b": waiting}}
        parent = self.request("POST", "/tasks/launch", body)[1]["parent"]["task_id"]
        path = f"/console/batches/{parent}"
        page = self.request("GET", f"/console/{parent}")[1]
        self.assertIn(f'href="{path}"', page)
        self.assertTrue('href="#jobs"' in page and 'id="jobs"' in page)
        page = self.request("GET", path)[1]
        self.assertIn("0 of 2 jobs", page)
        self.assertIn("data-polled", page)
        self.assertIn(f'name="q" value="parent:{parent}"', page)
        self.assertNotIn("/console/bulk", self.request("GET", path, **{"X-Forwarded-Role": "viewer"})[1])
        self.press("/console/bulk", q=f"parent:{parent}", what="cancel", expected="2")
        page = self.request("GET", path)[1]
        self.assertIn("2 of 2 jobs", page)
        self.assertNotIn("data-polled", page)
        self.assertEqual(self.request("GET", "/console/batches/nope")[0], 404)

    def test_numbers_lead_to_as_many_tasks(self) -> None:
        """What failed counts by the time of its end, and the links behind the numbers find just that."""
        ended_before, ends_late = self.launch("Rig::RaiseInRun"), self.launch("Rig::RaiseInRun")
        self.press(f"/console/{ended_before}/halt")
        self.engine.advance(2 * 86400.0)
        now = [ends_late, self.launch("Rig::RaiseInRun")]
        for task in now:
            self.press(f"/console/{task}/halt")
        page = html.unescape(self.request("GET", "/console")[1])
        tile = re.search(r'<a href="([^"]*)"><strong>2</strong> failed in 24 hours', page)
        group = re.search(r'<a class="count" href="([^"]*)" aria-label="2 tasks', page)
        for link in (tile, group):
            assert link is not None, page
            rows = re.findall(r'<th scope="row"><a href="/console/([^"]*)"', self.request("GET", link[1])[1])
            self.assertEqual(sorted(rows), sorted(now))

    def test_pages_that_have_not_changed_are_not_sent_again(self) -> None:
        """Polling a list costs next to nothing while nothing happens."""
        sent = self.treq.get("http://127.0.0.1/console/tasks")
        self.treq.flush()
        etag = self.successResultOf(sent).headers.getRawHeaders("etag")[0]
        self.assertEqual(self.request("GET", "/console/tasks", **{"If-None-Match": etag})[0], 304)
        self.launch("Rig::Noop")
        self.assertEqual(self.request("GET", "/console/tasks", **{"If-None-Match": etag})[0], 200)

    def test_every_page_there_is(self) -> None:
        """Each page is whole and has one heading."""
        self.launch("Rig::RaiseInRun")
        for path in (
            "",
            "/tasks",
            "/tasks?q=text:hello",
            "/status",
            "/audit",
            "/help",
            "/go",
            "/searches",
            "/host?name=nowhere",
        ):
            status, page = self.request("GET", f"/console{path}")
            self.assertEqual((status, page.count("<h1>")), (200, 1), path)
