"""Taking over the settings of the Ruby services."""

from __future__ import annotations

import io
import os
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from smartdyn.cli.main import main
from smartdyn.errors import SettingsError
from smartdyn.settings import Settings, load_settings
from smartdyn.settings.former import Former, Layout, find
from smartdyn.settings.moving import Fate, Move, Plan, plan
from smartdyn.settings.schema import KNOWN_ELSEWHERE
from smartdyn.settings.writing import render, write
from smartdyn.settings.yaml import read

_PROXY = """---
### File managed with puppet ###
:settings_directory: /etc/foreman-proxy/settings.d
:ssl_ca_file: /etc/foreman-proxy/ssl_ca.pem
:ssl_certificate: /etc/foreman-proxy/ssl_cert.pem
:ssl_private_key: /etc/foreman-proxy/ssl_key.pem
:trusted_hosts:
  - foreman.example.com
:foreman_url: https://foreman.example.com
:daemon: true
:bind_host: ['*']
:https_port: 9090
:log_file: /var/log/foreman-proxy/proxy.log
:log_level: INFO
:tls_disabled_versions: ["1.2"]
"""
_SSH = """---
:enabled: https
:mode: :ssh
:ssh_identity_key_file: '~/.ssh/id_rsa_foreman_proxy'
:local_working_dir: '/var/tmp'
:remote_working_dir: '/var/tmp'
:kerberos_auth: false
:ssh_log_level: error
:cleanup_working_dirs: false
"""
_CORE = """---
:database: /var/lib/foreman-proxy/dynflow/dynflow.sqlite
:console_auth: false
:foreman_url: https://foreman.example.com
:listen: 0.0.0.0
:port: 8008
:use_https: true
:ssl_ca_file: ssl/ca.pem
:ssl_certificate: /c.pem
:ssl_private_key: /k.pem
:log_file: SYSLOG
:pid_file: /run/core.pid
"""


class ImportTestCase(SynchronousTestCase):
    """With directories for both sides."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.source, self.target = self.folder / "from", self.folder / "to"
        self.target.mkdir(parents=True)
        self.target.chmod(0o750)

    def write(self, settings: str, **parts: str) -> None:
        """The former settings."""
        (self.source / "settings.d").mkdir(parents=True, exist_ok=True)
        self.source.joinpath("settings.yml").write_text(settings)
        for name, text in parts.items():
            self.source.joinpath("settings.d", f"{name}.yml").write_text(text)

    def plan(self, settings: str, home: Path | None = None, **parts: str) -> Plan:
        """What becomes of these."""
        self.write(settings, **parts)
        return plan(find([self.source]), home)

    def moved(self, settings: str, home: Path | None = None, **parts: str) -> dict[str, tuple[str, object]]:
        """What became of each key, and its value."""
        return {move.key: (move.fate.value, move.value) for move in self.plan(settings, home, **parts).moves}

    def run_command(self, *arguments: str) -> tuple[int, str, str]:
        """Status, output and errors."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            try:
                status = main(["config", "import", "--to", str(self.target), *arguments])
            except SystemExit as ending:
                status = int(ending.code or 0)
        return status, out.getvalue(), err.getvalue()


class PlanTests(ImportTestCase):
    """L{find} and L{plan}."""

    def test_a_smart_proxy(self) -> None:
        """What means the same here is taken, what does not is dropped, each with a reason."""
        found = self.moved(_PROXY, remote_execution_ssh=_SSH, dynflow="---\n:enabled: https\n:database: \n")
        self.assertEqual(found["https_port"], ("taken", 9090))
        self.assertEqual(found["trusted_hosts"], ("taken", ["foreman.example.com"]))
        self.assertEqual(found["mode"], ("taken", "ssh"))
        self.assertEqual(found["cleanup_working_dirs"], ("taken", False))
        self.assertEqual(found["log_file"], ("changed", "JOURNAL"))
        for key in ("daemon", "settings_directory", "enabled", "local_working_dir", "database"):
            self.assertEqual(found[key], ("dropped", None), key)

    def test_a_core(self) -> None:
        """Keeps its place behind the smart proxy, and what was its default there and is not here."""
        found = self.moved(_CORE, smart_proxy_remote_execution_ssh_core=":ssh_log_level: warn\n:async_ssh: true\n")
        self.assertEqual(found["listen"], ("taken", "0.0.0.0"))
        self.assertEqual(found["ssl_ca_file"], ("changed", f"{self.source}/ssl/ca.pem"))
        self.assertEqual(found["execution_plan_cleaner_age"], ("added", 86400))
        self.assertEqual(found["ssh_log_level"], ("changed", "error"))
        self.assertEqual(found["database"], ("dropped", None))
        self.assertEqual(found["async_ssh"], ("dropped", None))
        self.assertEqual(find([self.source]).layout, Layout.CORE)

    def test_where_it_listens(self) -> None:
        """A core keeps its address and port; a smart proxy of old has a port that is no core's."""
        found = self.moved(":listen: '*'\n:port: 8008\n")
        self.assertEqual((found["listen"], found["port"]), (("taken", "*"), ("taken", 8008)))
        found = self.moved(":port: 8443\n:daemon: true\n:trusted_hosts: [f]\n")
        self.assertEqual(found["port"], ("dropped", None))

    def test_defaults_of_the_smart_proxy(self) -> None:
        """It listens on 8443 when nothing is said, which is not the default here."""
        self.assertEqual(self.moved(":ssl_certificate: /c.pem\n")["https_port"], ("added", 8443))

    def test_the_home_directory(self) -> None:
        """C{~} is that of the account that the Ruby service runs as."""
        found = self.moved(_PROXY, Path("/usr/share/foreman-proxy"), remote_execution_ssh=_SSH)
        self.assertEqual(
            found["ssh_identity_key_file"], ("changed", "/usr/share/foreman-proxy/.ssh/id_rsa_foreman_proxy")
        )

    def test_what_is_wrong_there_is_not_taken(self) -> None:
        """Values that cannot be used and keys that nobody knows are left out, and are for somebody to see to."""
        found = self.plan(":https_port: many\n:colour: red\n:ssl_certificate:\n")
        said = {move.key: (move.fate, move.why) for move in found.moves}
        self.assertEqual(said["https_port"][0], Fate.REFUSED)
        self.assertNotIn("https_port", {move.key for move in found.written})
        self.assertIn("must be a whole number, not 'many'", said["https_port"][1])
        self.assertEqual(said["colour"][0], Fate.UNKNOWN)
        self.assertEqual(said["ssl_certificate"], (Fate.DROPPED, "nothing was set"))
        self.assertTrue(any("Set `https_port` anew" in text for text in found.by_hand))
        self.assertTrue(any("See what `colour` was for" in text for text in found.by_hand))

    def test_every_key_without_effect_has_a_reason(self) -> None:
        """Whatever the Ruby services know is taken or explained, never unknown."""
        text = "".join(f":{key}: 1\n" for key in sorted(KNOWN_ELSEWHERE))
        for move in self.plan(text).moves:
            self.assertIsNot(move.fate, Fate.UNKNOWN, move)

    def test_the_last_of_several_counts(self) -> None:
        """Within a file, and among files."""
        self.assertEqual(self.moved(":https_port: 1\n:https_port: 2\n")["https_port"], ("taken", 2))
        found = self.moved(":remote_working_dir: /a\n", remote_execution_ssh=":remote_working_dir: /b\n")
        self.assertEqual(found["remote_working_dir"], ("taken", "/b"))

    def test_other_modules(self) -> None:
        """A smart proxy with other modules has to stay, and keeps its port."""
        found = self.plan(_PROXY, dns=":enabled: https\n", tftp=":enabled: false\n", broken="[")
        self.assertTrue(any("other modules (dns)" in text and "not 9090" in text for text in found.by_hand))
        self.assertFalse(any("disable --now foreman-proxy" in text for text in found.by_hand))

    def test_a_smart_proxy_before_a_core(self) -> None:
        """Its core may be what is to be replaced; we do not relay to it."""
        found = self.plan(_PROXY, dynflow=":core_url: http://localhost:8008\n")
        self.assertEqual([move.fate for move in found.moves if move.key == "core_url"], [Fate.DROPPED])
        self.assertTrue(any("--from /etc/smart_proxy_dynflow_core" in text for text in found.by_hand))

    def test_credentials_are_not_shown(self) -> None:
        """Addresses that carry some are left out, and what is said of them does not have them."""
        self.write(
            ":foreman_url: https://jane:planted@foreman.example.com\n:https_port: 9090\n",
            dynflow=":core_url: http://jane:planted@core.example.com:8008\n",
        )
        status, output, errors = self.run_command("--from", str(self.source))
        self.assertEqual(status, 0)
        self.assertNotIn("planted", output + errors + self.target.joinpath("settings.d/smartdyn.yml").read_text())

    def test_pull_mode(self) -> None:
        """What this version cannot do is said."""
        found = self.plan(_PROXY, remote_execution_ssh=":mode: pull-mqtt\n:mqtt_broker: b\n:mqtt_port: 1883\n")
        self.assertTrue(any("Mode pull-mqtt is not available" in text for text in found.by_hand), found.by_hand)
        said = {move.key: (move.fate, move.why) for move in found.moves}
        for key in ("mqtt_broker", "mqtt_port"):
            self.assertEqual(said[key], (Fate.DROPPED, "there is no pull mode in this version"))

    def test_nothing_to_take_over(self) -> None:
        """Is an error that names what to do."""
        error = self.assertRaises(SettingsError, find, [self.folder / "nowhere"])
        self.assertIn("--from", str(error))


class WriteTests(ImportTestCase):
    """L{write}, and the command."""

    def test_it_means_the_same(self) -> None:
        """What was written is read back by the service."""
        self.write(_PROXY, remote_execution_ssh=_SSH)
        status, output, errors = self.run_command("--from", str(self.source))
        self.assertEqual((status, errors), (0, ""))
        found = load_settings(self.target)
        self.assertEqual((found.https_port, found.trusted_hosts), (9090, ("foreman.example.com",)))
        self.assertEqual((found.tls_disabled_versions, found.log_file), (("1.2",), "JOURNAL"))
        self.assertEqual(found.without_effect, ())
        self.assertIn("taken    https_port = 9090", output)
        self.assertIn("dropped  daemon: systemd looks after the process", output)
        self.assertIn("To be done by hand:\n 1. ", output)

    def test_a_second_time(self) -> None:
        """Nothing is changed; neither is what is there when it says something else, unless it is forced."""
        self.write(_PROXY)
        self.run_command("--from", str(self.source))
        path = self.target / "settings.d/smartdyn.yml"
        before = path.stat()
        self.assertIn("there is nothing to do", self.run_command("--from", str(self.source))[1])
        self.assertEqual(path.stat().st_mtime_ns, before.st_mtime_ns)
        self.write(_PROXY.replace("9090", "8443"))
        status, _, errors = self.run_command("--from", str(self.source))
        self.assertEqual((status, "--force" in errors), (1, True))
        self.assertEqual(load_settings(self.target).https_port, 9090)
        status, output, _ = self.run_command("--from", str(self.source), "--force")
        self.assertEqual(load_settings(self.target).https_port, 8443)
        self.assertIn(f"{path}.1", output)
        self.assertIn("9090", Path(f"{path}.1").read_text())

    def test_a_dry_run(self) -> None:
        """Says everything and writes nothing."""
        self.write(_PROXY)
        status, output, _ = self.run_command("--from", str(self.source), "--dry-run")
        self.assertEqual((status, os.listdir(self.target)), (0, []))
        self.assertIn("Nothing was written.", output)

    def test_files(self) -> None:
        """Can be named one by one, and not beside a directory."""
        self.write(_PROXY, remote_execution_ssh=_SSH)
        names = [str(self.source / "settings.yml"), str(self.source / "settings.d/remote_execution_ssh.yml")]
        self.assertEqual(self.run_command(*names)[0], 0)
        self.assertFalse(load_settings(self.target).cleanup_working_dirs)
        self.assertEqual(self.run_command(*names, "--from", str(self.source))[0], 2)

    def test_who_may_read_it(self) -> None:
        """Nobody but its owner and the group of the directory, whatever the mask is; so it is with the copy."""
        former = os.umask(0)
        self.addCleanup(os.umask, former)
        write(self.target, ":port: 1\n", force=False)
        write(self.target, ":port: 2\n", force=True)
        folder = self.target / "settings.d"
        modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
        self.assertEqual(modes, {"smartdyn.yml": 0o640, "smartdyn.yml.1": 0o640})
        self.assertEqual(folder.stat().st_mode & 0o777, 0o750)
        self.assertEqual(folder.stat().st_gid, self.target.stat().st_gid)

    def test_the_service_may_read_it(self) -> None:
        """It belongs to the group of the settings that the package has installed."""
        if os.geteuid() != 0:
            raise SkipTest("only root can give files to other groups")
        installed = self.target / "settings.yml"
        installed.write_text("")
        os.chown(installed, 0, 4242)
        path, _ = write(self.target, ":port: 1\n", force=False) or (installed, None)
        self.assertEqual((path.name, path.stat().st_gid, path.stat().st_mode & 0o777), ("smartdyn.yml", 4242, 0o640))

    def test_where_it_cannot_be_written(self) -> None:
        """Is an error with the reason."""
        self.target.joinpath("settings.d").write_text("")
        self.assertIn("cannot be written", str(self.assertRaises(SettingsError, write, self.target, "", force=False)))

    @given(
        st.recursive(
            st.text(max_size=12) | st.integers() | st.booleans(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
            max_leaves=6,
        )
    )
    def test_any_value_is_read_back(self, value: object) -> None:
        """As it was, whatever is in it."""
        moves = (Move(Fate.TAKEN, "queue_sizes", value, "x:1"),)
        path = self.folder / "written.yml"
        path.write_text(render(Former(Layout.CORE, (), ()), Plan(moves, ())))
        self.assertEqual(read(path)[0].value, value)

    def test_defaults_stay_defaults(self) -> None:
        """Of an empty core nothing is taken but what has another default there."""
        self.write(":port: 8008\n")
        self.run_command("--from", str(self.source))
        found = load_settings(self.target)
        self.assertEqual(found.execution_plan_cleaner_age, 86400)
        self.assertEqual(found.given, frozenset({"port", "execution_plan_cleaner_age"}))
        self.assertEqual(found.port, Settings().port)
