"""The console in a real Chromium."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from tests.support import browser, flood, injection, seeding, sshd, stored
from tests.support.console_pages import LEFT_OUT, PAGES, WALKED, launch, launch_batch, made_pages, task_pages
from tests.support.history import store_long_output
from tests.support.http import Client
from tests.support.seeding import SeededServices
from tests.support.service import ServiceProcess

JOURNEYS = {
    "unreachable host": ["The host refuses connections", "Check that sshd runs and listens on this port"],
    "changed host key": ["The host key has changed", "forget its key and run the job again"],
    "wrong sudo password": ["The effective user could not be had", "Check the sudo password of the job"],
    "noexec directory": ["The working directory is mounted noexec", "Set another remote_working_dir"],
    "disk full": ["A disk of the host is full", "Free space on the host"],
    "Foreman down": ["Foreman cannot be reached", "Check that Foreman runs"],
    "expired certificate": ["certificate verify failed", "Renew certificates that have expired"],
    "stuck callback": ["HTTP 500", "Look at Foreman's log"],
    "slow host": ["slow1.example.org", "Connecting to", "Check the host and its sshd, or cancel the task"],
    "script error": ["exit status 127", "names a command that was not found: install it on the host"],
    "cancelled": ["It was cancelled", "Nothing is to be done, unless it should have run"],
    "timed out": ["The time limit passed", "give the job more time, or make the script end sooner"],
}
"""What must be read: the cause, and what to do; each is a regular expression that no button or name fits."""

SOAK = "SMARTDYN_SOAK" in os.environ
LIMIT = 900 if SOAK else 240
"""Seconds for a script."""

LONG = 300_000 if SOAK else 20_000
FLOODED = 60_000 if SOAK else 16_000
CUTS = 100 if SOAK else 6
COUNTED = 2000 if SOAK else 160
COUNTING = f"""#!/bin/sh
i=0
until [ -e BEGIN ]; do sleep 0.1; done
while [ $i -lt {COUNTED} ]; do i=$((i+1)); echo "line $i $(date +%s%3N)"; sleep 0.05; done
"""
SLOWLY = """#!/bin/sh
until [ -e QUIET ]; do i=$((i+1)); printf "line $i "; sleep 0.4; echo end; sleep 0.2; done
echo no more
sleep 600
"""


class BrowserTestCase(TestCase):
    """Drives a browser through the pages of a service."""

    timeout = LIMIT + 60

    async def drive(self, script: str, **plan: Any) -> browser.Result:
        """Run a script of tests/browser, which must find nothing wrong and must have looked at something."""
        result = await browser.drive(reactor, script, Path(self.mktemp()), {"limit": LIMIT, **plan})
        self.assertEqual(result.findings, [], "\n".join(result.findings))
        self.assertGreater(result.checks, 0)
        return result

    async def to_change(self, services: SeededServices) -> dict[str, str]:
        """A task that runs and one that waits for a decision, made for a test that changes them."""
        client = Client(reactor, services.answering.url)
        running = await launch(client, services.ssh_port, "#!/bin/sh\nsleep 600\n", hostname="batch1.example.org")
        failing = await client.request("POST", "/tasks", {"action_name": "Rig::RaiseInRun", "action_input": {}})
        tasks = {"running": running, "paused": str(failing.json["task_id"])}
        for state, task in tasks.items():
            await client.until(f"/tasks/{task}/status", lambda found, state=state: found["state"] == state)
        return tasks

    async def seeded(self) -> SeededServices:
        """Services with tasks, unless there is no browser for them."""
        if reason := browser.missing():
            self.skipTest(reason)
        return await seeding.shared()


class PageTests(BrowserTestCase):
    """What holds for every page."""

    async def test_every_page(self) -> None:
        """Under its own policy each page is whole, in both themes; nobody else is asked; a first visit is light."""
        seeded = (await self.seeded()).answering
        result = await self.drive("pages", console=seeded.console, pages={**PAGES, **task_pages(seeded)})
        self.assertLess(result.measured["all"], 120 * 1024)


class AccessibilityTests(BrowserTestCase):
    """WCAG 2.2 AA."""

    async def test_no_violation(self) -> None:
        """axe finds nothing wrong on any page, in both themes, 320 and 1280 pixels wide."""
        seeded = (await self.seeded()).answering
        made = await made_pages(Client(reactor, seeded.url), seeded.url)
        pages = {**PAGES, **task_pages(seeded), **made}
        chosen = {name: path for name, path in pages.items() if SOAK or name not in LEFT_OUT}
        await self.drive("axe", console=seeded.console, pages=chosen, thorough=SOAK)

    async def test_keyboard(self) -> None:
        """Everything can be reached and done with Tab and Enter, and what is reached shows it."""
        services = await self.seeded()
        seeded = services.answering
        failed = seeded.tasks["script error"]
        pages = {**PAGES, **task_pages(seeded)}
        await self.drive(
            "keyboard",
            console=seeded.console,
            pages=[path for name, path in pages.items() if SOAK or name in WALKED],
            list="/tasks?q=host:web1.example.org",
            failed=failed,
            **await self.to_change(services),
        )

    async def test_without_scripts(self) -> None:
        """With scripts off one can list, search, read output and save it, cancel one, many or a step, and resume."""
        services = await self.seeded()
        seeded = services.answering
        client = Client(reactor, seeded.url)
        stepwise = await launch(client, services.ssh_port, "#!/bin/sh\nsleep 600\n", hostname="batch1.example.org")
        await client.until(f"/tasks/{stepwise}/status", lambda found: found["state"] == "running")
        script = "#!/bin/sh\nseq -f 'line %g' 3000\n"
        long = await launch(client, services.ssh_port, script, hostname="batch1.example.org")
        await client.until(f"/tasks/{long}/status", lambda found: found["state"] == "stopped")
        await self.drive(
            "noscript",
            long=long,
            console=seeded.console,
            list="/tasks",
            failed=seeded.tasks["script error"],
            host="web1.example.org",
            printed="restarting",
            stepwise=stepwise,
            parent=(await launch_batch(client, 2))[0],
            **await self.to_change(services),
        )


class JourneyTests(BrowserTestCase):
    """Three o'clock at night: something is wrong, and somebody who has never seen the console is to say what."""

    async def test_twelve_journeys(self) -> None:
        """The cause and what to do next are in sight after two clicks at most, without scrolling."""
        services = await self.seeded()
        # One that says nothing is given up after a minute, so this is another than the other tests have
        client = Client(reactor, services.answering.url)
        slow = await launch(client, services.silent_port, "true", hostname="slow1.example.org")
        walked = []
        for name, words in JOURNEYS.items():
            seeded = next(each for each in services.all() if name in each.tasks)
            task = slow if name == "slow host" else seeded.tasks[name]
            walked.append({"name": name, "console": seeded.console, "task": task, "words": words})
        others = [each.console for each in services.all()]
        await self.drive("journeys", console=services.answering.console, others=others, journeys=walked)


class LiveTests(BrowserTestCase):
    """Output while it comes."""

    async def test_nothing_is_lost_or_doubled(self) -> None:
        """In four windows, over cuts of all connections and a restart of the service, each line appears once."""
        if reason := browser.missing() or sshd.missing():
            self.skipTest(reason)
        host = sshd.shared()
        service = ServiceProcess({"ssh_identity_key_file": str(host.key())})
        self.addCleanup(lambda: Deferred.fromCoroutine(service.stop()))
        await service.start()
        client = Client(reactor, service.url)
        begin = service.folder / "begin"
        task = await launch(client, host.port, COUNTING.replace("BEGIN", str(begin)), hostname="127.0.0.1")

        async def restart() -> None:
            await client.until(f"/tasks/{task}/status", lambda found: "line 60 " in str(found), LIMIT)
            await service.kill()
            await service.start()

        watching = self.drive(
            "live",
            console=f"{service.url}/console",
            task=task,
            path="/output",
            begin=str(begin),
            viewers=4,
            cuts=CUTS,
            lines=COUNTED,
        )
        await gatherResults([Deferred.fromCoroutine(each) for each in (watching, restart())], consumeErrors=True)

    async def test_very_many_lines(self) -> None:
        """A page to which very many lines come has each once and in order, and only the last ones as elements."""
        services = await self.seeded()
        begin = Path(self.mktemp()).absolute()
        texts = {900: r"\e[38;2;255;160;122msalmon\e[0m", 2000: "", 3200: "long " * 60}
        script = flood.script(str(begin), FLOODED, pause=0.1, texts=texts)
        client = Client(reactor, services.answering.url)
        task = await launch(client, services.ssh_port, script, hostname="batch1.example.org")
        await self.drive(
            "flood",
            console=services.answering.console,
            task=task,
            begin=str(begin),
            lines=FLOODED,
            last=flood.LAST,
            texts={**texts, 900: "salmon"},
            colours={"salmon": "rgb(255, 160, 122)"},
            point=600,
            queries=["", "?times=1"],
        )

    async def test_pages_follow(self) -> None:
        """A list and a task's page show what happens without being reloaded; who reads can make them stand still."""
        services = await self.seeded()
        client = Client(reactor, services.answering.url)
        quiet = Path(self.mktemp()).absolute()
        script = SLOWLY.replace("QUIET", str(quiet))
        host = "batch1.example.org"
        task = await launch(client, services.ssh_port, script, hostname=host)
        waits = await client.request("POST", "/tasks", {"action_name": "Rig::WaitForUpdate", "action_input": {}})
        plan = {"task": task, "pausing": str(waits.json["task_id"]), "host": host, "quiet": str(quiet)}
        await self.drive("updates", console=services.answering.console, **plan)


class ListTests(BrowserTestCase):
    """The list of all tasks."""

    async def test_jobs_are_unfolded_and_sorted(self) -> None:
        """Jobs are unfolded and folded up with a press, with and without scripts, and stay so; columns sort; a search
        that is being typed is completed."""
        seeded = (await self.seeded()).answering
        client = Client(reactor, seeded.url)
        parent, jobs = await launch_batch(client, 3)
        await self.drive("lists", console=seeded.console, parent=parent, jobs=jobs)
        await client.press(f"/console/bulk?q={quote(f'parent:{parent}')}&what=cancel&expected=3", seeded.url)


class LongOutputTests(BrowserTestCase):
    """Output of more lines than anybody reads."""

    async def test_the_browser_finds_every_line(self) -> None:
        """The browser's own search finds the last line, and a link to a line in the middle leads there."""
        last = "the needle in the haystack"
        console, task = await self.printed(LONG, last)
        result = await self.drive("long", console=console, task=task, lines=LONG, last=last)
        self.assertGreater(result.measured["found"], 0)

    async def test_lines_are_passed_on(self) -> None:
        """A click on a line's number gives an address to it, one with Shift to a range; lines are copied as lines."""
        texts = dict.fromkeys([499, 501], "")
        console, task = await self.printed(1200, "the end", texts)
        await self.drive("lines", console=console, task=task, texts=texts)

    async def test_lines_that_are_no_elements(self) -> None:
        """Far down in a long output, lines stand beside their numbers, are copied as lines, and can be pointed at."""
        texts = dict.fromkeys([9999, 10_001, 10_499, 10_500, 10_502, 11_000], "")
        texts |= {10_004: "wide " * 20, 11_600: "long " * 80}
        lines, last = 12_000, "the end"
        console, task = await self.printed(lines, last, texts)
        await self.drive("light", console=console, task=task, lines=lines, last=last, texts=texts)

    async def test_long_pages_are_accessible(self) -> None:
        """axe finds nothing wrong with lines that are no elements."""
        console, task = await self.printed(10_600, "the end")
        options = ("", "&times=1") if SOAK else ("",)
        pages = {f"long{each}": f"/{task}/output?from=1{each}" for each in options}
        await self.drive("axe", console=console, pages=pages, kept=3, thorough=SOAK)

    async def test_links_outlive_a_restart(self) -> None:
        """A link to lines leads there without scripts, also when the service has been killed since it was made."""
        service, task = await self.service(6000, "the end")
        for _ in range(2):
            await self.drive("link", console=f"{service.url}/console", task=task, **{"from": 10, "to": 20})
            await service.kill()
            await service.start()

    async def printed(self, lines: int, last: str, texts: Mapping[int, str] | None = None) -> tuple[str, str]:
        """
        @return: the address of the console of L{service}, and the task.
        """
        service, task = await self.service(lines, last, texts)
        return f"{service.url}/console", task

    async def service(
        self, lines: int, last: str, texts: Mapping[int, str] | None = None
    ) -> tuple[ServiceProcess, str]:
        """A service with a task that has printed so much.

        @param texts: of some lines, by their numbers.
        """
        if reason := browser.missing():
            self.skipTest(reason)
        service = ServiceProcess({})
        task = await store_long_output(reactor, service.folder / "smartdyn.sqlite", lines, last, time.time(), texts)
        self.addCleanup(lambda: Deferred.fromCoroutine(service.stop()))
        await service.start()
        return service, task


class InjectionTests(BrowserTestCase):
    """Hosts, labels, scripts, output, errors and Foreman's answers come from elsewhere."""

    async def test_texts_stay_text(self) -> None:
        """Five hundred texts that would be markup, scripts, templates or terminal controls are shown as they are."""
        if reason := browser.missing():
            self.skipTest(reason)
        service = ServiceProcess({})
        texts = ["plain", *injection.corpus()]
        tasks = await stored.store_tasks(reactor, service.folder / "smartdyn.sqlite", texts, time.time())
        self.addCleanup(lambda: Deferred.fromCoroutine(service.stop()))
        await service.start()
        harmless, *_ = tasks
        pages = ["/", "/tasks", "/tasks?q=state:failed", "/status", f"/{stored.PARENT}", f"/batches/{stored.PARENT}"]
        result = await self.drive(
            "injection",
            console=f"{service.url}/console",
            tasks=tasks,
            harmless=harmless,
            parent=stored.PARENT,
            pages=pages,
            every=1 if SOAK else 20,
        )
        self.assertGreater(result.checks, len(tasks))
