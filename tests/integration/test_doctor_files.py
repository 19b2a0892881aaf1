"""Faults of settings, files and the database: C{doctor} names each with its fix, and nothing else."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from smartdyn.doctor.account import Account
from smartdyn.doctor.verdict import Status
from tests.support.clinic import UNIT, ClinicTestCase

_MEGABYTE = 1024 * 1024


def filesystem(**numbers: int) -> Callable[[Path], SimpleNamespace]:
    """What the kernel says of a file system with these numbers."""
    usual = {"f_frsize": 4096, "f_blocks": 10**7, "f_bavail": 10**6, "f_files": 10**6, "f_favail": 10**6, "f_flag": 0}
    return lambda path: SimpleNamespace(**{**usual, **numbers})


class CleanTests(ClinicTestCase):
    """A host on which all is well."""

    def test_nothing_is_found(self) -> None:
        """No check finds anything, and most of them have something to look at."""
        findings = self.clinic.findings()
        self.assertEqual([each for each in findings if each.verdict.status in (Status.ERROR, Status.WARNING)], [])
        self.assertGreater(sum(each.verdict.status is Status.OK for each in findings), 40)

    def test_nothing_is_taken_from_the_service(self) -> None:
        """Looking at a database that nobody has open leaves no file that the service could not use."""
        for end in ("-wal", "-shm"):
            Path(f"{self.clinic.database}{end}").unlink(missing_ok=True)
        self.clinic.findings()
        owner = self.clinic.database.stat().st_uid
        self.assertEqual({path.stat().st_uid for path in self.clinic.state.iterdir()}, {owner})

    def test_every_check_is_one_of_its_kind(self) -> None:
        """Ids are words of their own, and each check says something in one line."""
        findings = self.clinic.findings()
        self.assertEqual(len({each.id for each in findings}), len(findings))
        for each in findings:
            self.assertTrue(each.verdict.text.endswith("."), each)
            self.assertNotIn("\n", each.verdict.text)

    def test_before_the_first_start(self) -> None:
        """A host that has its settings and no database yet is well too, also when systemd has still to make a place."""
        for path in self.clinic.state.iterdir():
            path.unlink()
        self.assertEqual(self.problems(), [])
        self.clinic.set(database="/var/lib/not-there-yet/smartdyn.sqlite", log_file="/var/log/not-there-yet/log")
        self.change(unit={**UNIT, "StateDirectory": "not-there-yet", "LogsDirectory": "not-there-yet"})
        self.assertEqual(self.problems(), [])


class SettingsFaultTests(ClinicTestCase):
    """What is wrong with the settings."""

    def test_a_misspelt_key(self) -> None:
        """Is named with its line and the nearest known one."""
        self.clinic.set(databse="x")
        self.assert_only("settings-known", "did you mean `database`?", "Correct the spelling")

    def test_a_wrong_value(self) -> None:
        """Is named with its line."""
        self.clinic.set(kill_grace="soon")
        self.assert_only("settings-valid", "smartdyn.yml:2: `kill_grace` must be", "smartdyn config check")

    def test_broken_yaml(self) -> None:
        """Is named with line and column."""
        self.clinic.write("etc/settings.d/dynflow.yml", "---\n:console_auth: [\n")
        self.assert_only("settings-valid", "dynflow.yml:3:1: this is not valid YAML", "smartdyn config check")

    def test_unreadable_settings(self) -> None:
        """The service's account must be able to read them; the fix is a command."""
        self.clinic.write("etc/settings.d/dynflow.yml", "---\n").chmod(0)
        self.assert_only("settings-readable", "dynflow.yml", "chmod -R g+rX")

    def test_a_setting_of_the_ruby_service(self) -> None:
        """That has no effect here is worth a word."""
        self.clinic.set(runner_refresh_interval=1)
        self.assert_only("settings-effect", "runner_refresh_interval", "config import", Status.WARNING)

    def test_an_unknown_mode(self) -> None:
        """Keeps Foreman from using the proxy for scripts."""
        self.clinic.set(mode="push")
        self.assert_only("settings-script", "Mode has to be one of", "remote_execution_ssh.yml")

    def test_settings_that_contradict(self) -> None:
        """Are named in pairs: one host could hold up all others."""
        self.clinic.set(ssh_connections_at_once=50)
        self.assert_only("settings-consistent", "one host may hold up all", "several times", Status.WARNING)

    def test_simulation(self) -> None:
        """A forgotten REX_SIMULATE is noticed."""
        self.clinic.environment["REX_SIMULATE"] = "1"
        self.assert_only("simulation", "only pretended", "systemctl edit", Status.WARNING)


class FileFaultTests(ClinicTestCase):
    """What is wrong with files."""

    def test_no_state_directory(self) -> None:
        """The fix is the command that makes it."""
        self.clinic.set(database=f"{self.clinic.folder}/gone/smartdyn.sqlite")
        self.assert_only("state-directory", "There is no directory", "install -d -o")

    def test_a_state_directory_of_somebody_else(self) -> None:
        """Is given to the account of the service."""
        for path in self.clinic.state.iterdir():
            path.unlink()
        self.clinic.state.chmod(0o555)
        self.assert_only("state-directory", "does not belong to", "chown -R")

    def test_a_readable_vault_key(self) -> None:
        """Others must not be able to read what opens the passwords."""
        self.clinic.vault_key.chmod(0o644)
        self.assert_only("vault-key", "Others than the service may read", "chmod 0600")

    def test_a_lost_vault_key(self) -> None:
        """A database without its key is noticed before a job needs it."""
        self.clinic.vault_key.unlink()
        self.assert_only("vault-key", "is not there", "Restore it from the backup")

    def test_a_key_for_everybody(self) -> None:
        """The key of a certificate is for the service and its group."""
        key = self.clinic.folder / "open.key"
        key.write_bytes(self.clinic.certificate_key.read_bytes())
        key.chmod(0o644)
        self.clinic.set(ssl_private_key=key)
        self.assert_only("private-keys", "Everybody on this machine may use", "chmod o=")

    def test_a_database_that_cannot_be_written(self) -> None:
        """As it happens when somebody has used it as root."""
        self.clinic.database.chmod(0o400)
        self.assert_only("database-files", "may not write to", "chown")

    def test_a_log_that_cannot_be_written(self) -> None:
        """Its directory is named."""
        self.clinic.set(log_file=f"{self.clinic.folder}/log/smartdyn.log")
        self.assert_only("log-writable", "There is no directory", "install -d -o")

    def test_an_archive_that_cannot_be_written(self) -> None:
        """Tasks that cannot be archived are not deleted."""
        self.clinic.set(backup_deleted_plans="true", backup_dir="/proc/archive")
        self.assert_only("archive-writable", "tasks are not deleted", "install -d -o")

    def test_a_full_disk(self) -> None:
        """Little room is an error before there is none."""
        self.change(filesystem=filesystem(f_bavail=10 * _MEGABYTE // 4096))
        self.assert_only("disk-free", "10 MB are free", "database_size_limit")

    def test_no_inodes(self) -> None:
        """A disk can be full of files."""
        self.change(filesystem=filesystem(f_favail=3))
        self.assert_only("inodes-free", "Only 3 of 1000000 inodes", "df -i")


class DatabaseFaultTests(ClinicTestCase):
    """What is wrong with the database, and in it."""

    def execute(self, *statements: str) -> None:
        """Change the database."""
        with closing(sqlite3.connect(self.clinic.database, isolation_level=None)) as database:
            for statement in statements:
                database.execute(statement)

    def add_callback(self, state: str, age: float, error: str) -> None:
        """A callback of a task that has ended."""
        at = time.time() - age
        self.execute(
            "INSERT INTO plans (id, state, result, run_flow, finalize_flow, step_ids, created_at, ended_at, history)"
            f" VALUES ('a', 'stopped', 'success', '[]', '[]', '[]', {at}, {at}, '[]')",
            "INSERT INTO callbacks (plan_id, action_id, callback, state, created_at, next_attempt_at, last_error)"
            f" VALUES ('a', 1, '[]', '{state}', {at}, {at}, '{error}')",
        )

    def test_no_database_at_all(self) -> None:
        """A file that is something else."""
        self.clinic.database.write_bytes(b"no database at all" * 100)
        self.assert_only("database-opens", "file is not a database", "Restore a backup")

    def test_the_database_of_dynflow(self) -> None:
        """Settings of the Ruby service name it; it is left alone."""
        for path in self.clinic.state.glob("smartdyn.sqlite*"):
            path.unlink()
        self.clinic.vault_key.write_text("k" * 32)
        self.clinic.vault_key.chmod(0o600)
        self.execute("CREATE TABLE dynflow_execution_plans (uuid TEXT)")
        self.clinic.database.chmod(0o600)
        self.assert_only("database-opens", "is the database of another program", "Set `database`")

    def test_a_damaged_database(self) -> None:
        """A page in the middle was overwritten."""
        self.execute(
            "CREATE TABLE filled AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
            " SELECT i, hex(randomblob(200)) AS t FROM n",
            "CREATE INDEX filled_by_t ON filled (t)",
            "PRAGMA wal_checkpoint(TRUNCATE)",
        )
        with self.clinic.database.open("r+b") as file:
            file.seek(-60 * 4096, os.SEEK_END)
            file.write(bytes(20 * 4096))
        self.assert_only("database-sound", "The database is damaged", "restore a backup")

    def test_a_newer_schema(self) -> None:
        """A database of a later version is not touched."""
        self.execute("PRAGMA user_version = 999")
        self.assert_only("database-schema", "has schema 999, this version knows", "Install the newer version")

    def test_a_large_log(self) -> None:
        """Something keeps the write-ahead log from being emptied."""
        log = Path(f"{self.clinic.database}-wal")
        with log.open("wb") as file:
            file.truncate(600 * _MEGABYTE)
        self.assert_only("database-log", "has 600 MB", "fuser", Status.WARNING)

    def test_a_foreign_journal(self) -> None:
        """Another program has written to the database and was cut off."""
        Path(f"{self.clinic.database}-journal").write_bytes(b"")
        self.assert_only("database-journal", "left behind by another program", "keep a copy")

    def test_a_database_over_its_limit(self) -> None:
        """The limit is passed when nothing may be deleted."""
        self.execute("CREATE TABLE filled AS SELECT zeroblob(3000000) AS t", "PRAGMA wal_checkpoint(TRUNCATE)")
        self.clinic.set(database_size_limit=1)
        self.assert_only("database-size", "twice the `database_size_limit`", "paused", Status.WARNING)

    def test_a_network_file_system(self) -> None:
        """SQLite's locks do not hold there."""
        self.clinic.write(
            "root/proc/self/mounts", f"srv:/export {self.clinic.state} nfs4 rw 0 0\n/dev/sda1 / ext4 rw\n"
        )
        self.assert_only("database-local", "network file system (nfs4)", "local disk")

    def test_callbacks_that_wait(self) -> None:
        """How many, how old, and what came of the last attempt."""
        self.add_callback("pending", 7200, "Connection refused")
        self.assert_only(
            "callbacks", "1 callbacks wait, the oldest for 120 min: Connection refused", "systemctl start smartdyn"
        )

    def test_callbacks_that_are_not_taken(self) -> None:
        """What Foreman said to them."""
        self.add_callback("parked", 60, "413 too large")
        self.assert_only("callbacks", "does not take 1 callbacks: 413 too large", "console", Status.WARNING)

    def test_paused_tasks(self) -> None:
        """They wait for somebody."""
        at = time.time() - 7200
        self.execute(
            "INSERT INTO plans (id, state, result, run_flow, finalize_flow, step_ids, created_at, history)"
            f" VALUES ('a', 'paused', 'error', '[]', '[]', '[]', {at}, '[]')"
        )
        self.assert_only("tasks-stuck", "1 tasks are paused, the oldest is 2.0 h old", "state:paused", Status.WARNING)


class AccountTests(ClinicTestCase):
    """What an account may do."""

    def test_the_way_to_a_file_counts(self) -> None:
        """A file that may be read in a directory that may not be entered cannot be read."""
        stranger = Account("stranger", 77, frozenset({77}), Path("/"))
        path = self.clinic.write("inner/file", "x")
        self.assertTrue(stranger.may("r", path))
        path.parent.chmod(0o700)
        self.assertFalse(stranger.may("r", path))
        self.assertTrue(replace(stranger, uid=0).may("r", path))

    def test_the_way_over_a_link_counts(self) -> None:
        """Where it leads to must be open too."""
        stranger = Account("stranger", 77, frozenset({77}), Path("/"))
        path = self.clinic.write("inner/deep/file", "x")
        link = self.clinic.folder / "link"
        link.symlink_to(path.parent)
        self.assertTrue(stranger.may("r", link / "file"))
        path.parent.parent.chmod(0o700)
        self.assertFalse(stranger.may("r", link / "file"))
