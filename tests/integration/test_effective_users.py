"""Changing the user with sudo, dzdo and su, with and without password."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from tests.integration.test_script_runner import ScriptTestCase
from tests.support import environments, sshd
from tests.support.context import MemoryContext
from tests.support.sshd import password_of

_REFUSED = "Error initializing command: RuntimeError - Failed to change to effective user, exit code: 1"


class EffectiveUserTests(ScriptTestCase):
    """A real sudo, a real su, and a dzdo that is played."""

    def setUp(self) -> None:
        super().setUp()
        environments.make_special_accounts()

    async def run_as(self, ssh_user: str, user: str, password: str = "", method: str = "sudo", **input: Any) -> Any:
        """Run a script that tells who runs it."""
        secrets = {"effective_user_password": password} if password else {}
        input = {"script": "id -un", "effective_user_method": method, "secrets": secrets, **input}
        return await self.run_script(input.pop("script"), ssh_user=ssh_user, effective_user=user, **input)

    def assertRan(self, context: MemoryContext, output: str) -> None:
        """The script ran, and nothing but its output is to be seen."""
        self.assertEqual((context.text(), context.text("debug"), context.status), (output, "", 0))

    def assertRefused(self, context: MemoryContext) -> None:
        """Nothing was run or left behind, and the words are the known ones."""
        self.assertEqual((context.status, context.text(), self.left_behind()), ("EXCEPTION", "", []))
        self.assertIn(_REFUSED, context.text("debug"))

    async def test_sudo_that_needs_a_password_and_gets_none(self) -> None:
        """sudo's own words are shown, at once."""
        context = await self.run_as("rexpw", "root")
        self.assertRefused(context)
        self.assertIn("a password is required", context.text("debug"))

    async def test_a_password_that_is_not_needed(self) -> None:
        """It is not typed anywhere."""
        self.assertRan(await self.run_as("rexssh", "root", "not-needed"), "root\n")

    async def test_sudo_to_another_user(self) -> None:
        """Neither the user who logs in nor the effective one is root: access is granted by ACL."""
        self.assertRan(await self.run_as("rexssh", "rexeff"), "rexeff\n")

    async def test_an_effective_user_who_removes_the_directory(self) -> None:
        """The script runs once, its output and its exit status arrive, with a password and without."""
        script = '#!/bin/sh\nrm -rf "${0%/*}"\nid -un\nexit 5\n'
        for ssh_user, password in (("rexssh", ""), ("rexpw", password_of("rexpw"))):
            context = await self.run_as(ssh_user, "root", password, script=script)
            self.assertEqual((context.text(), context.status, self.left_behind()), ("root\n", 5, []))

    async def test_sudo_that_wants_a_terminal(self) -> None:
        """Defaults requiretty, without a password: it gets one."""
        self.assertRan(await self.run_as("rexreq", "root"), "root\n")
        self.assertRan(await self.run_as("rexreq", "rexeff"), "rexeff\n")

    async def test_sudo_that_lectures(self) -> None:
        """The lecture is no output, and use_pty and requiretty make no difference."""
        self.assertRan(await self.run_as("rexlect", "root", password_of("rexlect")), "root\n")

    async def test_sudo_that_lectures_and_a_wrong_password(self) -> None:
        """It is typed once, and not shown."""
        context = await self.run_as("rexlect", "root", "wrong-planted")
        self.assertRefused(context)
        self.assertNotIn("planted", context.text("debug"))

    async def test_a_terminal_is_no_password(self) -> None:
        """Where sudo wants both and there is none, that is said."""
        context = await self.run_as("rexlect", "root")
        self.assertRefused(context)
        self.assertIn("password is required", context.text("debug"))

    async def test_an_sshd_that_gives_no_terminal(self) -> None:
        """A password cannot be typed there; that is said, and not that the host cannot be reached."""
        self.server = sshd.shared("PermitTTY no")
        self.settings = replace(self.settings, identity_key=self.server.key())
        context = await self.run_as("rexpw", "root", password_of("rexpw"))
        self.assertRefused(context)
        self.assertIn("PermitTTY", context.text("debug"))
        self.assertRan(await self.run_as("rexssh", "root"), "root\n")

    async def test_su_as_root(self) -> None:
        """Root needs no password, and no ACL."""
        self.assertRan(await self.run_as("root", "rexeff", method="su"), "rexeff\n")

    async def test_su_without_password(self) -> None:
        """A plain user needs one: that is the end of it, not a wait."""
        self.assertRefused(await self.run_as("rexssh", "rexeff", method="su"))

    async def test_su_with_a_wrong_password(self) -> None:
        """It is tried once, and not shown."""
        context = await self.run_as("rexssh", "rexeff", "wrong-planted", "su")
        self.assertRefused(context)
        self.assertNotIn("planted", context.text("debug"))

    async def test_dzdo_and_su_in_another_language(self) -> None:
        """dzdo asks as it likes; su is asked to speak English, and only su."""
        self.server = environments.with_stubs()
        self.settings = replace(self.settings, identity_key=self.server.key())
        self.assertRan(await self.run_as("rexssh", "rexeff", "sekret-dzdo", "dzdo"), "rexeff\n")
        self.assertRefused(await self.run_as("rexssh", "rexeff", "wrong", "dzdo"))
        context = await self.run_as("rexssh", "rexeff", password_of("rexeff"), "su", script="echo ${LC_ALL-unset}")
        self.assertRan(context, "unset\n")

    async def test_root_needs_no_acl(self) -> None:
        """A host without setfacl: root gives the files away."""
        self.server = environments.with_little()
        self.settings = replace(self.settings, identity_key=self.server.key())
        self.assertRan(await self.run_as("root", "rexeff"), "rexeff\n")

    async def test_an_effective_user_does_not_become_the_ssh_user(self) -> None:
        """What runs as the ssh user later, and what that believes, is out of the effective user's hands."""
        script = (
            '#!/bin/sh\ncd "${0%/*}"\nfor f in . script-wrapper meta; do [ ! -O $f ] && [ ! -w $f ] && echo $f; done'
        )
        for ssh_user in ("root", "rexssh"):
            self.assertRan(await self.run_as(ssh_user, "rexeff", script=script), ".\nscript-wrapper\nmeta\n")

    async def test_an_unknown_user(self) -> None:
        """It is named."""
        context = await self.run_as("rexssh", "nobody-of-this-name")
        self.assertRefused(context)
        self.assertIn("nobody-of-this-name", context.text("debug"))

    async def test_a_user_that_is_no_name(self) -> None:
        """Metacharacters, options and numbers with signs do not get to the host."""
        for user in ("root; id", "$(id)", "-u", "a b", "x:y", "a\nb", "`id`", "+0"):
            context = await self.run_as("rexssh", user)
            self.assertEqual(context.status, "EXCEPTION")
            self.assertIn("is not the name of a user", context.text("debug"))
        self.assertEqual(self.left_behind(), [])

    async def test_a_script_cannot_ask_for_the_password(self) -> None:
        """What it prints is no prompt, its terminal is none, and what it reads is empty."""
        script = "#!/bin/sh\nprintf 'Password: '\nread -r x || echo nothing\n( : </dev/tty ) 2>/dev/null || echo none\n"
        for method, user, password in (("sudo", "root", password_of("rexpw")), ("su", "rexeff", password_of("rexeff"))):
            context = await self.run_as("rexpw", user, password, method, script=script)
            self.assertEqual((context.text(), context.status), ("Password: nothing\nnone\n", 0))

    async def test_a_password_in_the_output_is_masked(self) -> None:
        """Also when it is printed in two parts; the rest is shown as it is."""
        password = password_of("rexpw")
        script = f"#!/bin/sh\necho a {password} b\nprintf '{password[:6]}'; sleep 0.3; echo '{password[6:]}c sekret'"
        context = await self.run_as("rexpw", "root", password, script=script)
        self.assertEqual((context.text(), context.status), ("a ***** b\n*****c sekret\n", 0))

    async def test_a_password_is_masked_across_a_broken_connection(self) -> None:
        """Half of it was read before the connection broke, half after."""
        password = password_of("rexpw")
        go = f"{self.base}/go"
        script = (
            f"#!/bin/sh\nprintf 'a {password[:6]}'\nuntil [ -e {go} ]; do sleep 0.1; done\necho '{password[6:]} b'\n"
        )
        runner = self.runner(script, ssh_user="rexssh", secrets={"effective_user_password": password})
        context = MemoryContext()
        running = Deferred.fromCoroutine(runner.run(context, resumed=False))
        await context.first_output
        self.server.kill_sessions()
        Path(go).touch()
        await running
        self.assertEqual((context.text(), context.status), ("a ***** b\n", 0))
