"""What is tried inside the Debian of packaging/check/boot: an admin's life with the package, with the system's tools.

Only Python's own library is there.
"""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
import threading
import time
from contextlib import suppress
from http.server import ThreadingHTTPServer
from pathlib import Path

from freezing import busiest_thread, frozen
from jobs import Foreman, answers, launch, not_ready, request, wait_for
from machine import UNIT, account, claim, drop_in, fact, journal, processor_time, run, security, until
from packages import KINDS, SETTINGS, Package

KEY = "/var/lib/foreman-proxy/ssh/id_rsa_foreman_proxy"
HIGHEST_EXPOSURE = 1.5


class Check:
    """The steps, in order."""

    def __init__(self, package: Package) -> None:
        """
        @param package: of the kind that is tried.
        """
        self.package = package
        Foreman.told = []
        self.foreman = ThreadingHTTPServer(("127.0.0.1", 3000), Foreman)
        threading.Thread(target=self.foreman.serve_forever, daemon=True).start()

    def one_file(self) -> str:
        """The one-file program runs its demonstration and serves, with nothing but the system's Python."""
        for command in (["demo"], ["config", "check", "-c", "/check/etc"]):
            Path("/check/etc").mkdir(exist_ok=True)
            run("env", "-i", "/usr/bin/python3", "/check/smartdyn.pyz", *command)
        Path("/check/etc/settings.yml").write_text(":port: 8010\n:database: smartdyn.sqlite\n")
        with subprocess.Popen(
            ["env", "-i", "/usr/bin/python3", "/check/smartdyn.pyz", "serve", "-c", "/check/etc"],
            stdout=subprocess.DEVNULL,
        ) as serving:
            connection = http.client.HTTPConnection("127.0.0.1", 8010, timeout=10)
            until(lambda: answers(connection), "an answer of the one-file program")
            serving.terminate()
        return "demo and serve"

    def install(self) -> str:
        """Installing starts nothing; commands are there and the settings are nobody else's business."""
        said = self.package.install()
        claim(fact("ActiveState") == "inactive", "it was started")
        run("smartdyn", "--version")
        run("smartdyn", "config", "check")
        status = SETTINGS.stat()
        claim((status.st_mode & 0o777, status.st_gid) == (0o640, account().pw_gid), f"settings.yml: {status}")
        return said

    def unit(self) -> str:
        """C{systemd-analyze} has nothing to say against the units, and finds them closed enough."""
        said = run("systemd-analyze", "verify", "--man=no", UNIT, "smartdyn.socket")
        claim(not said, f"systemd-analyze verify: {said}")
        exposure = float(re.findall(r"exposure level for smartdyn.service: ([\d.]+)", security())[0])
        claim(exposure <= HIGHEST_EXPOSURE, f"exposure {exposure}")
        return f"exposure {exposure}"

    def start(self) -> str:
        """C{systemctl start} makes it active with 5 seconds of work at most; the journal complains of the key alone.

        Work is what is counted, since the machine may have others to serve meanwhile.
        """
        began = time.monotonic()
        run("systemctl", "start", UNIT)
        took = time.monotonic() - began
        worked = processor_time(int(fact("MainPID")))
        claim(fact("ActiveState") == "active" and worked < 5, f"{fact('ActiveState')} after {worked:.1f} s of work")
        claim("is ready on" in journal() and "Unable to write" not in journal(), "the journal tells otherwise")
        complaints = [line for line in journal("--priority=warning").splitlines() if "SSH private key" not in line]
        claim(not [line for line in complaints if "generate one with" not in line], "\n".join(complaints))
        until(lambda: "0 jobs" in fact("StatusText"), "a status")
        return f"{took:.1f} s, status: {fact('StatusText')}"

    def job(self) -> str:
        """With a key, a script runs on a host over the API."""
        run("runuser", "-u", "foreman-proxy", "--", "ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", KEY)
        Path("/root/.ssh").mkdir(mode=0o700, exist_ok=True)
        Path("/root/.ssh/authorized_keys").write_text(Path(f"{KEY}.pub").read_text())
        SETTINGS.write_text(
            SETTINGS.read_text() + ":foreman_url: http://127.0.0.1:3000\n:execution_plan_cleaner_age: 0\n"
        )
        run("systemctl", "reload", UNIT)
        until(lambda: "changed: foreman_url" in journal(), "the reload")
        began = time.monotonic()
        (task,) = launch("id --user; cat /etc/hostname")
        wait_for([task])
        return f"{time.monotonic() - began:.2f} s from the request to its end"

    def command_line(self) -> str:
        """The command talks to the service in its sandbox over the unix socket, for root and the account alone."""
        listed = run("smartdyn", "tasks", "list")
        claim("success" in listed, listed)
        run("runuser", "-u", "foreman-proxy", "--", "smartdyn", "tasks", "list")
        refused = run("runuser", "-u", "nobody", "--", "smartdyn", "tasks", "list", check=False)
        claim("success" not in refused, refused)
        run("smartdyn", "db", "check")
        return "root and foreman-proxy may, nobody may not"

    def agent(self) -> str:
        """A key that only an agent has works as well, in the sandbox."""
        folder = Path("/run/agent")
        folder.mkdir()
        os.chown(folder, account().pw_uid, account().pw_gid)
        run("systemd-run", "--unit=agent", "--uid=foreman-proxy", "ssh-agent", "-D", "-a", "/run/agent/socket")
        until((folder / "socket").exists, "the agent")
        as_user = ("runuser", "-u", "foreman-proxy", "--", "env", "SSH_AUTH_SOCK=/run/agent/socket")
        run(*as_user, "ssh-add", "-q", KEY)
        run(*as_user, "ssh-keygen", "-q", "-p", "-P", "", "-N", "a passphrase", "-f", KEY)
        with drop_in("Environment=SSH_AUTH_SOCK=/run/agent/socket"):
            wait_for(launch("true"))
        run(*as_user, "ssh-keygen", "-q", "-p", "-P", "a passphrase", "-N", "", "-f", KEY)
        return "a key with a passphrase"

    def reload(self) -> str:
        """Of 1,000 requests while it is reloaded again and again, none fails."""
        failures: list[str] = []
        left = threading.Semaphore(1000)
        over = threading.Event()

        def ask(kept: bool) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", 8008, timeout=60) if kept else None
            while left.acquire(blocking=False):
                try:
                    request("GET", "/tasks/count", connection=connection)
                except Exception as error:
                    failures.append(repr(error))
            over.set()

        asking = [threading.Thread(target=ask, args=(number % 2 == 0,)) for number in range(8)]
        for each in asking:
            each.start()
        reloads = 0
        while not over.is_set():
            run("systemctl", "reload", UNIT)
            reloads += 1
        for each in asking:
            each.join()
        claim(not failures, f"{len(failures)} failed: {failures[:3]}")
        return f"{reloads} reloads"

    def restart(self) -> str:
        """Of 20 jobs in the middle of which it is restarted, none is lost, run twice or not reported."""
        script = "echo begun >> /root/effects; sleep 4; echo done"
        tasks = launch(*[script] * 20)
        effects = Path("/root/effects")
        until(lambda: effects.exists() and effects.read_text().count("begun") >= 10, "the beginning of ten jobs")
        began = time.monotonic()
        run("systemctl", "stop", UNIT)
        stopped = time.monotonic() - began
        run("systemctl", "start", UNIT)
        took = time.monotonic() - began
        wait_for(tasks)
        claim(effects.read_text().count("begun") == len(tasks), "a job has run twice or not at all")
        return f"stopped in {stopped:.1f} s, back after {took:.1f} s"

    def watchdog(self) -> str:
        """A process that is stopped is noticed, and replaced, and its stacks are in the journal."""
        run("kill", "-STOP", fact("MainPID"))
        took = until(lambda: fact("NRestarts") == "1" and fact("ActiveState") == "active", "a restart")
        for text in ("Watchdog timeout", "Fatal Python error: Aborted"):
            claim(text in journal(), f"the journal has no {text!r}")
        wait_for(launch("true"))
        return f"back after {took:.0f} s"

    def stuck_writer(self) -> str:
        """A commit that never ends is named by C{/health/ready} and the journal, and systemd replaces the service."""
        with drop_in("WatchdogSec=10"):
            begun: list[str] = []
            writer = busiest_thread(int(fact("MainPID")), lambda: begun.extend(launch_one_by_one(50)))
            wait_for(begun)
            with frozen(writer):
                threading.Thread(target=launch_in_vain, daemon=True).start()
                until(lambda: "commit has been under way" in not_ready(), "a reason why it is not ready")
                until(lambda: fact("NRestarts") == "1" and fact("ActiveState") == "active", "a restart")
            claim("A commit to the database has been under way" in journal(), "the journal does not say why")
            wait_for(launch("true"))
        return "named, and replaced"

    def sockets(self) -> str:
        """With its socket held by systemd, nobody is refused while it is restarted."""
        run("systemctl", "stop", UNIT)
        run("systemctl", "start", "smartdyn.socket")
        over = threading.Event()
        failures: list[str] = []
        answered = 0

        def ask() -> None:
            nonlocal answered
            while not over.is_set():
                connection = http.client.HTTPConnection("127.0.0.1", 8008, timeout=60)
                try:
                    connection.connect()
                except OSError as error:
                    failures.append(repr(error))
                    continue
                # A request that was sent may be cut short by the end; one that was not even taken may not be
                try:
                    request("GET", "/tasks/count", connection=connection)
                    answered += 1
                except (OSError, http.client.HTTPException, RuntimeError):
                    pass
                connection.close()

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            until(lambda: answered, "the first answer")
            for _ in range(3):
                # Or systemd has had enough: it allows five starts in ten seconds
                run("systemctl", "reset-failed", UNIT)
                run("systemctl", "restart", UNIT)
        finally:
            over.set()
            asking.join()
        run("systemctl", "stop", "smartdyn.socket", UNIT)
        run("systemctl", "start", UNIT)
        claim(not failures, f"{len(failures)} refused: {failures[:3]}")
        return f"3 restarts, {answered} answers"

    def upgrade(self) -> str:
        """Installing a version over another keeps settings and tasks, and goes on with what runs."""
        tasks, settings = request("GET", "/tasks/count")["count"], SETTINGS.read_text()
        running = launch("sleep 5")
        pid = fact("MainPID")
        self.package.upgrade()
        claim(fact("ActiveState") == "active" and fact("MainPID") != pid, "it was not restarted")
        wait_for(running)
        claim(request("GET", "/tasks/count")["count"] > tasks, "tasks are lost")
        claim(SETTINGS.read_text() == settings, "settings are lost")
        return f"{tasks} tasks kept"

    def remove(self) -> str:
        """What must stay when it is removed does, nothing else, and it does not run any more."""
        said = self.package.remove()
        claim(fact("ActiveState") == "inactive", f"it is {fact('ActiveState')}")
        return said


def launch_one_by_one(count: int) -> list[str]:
    """Have the database written to again and again."""
    return [task for _ in range(count) for task in launch("true")]


def launch_in_vain() -> None:
    """Launch what cannot be stored."""
    with suppress(OSError, http.client.HTTPException, RuntimeError):
        launch("true")


def main() -> int:
    """Take all steps, and say how each went; the first that fails ends it."""
    check = Check(KINDS[sys.argv[1]]())
    common = [check.install, check.unit, check.start, check.job, check.command_line, check.reload, check.restart]
    ending = [check.sockets, check.upgrade, check.remove]
    # What does not depend on how it was installed is tried once
    deb = [check.one_file, *common, check.agent, check.watchdog, check.stuck_writer, *ending]
    steps = {"deb": deb, "rpm": [*common, *ending]}[sys.argv[1]]
    for step in steps:
        began = time.monotonic()
        try:
            said = step()
        except Exception as error:
            print(f"FAIL  {step.__name__}: {error}")
            print(journal("--lines=60"))
            return 1
        print(f"ok    {step.__name__}: {said} ({time.monotonic() - began:.1f} s)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
