"""Reading settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.errors import SettingsError
from smartdyn.settings import Settings, load_settings
from smartdyn.settings.schema import TYPES
from smartdyn.settings.show import render

ETC = Path(__file__).parents[3] / "etc"


class SettingsTests(SynchronousTestCase):
    """L{load_settings}."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        (self.folder / "settings.d").mkdir(parents=True)

    def load(self, text: str = "", **more: str) -> Settings:
        """The settings of these files."""
        self.folder.joinpath("settings.yml").write_text(text)
        for name, content in more.items():
            self.folder.joinpath("settings.d", f"{name}.yml").write_text(content)
        return load_settings(self.folder)

    def problems(self, text: str, **more: str) -> list[str]:
        """What is wrong, without the folder's name."""
        error = self.assertRaises(SettingsError, self.load, text, **more)
        return [problem.replace(f"{self.folder}/", "") for problem in error.problems]

    def test_both_spellings(self) -> None:
        """Ruby's symbols and plain keys mean the same; so do symbols as values."""
        found = self.load("---\n:port: 9000\nlisten: 127.0.0.2\n:mode: :ssh\n:foreman_ssl_ca: ~\n")
        self.assertEqual((found.port, found.listen, found.mode, found.foreman_ssl_ca), (9000, "127.0.0.2", "ssh", None))

    def test_numbers_may_be_written_as_text(self) -> None:
        """As the installer sometimes does."""
        self.assertEqual(self.load(':port: "9000"\n:kill_grace: 5\n').kill_grace, 5.0)

    def test_a_key_that_stands_twice(self) -> None:
        """The last one counts, as in Ruby; that the first does not is told."""
        found = self.load(":port: 1\nlisten: 127.0.0.2\nport: 2\n")
        self.assertEqual(found.port, 2)
        self.assertEqual(len(found.without_effect), 1)
        self.assertIn("port (", found.without_effect[0])
        self.assertTrue(found.without_effect[0].endswith("settings.yml:3 counts)"))

    def test_settings_that_are_shared(self) -> None:
        """Anchors and merged keys, which are there to be replaced."""
        found = self.load("<<: {port: 1, listen: 127.0.0.2}\nport: 2\n")
        self.assertEqual((found.port, found.listen, found.without_effect), (2, "127.0.0.2", ()))

    def test_addresses_are_no_symbols(self) -> None:
        """C{::1} is a symbol to Ruby, and an address to everybody else."""
        self.assertEqual(self.load("listen: ::1\nmode: :ssh\n").listen, "::1")

    def test_text_may_be_written_as_numbers(self) -> None:
        """The version of TLS is one, for Ruby too."""
        self.assertEqual(self.load("tls_disabled_versions: [1.2]\n").tls_disabled_versions, ("1.2",))

    def test_files_of_settings_d(self) -> None:
        """Later files win; files of other plugins are theirs; keys of the Ruby services are known."""
        found = self.load(
            ":remote_working_dir: /a\n:daemonize: true\n",
            remote_execution_ssh=":enabled: https\n:remote_working_dir: /b\n:local_working_dir: /var/tmp\n",
            dynflow=":enabled: true\n:console_auth: false\n",
            ansible=":whatever: 1\n",
        )
        self.assertEqual(found.remote_working_dir, "/b")
        self.assertEqual([text.split(" ")[0] for text in found.without_effect], ["daemonize", "local_working_dir"])

    def test_everything_that_is_wrong_is_said_at_once(self) -> None:
        """With file and line, and the nearest name for a misspelt one."""
        found = self.problems(
            "---\n:prot: 1\n:port: many\n:log_level: LOUD\n:trusted_hosts: foreman\n",
            dynflow=":cleanup_working_dirs: maybe\n",
        )
        self.assertEqual(
            found,
            [
                "settings.yml:2: there is no setting `prot`; did you mean `port`?",
                "settings.yml:3: `port` must be a whole number, not 'many'",
                "settings.yml:4: `log_level` has to be one of DEBUG, INFO, WARN, ERROR, FATAL, UNKNOWN, given LOUD",
                "settings.yml:5: `trusted_hosts` must be a list of host names, not 'foreman'",
                "settings.d/dynflow.yml:1: `cleanup_working_dirs` must be true or false, not 'maybe'",
            ],
        )

    def test_what_is_no_settings_file(self) -> None:
        """Broken YAML, a list, an object of Ruby's, a directory that is not there."""
        self.assertIn("settings.yml:1:7: the tag !ruby/object:Foo", self.problems("port: !ruby/object:Foo {}\n")[0])
        self.assertIn("settings.yml:2:1: this is not valid YAML", self.problems(":port: [1\n")[0])
        self.assertIn("`key: value`", self.problems("- a\n")[0])
        error = self.assertRaises(SettingsError, load_settings, self.folder / "nowhere")
        self.assertIn("--config-dir", str(error))

    @settings(max_examples=60, deadline=None)
    @given(st.text(max_size=60))
    def test_any_text_is_read_or_refused(self, text: str) -> None:
        """Nothing but L{SettingsError} comes out of a broken file."""
        try:
            self.load(text.replace("\r", ""))
        except SettingsError:
            return

    def test_levels_of_parts(self) -> None:
        """They may be written small; one that does not exist is named."""
        self.assertEqual(self.load(":log_levels: {ssh: debug, web.site: WARN}\n").log_levels["ssh"], "DEBUG")
        (found,) = self.problems(":log_levels: {ssh: loud}\n")
        self.assertIn("given LOUD", found)

    def test_credentials_in_addresses(self) -> None:
        """They are refused, and not shown: everything that is said of Foreman would show them."""
        for key in ("foreman_url", "core_url"):
            (found,) = self.problems(f":{key}: https://jane:planted@foreman.example.org/\n")
            self.assertNotIn("planted", found)
            self.assertIn("must not have a user or a password", found)

    def test_paths(self) -> None:
        """Relative paths begin at the configuration directory."""
        found = self.load(":database: data/x.sqlite\n")
        self.assertEqual(found.path(found.database), self.folder / "data/x.sqlite")
        self.assertEqual(found.path("/abs"), Path("/abs"))

    def test_the_examples_show_the_defaults(self) -> None:
        """Each commented line of the shipped files is the default of a setting that exists."""
        shown = {}
        for path in (ETC / "settings.yml", *(ETC / "settings.d").glob("*.yml")):
            for line in path.read_text().splitlines():
                if line.startswith("#:"):
                    key, _, value = line[2:].partition(": ")
                    shown[key] = yaml.safe_load(value)
        defaults = Settings()
        self.assertEqual(replace(load_settings(ETC), folder=Path()), defaults)
        for key, value in shown.items():
            self.assertIn(key, TYPES)
            default = getattr(defaults, key)
            if isinstance(default, tuple):
                self.assertEqual(tuple(value if isinstance(value, list) else [value]), default, key)
            elif default is not None:
                self.assertEqual(value, default, key)

    def test_what_is_in_force_can_be_shown(self) -> None:
        """Each setting on a line, defaults marked."""
        self.load(":port: 9000\n")
        lines = render(self.folder).splitlines()
        self.assertIn("port: 9000", lines)
        self.assertIn("listen: 127.0.0.1  # default", lines)

    def test_where_it_comes_from_can_be_shown(self) -> None:
        """The file and line of each setting, and all of it is YAML that means the same."""
        self.load(":port: 9000\n", dynflow=":listen: ::1\n:queue_sizes: {default: 3}\n")
        text = render(self.folder, origin=True)
        self.assertIn(f"port: 9000  # {self.folder}/settings.yml:1", text)
        self.assertIn(f'listen: "::1"  # {self.folder}/settings.d/dynflow.yml:1', text)
        self.assertIn("log_level: INFO  # default", text)
        again = self.folder / "again"
        again.mkdir()
        again.joinpath("settings.yml").write_text(text)
        self.assertEqual(render(again), render(self.folder))
