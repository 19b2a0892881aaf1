"""Sockets that are handed over."""

from __future__ import annotations

import os
import socket
import uuid

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.errors import SettingsError
from smartdyn.systemd import activation
from smartdyn.systemd.activation import HandedSocket, HandedSockets, handed_sockets

KINDS = ("core", "http", "https")


class EnvironmentTests(SynchronousTestCase):
    """L{handed_sockets}."""

    def hand_over(self, *kinds: tuple[int, int], listen: bool = True) -> list[int]:
        """Open sockets with consecutive descriptors, and let them be the ones that systemd counts from."""
        opened = [socket.socket(family, kind) for family, kind in kinds]
        descriptors = list(range(200, 200 + len(opened)))
        for each, descriptor in zip(opened, descriptors, strict=True):
            if each.family == socket.AF_UNIX:
                each.bind(f"\0smartdyn-{uuid.uuid4()}")
            else:
                each.bind(("::1" if each.family == socket.AF_INET6 else "127.0.0.1", 0))
            if listen and each.type == socket.SOCK_STREAM:
                each.listen()
            os.dup2(each.fileno(), descriptor)
            self.addCleanup(os.close, descriptor)
            each.close()
        self.patch(activation, "_FIRST", 200)
        return descriptors

    def test_names_and_ports(self) -> None:
        """Each is known by its name and port, waits for nobody and is inherited by no child."""
        first, second = self.hand_over((socket.AF_INET, socket.SOCK_STREAM), (socket.AF_INET6, socket.SOCK_STREAM))
        found = handed_sockets({"LISTEN_PID": "7", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "http:https"}, 7)
        described = [(each.descriptor, each.name, each.family) for each in found]
        self.assertEqual(described, [(first, "http", socket.AF_INET), (second, "https", socket.AF_INET6)])
        with socket.create_connection(("127.0.0.1", found[0].port), timeout=5):
            pass
        self.assertFalse(os.get_blocking(first) or os.get_inheritable(first))

    def test_without_names(self) -> None:
        """Older systemd gives none."""
        self.hand_over((socket.AF_INET, socket.SOCK_STREAM))
        self.assertEqual([each.name for each in handed_sockets({"LISTEN_PID": "7", "LISTEN_FDS": "1"}, 7)], [""])

    def test_for_somebody_else(self) -> None:
        """What was handed to another process is not ours."""
        self.assertEqual(handed_sockets({"LISTEN_PID": "8", "LISTEN_FDS": "1"}, 7), [])
        self.assertEqual(handed_sockets({}, 7), [])

    def test_what_cannot_be_listened_on(self) -> None:
        """A datagram socket, a unix socket and one that does not listen are refused by name."""
        for kind, listen in (
            ((socket.AF_INET, socket.SOCK_DGRAM), True),
            ((socket.AF_UNIX, socket.SOCK_STREAM), True),
            ((socket.AF_INET, socket.SOCK_STREAM), False),
        ):
            self.hand_over(kind, listen=listen)
            with self.assertRaisesRegex(SettingsError, "`odd`.*ListenStream"):
                handed_sockets({"LISTEN_PID": "7", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "odd"}, 7)
            self.doCleanups()


class ShareTests(SynchronousTestCase):
    """L{HandedSockets}."""

    def test_by_name_or_port(self) -> None:
        """A socket named as a listener is that one's whatever its port; another belongs to the listener of its port."""
        named = HandedSocket(10, "https", socket.AF_INET, 443)
        ported = HandedSocket(11, "smartdyn.socket", socket.AF_INET, 8000)
        sockets = HandedSockets([named, ported], KINDS)
        self.assertEqual(sockets.take("https", 9090), [named])
        self.assertEqual(sockets.take("http", 8000), [ported])
        self.assertIsNone(sockets.take("core", 443))

    def test_listeners_of_one_kind(self) -> None:
        """The first gets all sockets of its kind, and the others open none beside them."""
        both = [HandedSocket(10, "http", socket.AF_INET, 80), HandedSocket(11, "http", socket.AF_INET6, 80)]
        sockets = HandedSockets(both, KINDS)
        self.assertEqual(sockets.take("http", 80), both)
        self.assertEqual(sockets.take("http", 80), [])

    def test_those_that_nobody_wants(self) -> None:
        """They are closed, so that clients are refused rather than left waiting."""
        unwanted = socket.socket()
        unwanted.bind(("127.0.0.1", 0))
        unwanted.listen()
        port = unwanted.getsockname()[1]
        handed = HandedSocket(os.dup(unwanted.fileno()), "http", socket.AF_INET, port)
        unwanted.close()
        sockets = HandedSockets([handed], KINDS)
        self.assertIsNone(sockets.take("core", 8008))
        self.assertEqual(sockets.close_rest(), [handed])
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)
