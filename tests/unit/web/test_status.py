"""The page that shows the inside of the service."""

from __future__ import annotations

from smartdyn.model.internals import CoroutineView, HostConnectionView, Timer
from tests.support.web import WebTestCase

NASTY = "<script>alert(1)</script>"


class StatusTests(WebTestCase):
    """C{/console/status} and the pages below it."""

    def page(self, path: str = "") -> str:
        """A page's text."""
        status, text = self.request("GET", f"/console/status{path}")
        self.assertEqual(status, 200)
        return str(text)

    def test_this_instance(self) -> None:
        """Who it is, since when, and what it needs of the machine."""
        text = self.page()
        for said in ("proxy.example.org, process 77", "for 1 h 0 min", "64.0 MB", "42 of 1024", "<code>w1</code>"):
            self.assertIn(said, text)

    def test_the_last_hour(self) -> None:
        """Small graphs, here and on the overview, say in words what they show."""
        for path in ("/console/status", "/console/"):
            page = str(self.request("GET", path)[1])
            self.assertEqual(page.count('<figure class="chart">'), 5)
            for words in ("Running: 2 now, at most 2", "Waiting for Foreman: 3 now, at most 3", "Late by: 4 ms now"):
                self.assertIn(f'aria-label="{words}', page)

    def test_pools_and_limits(self) -> None:
        """What is used of what there is; what nobody limits has no number."""
        text = self.page()
        for name, *numbers in (("threads: reactor", "3", "10", "2"), ("requests to us", "1", "–", "0")):
            cells = "".join(f'<td class="number">{number}</td>' for number in numbers)
            self.assertIn(f'<th scope="row">{name}</th>{cells}', text)
        self.assertIn("<code>kill_limit</code></th><td>60</td>", text)

    def test_connections(self) -> None:
        """Each with its account, its age and links to its tasks."""
        self.inside.open.append(HostConnectionView("root@web1:22", "open", 12.0, 2, ("task-1", "task-2")))
        text = self.page()
        self.assertIn("root@web1:22", text)
        self.assertIn("12.0 s", text)
        self.assertIn('href="/console/task-1"', text)

    def test_coroutines(self) -> None:
        """Each with the places at which it waits."""
        self.inside.running.append(
            CoroutineView("jobs", "runner of task 1", 5.0, ("smartdyn/a.py:1 run", "smartdyn/b.py:2 wait"))
        )
        self.assertIn("<code>smartdyn/a.py:1 run</code><br><code>smartdyn/b.py:2 wait</code>", self.page())

    def test_timers(self) -> None:
        """What is due, and when."""
        self.inside.set += [Timer(-0.5, "a.late"), Timer(30.0, "b.soon")]
        text = self.page("/timers")
        self.assertIn("<td>now</td><td><code>a.late</code>", text)
        self.assertIn("<td>in 30.0 s</td><td><code>b.soon</code>", text)

    def test_thousands(self) -> None:
        """The first page shows some and says how many there are; the others are shown in pieces."""
        self.inside.running += [CoroutineView("jobs", f"work {number}", 1.0, ()) for number in range(2500)]
        text = self.page()
        self.assertIn("Work in the background: 2500", text)
        self.assertIn('href="/console/status/coroutines">All 2500', text)
        self.assertEqual(text.count(">work "), 10)
        last = self.page("/coroutines?from=2450")
        self.assertEqual(last.count(">work "), 50)
        self.assertNotIn('rel="next"', last)
        self.assertIn('href="/console/status/coroutines?from=200"', self.page("/coroutines?from=100"))

    def test_names_are_no_markup(self) -> None:
        """Whatever hosts and tasks are called."""
        self.inside.open.append(HostConnectionView(NASTY, NASTY, 1.0, 1, (NASTY,)))
        self.inside.running.append(CoroutineView(NASTY, NASTY, 1.0, (NASTY,)))
        self.inside.set.append(Timer(1.0, NASTY))
        for path in ("", "/connections", "/coroutines", "/timers"):
            self.assertNotIn(NASTY, self.page(path))

    def test_a_page_that_cannot_be(self) -> None:
        """A place that is no number is refused in words."""
        self.assertEqual(self.request("GET", "/console/status/timers?from=x")[0], 400)
