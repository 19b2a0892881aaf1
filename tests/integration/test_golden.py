"""The recorded exchanges of the reference mean the same here: launches, statuses, scripts over SSH."""

from __future__ import annotations

import re

from tests.support import sshd
from tests.support.replay import ReplayTestCase, mapped, without


class GoldenTests(ReplayTestCase):
    """Replays recordings."""

    async def test_launch_ssh_1_success(self) -> None:
        """Foreman's request runs a script as root, and Foreman gets the output and exit status 0."""
        await self.replay("launch-ssh-1-success")

    async def test_launch_ssh_3(self) -> None:
        """Three jobs of one launch end each in its own way."""
        await self.replay("launch-ssh-3")

    async def test_exit_3(self) -> None:
        """A failed script ends stopped with error."""
        await self.replay("ssh-exit-3")

    async def test_cancel(self) -> None:
        """A cancelled job ends with 255 and is called back."""
        await self.replay("ssh-cancel")

    async def test_timeout(self) -> None:
        """A job that takes too long is stopped, and says so."""
        await self.replay("ssh-timeout")

    async def test_password_auth(self) -> None:
        """The ssh password logs in, and is in no answer."""
        sshd.make_accounts()
        await self.replay("ssh-password-auth")

    async def test_unreachable_port(self) -> None:
        """The text that Foreman's users search for."""
        await self.replay("ssh-unreachable-port")

    async def test_auth_failure(self) -> None:
        """Likewise for an unknown user."""
        await self.replay("ssh-auth-failure")

    async def test_no_callback(self) -> None:
        """Without a callback there is no third action."""
        await self.replay("ssh-no-callback", edit=without_task_id)

    async def test_no_output(self) -> None:
        """A job that prints nothing has an empty list."""
        await self.replay("ssh-no-output")

    async def test_sudo_nopasswd(self) -> None:
        """sudo without a password."""
        await self.replay("ssh-sudo-nopasswd", edit=without_user_ids)

    async def test_sudo_password(self) -> None:
        """sudo with a password; the prompt, which the reference shows, is not in the output."""
        await self.replay("ssh-sudo-password", edit=without_prompts)

    async def test_sudo_wrong_password(self) -> None:
        """The known words come first; what sudo said follows."""
        await self.replay("ssh-sudo-wrong-password", edit=first_debug_line)

    async def test_slow_lines(self) -> None:
        """Lines that come one by one are all there, however they were cut."""
        await self.replay("ssh-slow-lines")

    async def test_minimal_input(self) -> None:
        """The least that a job needs."""
        await self.replay("launch-ssh-minimal")

    async def test_su(self) -> None:
        """su from root needs no password."""
        await self.replay("ssh-su-root")

    async def test_sudo_without_cleanup(self) -> None:
        """The working directory stays."""
        await self.replay("launch-ssh-no-cleanup-sudo")

    async def test_bad_method(self) -> None:
        """A way of changing the user that does not exist."""
        await self.replay("ssh-bad-method", edit=without_runner)

    async def test_stderr(self) -> None:
        """Errors are part of the output; their order is the script's here."""
        await self.replay("ssh-stderr", edit=sorted_lines)

    async def test_invalid_utf8(self) -> None:
        """The reference loses the job; here the bytes are replaced and it succeeds."""
        await self.replay("ssh-invalid-utf8", edit=lambda value: None)

    async def test_big_output(self) -> None:
        """Twenty thousand lines, to the last one."""
        await self.replay("ssh-big-output")

    async def test_tasks(self) -> None:
        """Single launches, unknown ids, statuses, counts and reports, in the order in which they were recorded."""
        await self.replay("launch-single", "unknown-ids", "count", "statuses", "update-done", edit=as_ours)

    async def test_launch_errors(self) -> None:
        """Bad requests are told what is wrong with them."""
        await self.replay("launch-errors")


without_runner = without("runner_id")
without_task_id = without("task_id")
as_ours = without("errors")
without_prompts = mapped(
    lambda found: {
        key: item.replace("rex login: ", "").lstrip("\n") if key == "stdout" else item for key, item in found.items()
    }
)
without_user_ids = mapped(
    lambda found: {key: re.sub(r"\b\d{4}\b", "UID", item) if key == "stdout" else item for key, item in found.items()}
)
first_debug_line = mapped(
    lambda found: {key: item.split("\n")[0] if key == "debug" else item for key, item in found.items()}
)
sorted_lines = mapped(
    lambda found: {key: sorted(item.split("\n")) if key == "stdout" else item for key, item in found.items()}
)
