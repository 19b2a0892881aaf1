"""Secrets of many kinds, and where they are put: what must not be found anywhere afterwards."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from smartdyn.actions.action import Action
from smartdyn.secret import Secret
from smartdyn.testing import done
from tests.support.disk import database_at
from tests.support.engine import Engine
from tests.support.jobs import PrintingJob, run
from tests.support.plants import Plants
from tests.support.sshd import free_port, write_key

HOSTS = tuple(f"web{number}.example.org" for number in range(8))
"""No secrets: these have to be told."""

_PASSWORDS = ("ssh_password", "key_passphrase", "effective_user_password", "sudo_password")


class Talkative(Action):
    """Fails, and quotes what it was given."""

    def run(self) -> None:
        """Fail."""
        raise RuntimeError(f"refused: {self.input['said']}")


def fill(path: Path, plants: Plants) -> dict[str, list[str]]:
    """Make a database with tasks that failed.

    @return: by their ids, in their order, what one sees who may see their scripts and outputs.
    """
    database = database_at(path)
    engine = Engine((PrintingJob, Talkative), database=database)
    tasks = {}
    for host in HOSTS:
        printed, script, value = (plants(kind) for kind in ("output", "script body", "variable of a script"))
        task = run(
            engine,
            host=host,
            printed=f"it is {printed}\n",
            script=f"#!/bin/sh\nexport DB_PASSWORD={value}\nlogin {script}\n",
            status=1,
            secrets={name: Secret(plants(name)) for name in ("ssh_password", "effective_user_password")},
        )
        tasks[task] = [printed, script]
    engine.trigger(Talkative, {"said": plants("text of an error")})
    done(engine.digester.digest())
    done(database.close())
    return tasks


def job(plants: Plants) -> dict[str, Any]:
    """What Foreman sends of a job that cannot be run, as nobody listens on its host."""
    return {
        "hostname": "127.0.0.1",
        "ssh_port": free_port(),
        "ssh_user": "root",
        "effective_user": "admin",
        "script": f"#!/bin/sh\necho {plants('script body')}\n",
        "proxy_url": f"https://bob:{plants('password in a URL')}@proxy.example.org:9090",
        "callback": {"task_id": "t", "step_id": 1, "token": plants("callback token")},
        "secrets": {
            name: plants(name)
            for name in ("ssh_password", "key_passphrase", "effective_user_password", "sudo_password")
        },
    }


def headers(plants: Plants) -> dict[str, str]:
    """With which a request comes."""
    basic = base64.b64encode(f"bob:{plants('Basic credentials')}".encode()).decode()
    plants("Basic credentials, encoded", basic)
    return {
        "Authorization": f"Basic {basic}",
        "Cookie": f"_session_id={plants('cookie', 'c00kie-7e1f93')}",
        "X-Auth-Token": plants("token in a header", "t0ken-55ab01"),
    }


def environment(plants: Plants) -> dict[str, str]:
    """In which the service runs."""
    return {
        "API_TOKEN": plants("environment"),
        "AWS_SECRET_ACCESS_KEY": plants("environment"),
        "https_proxy": f"http://bob:{plants('password of a proxy')}@proxy.example.org:3128",
        "HARMLESS": plants("environment without a hint"),
    }


def unusable_settings(plants: Plants) -> str:
    """Lines of settings that make the service refuse to start."""
    new = plants
    return (
        f":foreman_password: {new('setting')}\n"
        f":proxy: https://bob:{new('password in a setting')}@proxy.example.org\n"
        f":login: {{user: bob, pin: {new('setting without a hint')}}}\n"
        f":log_buffer: {new('setting of a wrong type')}\n"
        f":core_url: https://bob:{new('password in a setting')}@core.example.org\n"
    )


def log_lines(plants: Plants) -> str:
    """What a careless program would write to a log."""
    new = plants
    return (
        f"web0.example.org: logging in with password={new('log')}\n"
        f"GET https://foreman.example.org/api?page=1&access_token={new('query')} for web0.example.org\n"
        f"> Authorization: Bearer {new('log')}\n"
        f'{{"host": "web0.example.org", "key_passphrase": "{new("log")}"}}\n'
        f"sshpass -p {new('command line')} ssh root@web0.example.org\n"
        f"-----BEGIN OPENSSH PRIVATE KEY-----\n{new('private key')}\n-----END OPENSSH PRIVATE KEY-----\n"
    )


def keys(folder: Path, plants: Plants) -> None:
    """Private keys, of which each long line is a secret."""
    key = folder / "id_rsa"
    write_key(key, "rsa")
    for line in key.read_text().splitlines():
        if len(line) > 60:
            plants("line of a private key", line)
