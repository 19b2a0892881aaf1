"""A host behind a network cable that can be pulled: an sshd in a network namespace of its own."""

from __future__ import annotations

import os
import subprocess

from tests.support.sshd import Sshd


class RemoteHost(Sshd):
    """Reached over a pair of virtual network interfaces."""

    address = f"10.213.{os.getpid() % 250}.2"

    def __init__(self) -> None:
        super().__init__(f"ListenAddress {self.address}")
        self._name = f"smartdyn{os.getpid()}"
        self._ours, self._theirs = f"sdo{os.getpid()}", f"sdt{os.getpid()}"

    def start(self) -> None:
        """Lay the cable first."""
        ours = self.address.removesuffix("2") + "1"
        _ip("netns", "add", self._name)
        _ip("link", "add", self._ours, "type", "veth", "peer", "name", self._theirs, "netns", self._name)
        _ip("address", "add", f"{ours}/30", "dev", self._ours)
        _ip("link", "set", self._ours, "up")
        for command in (("address", "add", f"{self.address}/30", "dev", self._theirs), ("link", "set", "lo", "up")):
            _ip("-n", self._name, *command)
        _ip("-n", self._name, "link", "set", self._theirs, "up")
        super().start()

    def stop(self) -> None:
        """And take it away."""
        super().stop()
        subprocess.run(["ip", "netns", "delete", self._name], check=False)

    def pull_cable(self) -> None:
        """Nothing goes through, and nobody is told."""
        _ip("-n", self._name, "link", "set", self._theirs, "down")

    def plug_cable(self) -> None:
        """Everything goes through again."""
        _ip("-n", self._name, "link", "set", self._theirs, "up")

    def _namespace(self) -> list[str]:
        return ["ip", "netns", "exec", self._name]


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
