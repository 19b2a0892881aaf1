"""Live output over a real service and a real sshd, whatever happens to the connections."""

from __future__ import annotations

import os
from itertools import cycle

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from smartdyn.aio import sleep
from tests.support import sshd
from tests.support.http import Client
from tests.support.seeds import RUN_SCRIPT
from tests.support.service import ServiceProcess
from tests.support.viewer import Viewer

SOAK = "SMARTDYN_SOAK" in os.environ
VIEWERS = 20
RECONNECTS = 1000 if SOAK else 100
LINES = 6000 if SOAK else 600
SCRIPT = f"""#!/bin/bash
exec {{quiet}}<> <(:)
for ((number = 1; number <= {LINES}; number++)); do echo "line $number"; read -t 0.01 -u $quiet; done
"""


class LiveTests(TestCase):
    """L{smartdyn.web.console.live}."""

    timeout = 300

    async def test_reconnects_and_a_restart(self) -> None:
        """Over a hundred broken connections and a killed service, each viewer sees each line once, in order."""
        if reason := sshd.missing():
            self.skipTest(reason)
        host = sshd.shared()
        service = ServiceProcess({"ssh_identity_key_file": str(host.key())})
        self.addCleanup(lambda: Deferred.fromCoroutine(service.stop()))
        await service.start()
        client = Client(reactor, service.url)
        job = {"hostname": "127.0.0.1", "ssh_port": host.port, "ssh_user": "root", "script": SCRIPT}
        answer = await client.request("POST", "/tasks", {"action_name": RUN_SCRIPT, "action_input": job})
        url = f"{service.url}/console/{answer.json['task_id']}/output"
        viewers = [Viewer(reactor, url) for _ in range(VIEWERS)]

        async def trouble() -> None:
            for number, viewer in zip(range(RECONNECTS), cycle(viewers), strict=False):
                if number == RECONNECTS // 2:
                    await service.kill()
                    await service.start()
                viewer.cut()
                await sleep(reactor, LINES * 0.008 / RECONNECTS)

        watching = [Deferred.fromCoroutine(viewer.watch()) for viewer in viewers]
        await gatherResults([*watching, Deferred.fromCoroutine(trouble())], consumeErrors=True)
        expected = [(number, f"line {number}") for number in range(1, LINES + 1)]
        for viewer in viewers:
            self.assertEqual(viewer.lines, expected)
        self.assertGreater(sum(viewer.connections for viewer in viewers), RECONNECTS)
