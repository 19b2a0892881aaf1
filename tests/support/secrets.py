"""Secrets of many kinds, and where they are put: what must not be found anywhere afterwards."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from smartdyn.actions.action import Action
from smartdyn.secret import Secret
from smartdyn.testing import done
from tests.support.disk import database_at
from tests.support.engine import Engine
from tests.support.jobs import PrintingJob, run
from tests.support.sshd import free_port, write_key

HOSTS = tuple(f"web{number}.example.org" for number in range(8))
"""No secrets: these have to be told."""

_PASSWORDS = ("ssh_password", "key_passphrase", "effective_user_password", "sudo_password")


class Talkative(Action):
    """Fails, and quotes what it was given."""

    def run(self) -> None:
        """Fail."""
        raise RuntimeError(f"refused: {self.input['said']}")


@dataclass(slots=True)
class Planted:
    """All secrets by what they are; each is another.

    @ivar asked_for: those that whoever asks for a task's output wants to see.
    """

    secrets: dict[str, str] = field(default_factory=dict)
    asked_for: dict[str, list[str]] = field(default_factory=dict)

    def new(self, kind: str) -> str:
        """Another secret."""
        secret = f"pl4nted{len(self.secrets):02}Zx"
        self.secrets[secret] = kind
        return secret

    def found_in(self, text: str) -> dict[str, str]:
        """Those that stand there, also in another form, by what they are."""
        forms = {
            secret: (
                secret,
                base64.b64encode(secret.encode()).decode().rstrip("=")[:-1],
                quote(secret),
                secret.encode().hex(),
            )
            for secret in self.secrets
        }
        return {secret: self.secrets[secret] for secret, each in forms.items() if any(form in text for form in each)}


def _forms(secret: str) -> tuple[str, ...]:
    encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
    return secret, encoded[:-1], quote(secret), secret.encode().hex()


def fill(path: Path, planted: Planted) -> list[str]:
    """Make a database with tasks that failed.

    @return: their ids.
    """
    database = database_at(path)
    engine = Engine((PrintingJob, Talkative), database=database)
    tasks = []
    for host in HOSTS:
        printed, script, value = (planted.new(kind) for kind in ("output", "script body", "variable of a script"))
        task = run(
            engine,
            host=host,
            printed=f"it is {printed}\n",
            script=f"#!/bin/sh\nexport DB_PASSWORD={value}\nlogin {script}\n",
            status=1,
            secrets={name: Secret(planted.new(name)) for name in ("ssh_password", "effective_user_password")},
        )
        planted.asked_for[task] = [printed, script]
        tasks.append(task)
    engine.trigger(Talkative, {"said": planted.new("text of an error")})
    done(engine.digester.digest())
    done(database.close())
    return tasks


def job(planted: Planted) -> dict[str, Any]:
    """What Foreman sends of a job that cannot be run, as nobody listens on its host."""
    return {
        "hostname": "127.0.0.1",
        "ssh_port": free_port(),
        "ssh_user": "root",
        "effective_user": "admin",
        "script": f"#!/bin/sh\necho {planted.new('script body')}\n",
        "proxy_url": f"https://bob:{planted.new('password in a URL')}@proxy.example.org:9090",
        "callback": {"task_id": "t", "step_id": 1, "token": planted.new("callback token")},
        "secrets": {
            name: planted.new(name)
            for name in ("ssh_password", "key_passphrase", "effective_user_password", "sudo_password")
        },
    }


def headers(planted: Planted) -> dict[str, str]:
    """With which a request comes."""
    basic = base64.b64encode(f"bob:{planted.new('Basic credentials')}".encode()).decode()
    planted.secrets[basic] = "Basic credentials, encoded"
    return {
        "Authorization": f"Basic {basic}",
        "Cookie": f"_session_id={planted.new('cookie')}",
        "X-Auth-Token": planted.new("token in a header"),
    }


def environment(planted: Planted) -> dict[str, str]:
    """In which the service runs."""
    return {
        "API_TOKEN": planted.new("environment"),
        "AWS_SECRET_ACCESS_KEY": planted.new("environment"),
        "https_proxy": f"http://bob:{planted.new('password of a proxy')}@proxy.example.org:3128",
        "HARMLESS": planted.new("environment without a hint"),
    }


def unusable_settings(planted: Planted) -> str:
    """Lines of settings that make the service refuse to start."""
    new = planted.new
    return (
        f":foreman_password: {new('setting')}\n"
        f":proxy: https://bob:{new('password in a setting')}@proxy.example.org\n"
        f":login: {{user: bob, pin: {new('setting without a hint')}}}\n"
        f":log_buffer: {new('setting of a wrong type')}\n"
        f":core_url: https://bob:{new('password in a setting')}@core.example.org\n"
    )


def log_lines(planted: Planted) -> str:
    """What a careless program would write to a log."""
    new = planted.new
    return (
        f"web0.example.org: logging in with password={new('log')}\n"
        f"GET https://foreman.example.org/api?page=1&access_token={new('query')} for web0.example.org\n"
        f"> Authorization: Bearer {new('log')}\n"
        f'{{"host": "web0.example.org", "key_passphrase": "{new("log")}"}}\n'
        f"sshpass -p {new('command line')} ssh root@web0.example.org\n"
        f"-----BEGIN OPENSSH PRIVATE KEY-----\n{new('private key')}\n-----END OPENSSH PRIVATE KEY-----\n"
    )


def keys(folder: Path, planted: Planted) -> None:
    """Private keys, of which each long line is a secret."""
    key = folder / "id_rsa"
    write_key(key, "rsa")
    for line in key.read_text().splitlines():
        if len(line) > 60:
            planted.secrets[line] = "line of a private key"
