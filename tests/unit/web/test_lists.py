"""Lists of tasks in the console: below those that launched them, in any order, of any size."""

from __future__ import annotations

import html
import re
from typing import Any

from smartdyn.store import nesting
from smartdyn.store.plans import RequestCancel
from smartdyn.testing import done
from tests.support.web import Nasty, WebTestCase

WAITING = {"action_class": "Rig::WaitForUpdate", "action_input": {}}
FAILING = {"action_class": "Rig::RaiseInRun", "action_input": {}}


class ListTests(WebTestCase):
    """C{/console/tasks}."""

    def batch(self, **jobs: Any) -> tuple[str, list[str]]:
        """Launch some jobs at once: the task that did it, and theirs."""
        found = self.request("POST", "/tasks/launch", {"operation": "ssh", "input": jobs})[1]
        return found["parent"]["task_id"], [found[name]["task_id"] for name in jobs]

    def rows(self, path: str) -> list[str]:
        """The tasks of a list from top to bottom, an arrow before each for every task that it stands below."""
        page = self.page(path)
        found = re.findall(r'<tr class="depth-(\d)[^"]*">\n<th scope="row">.*?<a href="/console/([^"]*)"', page)
        return [">" * int(depth) + task for depth, task in found]

    def page(self, path: str) -> str:
        status, page = self.request("GET", path)
        self.assertEqual(status, 200, page)
        return html.unescape(page)

    def test_jobs_are_folded_up(self) -> None:
        """All tasks are those that no other launched; each says how many it launched and how these are."""
        alone = self.launch("Rig::Noop")
        self.engine.clock.advance(1)
        parent, _ = self.batch(a=WAITING, b=WAITING, c=FAILING)
        self.assertEqual(self.rows("/console/tasks"), [parent, alone])
        page = self.page("/console/tasks")
        self.assertIn(f'href="/console/tasks?q=parent%3A{parent}">3 jobs</a>: ', page)
        self.assertIn(">2 running</a>", page)
        self.assertEqual(page.count('class="fold"'), 1)

    def test_jobs_are_unfolded(self) -> None:
        """A press unfolds them below their task, the newest first, and another folds them up; both are plain links."""
        alone = self.launch("Rig::Noop")
        self.engine.clock.advance(1)
        parent, jobs = self.batch(a=WAITING, b=FAILING)
        opened = self.fold("/console/tasks")
        self.assertEqual(opened, f"/console/tasks?open={parent}")
        self.assertEqual(self.rows(opened), [parent, *(f">{job}" for job in sorted(jobs, reverse=True)), alone])
        self.assertEqual(self.fold(opened), "/console/tasks")

    def fold(self, path: str) -> str:
        """Where the first fold leads."""
        found = re.search(r'class="fold" id="[^"]*" href="([^"#]*)#fold-', self.page(path))
        assert found is not None
        return found[1]

    def test_of_many_jobs_the_newest_are_unfolded(self) -> None:
        """Where there are more than fit below a task, that is said; its link leads to all."""
        self.patch(nesting, "MOST_OPENED", 2)
        parent, _ = self.batch(a=WAITING, b=WAITING, c=WAITING)
        rows = self.rows(f"/console/tasks?open={parent}")
        self.assertEqual([row.count(">") for row in rows], [0, 1, 1])
        self.assertIn("the newest stand below", self.page(f"/console/tasks?open={parent}"))

    def test_what_is_found_stands_below_its_task(self) -> None:
        """A search that finds jobs shows them below the task that launched them, though that is not found itself."""
        alone = self.launch("Rig::RaiseInRun")
        self.engine.clock.advance(1)
        parent, (_, failed) = self.batch(a=WAITING, b=FAILING)
        self.assertEqual(self.rows("/console/tasks?q=state:paused"), [parent, f">{failed}", alone])
        self.assertIn('<tr class="depth-0 added">', self.page("/console/tasks?q=state:paused"))

    def test_what_is_found_and_unfolded_is_listed_once(self) -> None:
        """Unfolding a task in a search adds the jobs that were not found."""
        parent, jobs = self.batch(a=WAITING, b=FAILING)
        rows = self.rows(f"/console/tasks?q=state:paused&open={parent}")
        self.assertEqual((rows[0], sorted(rows[1:])), (parent, sorted(f">{job}" for job in jobs)))

    def test_what_was_cancelled_is_called_so(self) -> None:
        """A task that ended because somebody wanted it to is no error in a list, also when it is sorted by state."""
        cancelled, failed = self.launch("Rig::RaiseInRun"), self.launch("Rig::RaiseInRun")
        done(self.engine.database.commit(RequestCancel(cancelled, self.engine.clock.seconds())))
        for task_id in (cancelled, failed):
            self.request("POST", f"/api/tasks/{task_id}/halt")
        (task,) = self.request("GET", "/api/tasks?q=state:cancelled")[1]["tasks"]
        self.assertEqual((task["id"], task["state"], task["cancelled"]), (cancelled, "stopped", True))
        for path in ("/console/tasks", "/console/tasks?sort=state"):
            page = self.page(path)
            self.assertEqual((page.count('"badge cancelled"'), page.count('"badge error"')), (1, 1), path)
        self.assertEqual(self.rows("/console/tasks?sort=state"), [failed, cancelled])
        self.assertEqual(self.rows("/console/tasks?sort=-state"), [cancelled, failed])
        self.assertIn('<h1>RaiseInRun <span class="badge cancelled">', self.page(f"/console/{cancelled}"))

    def test_another_order_is_flat(self) -> None:
        """Sorted by something else than their creation, tasks stand by themselves and name their parents."""
        parent, jobs = self.batch(a=WAITING, b=FAILING)
        rows = self.rows("/console/tasks?sort=label")
        self.assertEqual(sorted(rows), sorted([parent, *jobs]))
        self.assertEqual(self.page("/console/tasks?sort=label").count("part of <a"), 2)

    def test_heads_sort(self) -> None:
        """Each column sorts by itself, and the other way round when it is pressed again."""
        heads = re.findall(r'<th scope="col"([^>]*)><a class="sort" href="([^"]*)">([^<]*)', self.page_with_a_task(""))
        self.assertEqual(
            [(title.strip(), href) for _, href, title in heads],
            [
                ("Task", "/console/tasks?sort=label"),
                ("State", "/console/tasks?sort=state"),
                ("Host", "/console/tasks?sort=host"),
                ("Created (UTC)", "/console/tasks?sort=created"),
                ("Started", "/console/tasks?sort=-started"),
                ("Ended", "/console/tasks?sort=-ended"),
                ("Took", "/console/tasks?sort=-took"),
            ],
        )
        self.assertEqual([head[0] for head in heads if "aria-sort" in head[0]], [' aria-sort="descending"'])
        other = self.page_with_a_task("?sort=host")
        self.assertIn('aria-sort="ascending"><a class="sort" href="/console/tasks?sort=-host">Host', other)

    def page_with_a_task(self, query: str) -> str:
        self.launch("Rig::Noop")
        return self.page(f"/console/tasks{query}")

    def test_sorted_pages(self) -> None:
        """The next page of a sorted list goes on where the one before ended, with its search and its size."""
        tasks = []
        for seconds in (3, 1, 2):
            tasks.append(self.launch("Rig::WaitForUpdate"))
            self.engine.clock.advance(seconds)
        for task in tasks:
            self.request("POST", f"/api/tasks/{task}/halt")
            self.engine.clock.advance(10)
        first = "/console/tasks?q=label:WaitForUpdate&sort=took&per_page=2"
        following = re.search(r'rel="next" href="([^"]*)"', self.page(first))
        assert following is not None
        self.assertTrue(following[1].startswith("/console/tasks?q=label%3AWaitForUpdate&sort=took&per_page=2&before="))
        self.assertEqual(self.rows(first) + self.rows(following[1]), tasks)

    def test_searches_are_completed(self) -> None:
        """The search field offers keys, states, hosts and labels that occur."""
        self.launch(Nasty.class_name)
        for typed, offered in (
            ("sta", ["state:"]),
            ("host:%3Cscr", ["host:<script>host</script>"]),
            (
                "script",
                [
                    "host:<script>host</script>",
                    "<script>host</script>",
                    "label:Nasty<script>alert(1)</script>",
                    "Nasty<script>alert(1)</script>",
                ],
            ),
        ):
            status, page = self.request("GET", f"/console/complete?q={typed}")
            self.assertEqual(status, 200)
            self.assertEqual([html.unescape(each) for each in re.findall('value="([^"]*)"', page)], offered)

    def test_sizes(self) -> None:
        """A page has as many tasks as is wanted; what is no size is refused."""
        for _ in range(3):
            self.launch("Rig::Noop")
        self.assertEqual(len(self.rows("/console/tasks?per_page=2")), 2)
        self.assertIn('per_page=20">20</a>', self.page("/console/tasks"))
        for size in ("0", "201", "-1", "x"):
            self.assertEqual(self.request("GET", f"/console/tasks?per_page={size}")[0], 400)

    def test_what_cannot_be_asked_for(self) -> None:
        """Unknown orders, and places of another order, have a page that says so."""
        self.launch("Rig::Noop")
        self.launch("Rig::Noop")
        following = re.search(r"before=([\w-]+)", self.page("/console/tasks?sort=-started&per_page=1"))
        assert following is not None
        self.assertEqual(self.request("GET", f"/console/tasks?sort=-started&before={following[1]}")[0], 200)
        for query in ("sort=size", f"sort=label&before={following[1]}", "before=nonsense"):
            status, page = self.request("GET", f"/console/tasks?{query}")
            self.assertEqual(status, 400)
            self.assertIn("<h1>", page)
