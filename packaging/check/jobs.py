"""The service as Foreman sees it, and Foreman as the service sees it."""

from __future__ import annotations

import http.client
import json
import uuid
from http.server import BaseHTTPRequestHandler
from typing import Any

from machine import claim, until


def request(method: str, path: str, body: Any = None, connection: http.client.HTTPConnection | None = None) -> Any:
    """The answer of the service, as JSON.

    @raise RuntimeError: it is no success.
    """
    used = connection or http.client.HTTPConnection("127.0.0.1", 8008, timeout=60)
    try:
        used.request(method, path, None if body is None else json.dumps(body))
        answer = used.getresponse()
        content = answer.read()
        claim(answer.status == 200, f"{method} {path}: {answer.status} {content[:300]!r}")
        return json.loads(content)
    finally:
        if connection is None:
            used.close()


class Foreman(BaseHTTPRequestHandler):
    """Takes callbacks."""

    protocol_version = "HTTP/1.1"
    told: list[str]

    def do_POST(self) -> None:
        """Remember of which tasks."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.told.extend(each["callback"]["task_id"] for each in body.get("callbacks", [body]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def answers(connection: http.client.HTTPConnection) -> bool:
    """Does it answer?"""
    try:
        connection.request("GET", "/version")
        return connection.getresponse().read() != b""
    except OSError:
        connection.close()
        return False


def not_ready() -> str:
    """Why it is not, as it says itself; nothing when it is, or does not answer."""
    connection = http.client.HTTPConnection("127.0.0.1", 8008, timeout=10)
    try:
        connection.request("GET", "/health/ready")
        return " ".join(json.load(connection.getresponse())["reasons"])
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


def launch(*scripts: str) -> list[str]:
    """Start scripts on this machine's sshd, as Foreman does."""
    jobs = {}
    for script in scripts:
        task = str(uuid.uuid4())
        action_input = {
            "hostname": "127.0.0.1",
            "ssh_user": "root",
            "script": f"#!/bin/sh\n{script}\n",
            "callback": {"task_id": task, "step_id": 3},
        }
        jobs[task] = {"action_class": "Proxy::RemoteExecution::Ssh::Actions::RunScript", "action_input": action_input}
    request("POST", "/tasks/launch", {"operation": "ssh", "input": jobs})
    return list(jobs)


def wait_for(tasks: list[str]) -> None:
    """Until they have ended well, and Foreman knows it.

    @raise RuntimeError: one has not.
    """
    for task in tasks:
        until(lambda: request("GET", f"/tasks/{task}/status")["state"] == "stopped", f"the end of {task}")  # noqa: B023
        status = request("GET", f"/tasks/{task}/status")
        claim(status["result"] == "success", f"{json.dumps(status)[:2000]}")
    until(lambda: set(tasks) <= set(Foreman.told), "the callbacks")
