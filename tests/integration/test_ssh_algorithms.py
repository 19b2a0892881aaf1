"""Each algorithm with real servers: OpenSSH as it comes and as it is hardened, dropbear and Conch."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from smartdyn.demo.ssh_host import make_host, make_key
from smartdyn.secret import Secret
from smartdyn.ssh import Connection, Credentials, KnownHosts, Target, connect, load_private_key
from smartdyn.ssh import transport as transport_module
from smartdyn.ssh.algorithms import Algorithms, Proposal, our_proposal
from smartdyn.ssh.ciphers import CIPHERS, MACS
from smartdyn.ssh.errors import ConnectionLost, HandshakeFailed
from smartdyn.ssh.key_exchange import offered_key_exchanges
from smartdyn.ssh.packets import RekeyLimits
from smartdyn.ssh.transport import ClientTransport
from smartdyn.ssh.trust import algorithms
from tests.support import sshd
from tests.support.dropbear import Dropbear
from tests.support.sshd import Sshd

EL9_DEFAULT = """
Ciphers aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr,aes128-gcm@openssh.com,aes128-ctr
MACs hmac-sha2-256-etm@openssh.com,hmac-sha1-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-512-etm@openssh.com,\
hmac-sha2-256,hmac-sha1,umac-128@openssh.com,hmac-sha2-512
KexAlgorithms curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,\
ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,diffie-hellman-group14-sha256,\
diffie-hellman-group16-sha512,diffie-hellman-group18-sha512
HostKeyAlgorithms ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,ssh-ed25519,rsa-sha2-256,rsa-sha2-512
PubkeyAcceptedAlgorithms ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,ssh-ed25519,rsa-sha2-256,\
rsa-sha2-512
"""
EL9_FIPS = """
Ciphers aes256-gcm@openssh.com,aes256-ctr,aes128-gcm@openssh.com,aes128-ctr
MACs hmac-sha2-256-etm@openssh.com,hmac-sha1-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha1,\
hmac-sha2-512
KexAlgorithms ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,\
diffie-hellman-group14-sha256,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512
HostKeyAlgorithms ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-256,rsa-sha2-512
PubkeyAcceptedAlgorithms ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-256,rsa-sha2-512
"""
"""What EL9's crypto policies write to /etc/crypto-policies/back-ends/opensshserver.config, without certificates."""

FIPS_WITHOUT_CURVES = EL9_FIPS.replace("ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,", "")

FROM_THE_PAST = """
Ciphers aes128-cbc,3des-cbc
MACs hmac-sha1
KexAlgorithms diffie-hellman-group14-sha1,diffie-hellman-group1-sha1
HostKeyAlgorithms ssh-rsa
"""

OUTPUT = 200_000
COUNT_TWICE = f"head -c {OUTPUT} /dev/zero | tr '\\0' x; cat | wc -c >&2"


class AlgorithmTestCase(TestCase):
    """Connects with what a test allows."""

    timeout = 300

    def setUp(self) -> None:
        self.known_hosts = Path(self.mktemp())
        self.connections: list[Connection] = []
        self.addCleanup(lambda: Deferred.fromCoroutine(self.close()))

    async def close(self) -> None:
        """Close all connections of the test."""
        for connection in self.connections:
            await connection.close()

    def offer(self, **only: Iterable[str]) -> None:
        """Restrict what we offer."""

        def restricted(host_keys: Any) -> Proposal:
            lists = {name: tuple(names) for name, names in only.items()}
            extra = our_proposal(host_keys).key_exchange[-2:]
            if "key_exchange" in lists:
                lists["key_exchange"] += extra
            return replace(our_proposal(host_keys), **lists)

        self.patch(transport_module, "our_proposal", restricted)

    async def connect(self, port: int, credentials: Credentials, user: str = "rexssh") -> tuple[Connection, Any]:
        """Log in; gives the transport too, which knows what was agreed on."""
        seen: list[ClientTransport] = []
        secured = ClientTransport.connectionSecure

        def remember(transport: ClientTransport) -> None:
            seen.append(transport)
            secured(transport)

        self.patch(ClientTransport, "connectionSecure", remember)
        target = Target("127.0.0.1", port, user)
        connection = await connect(reactor, target, credentials, KnownHosts(self.known_hosts))
        self.connections.append(connection)
        return connection, seen[-1]

    async def agreed(self, port: int, credentials: Credentials, user: str = "rexssh") -> Algorithms:
        """Send data both ways and check it; what was agreed on."""
        connection, transport = await self.connect(port, credentials, user)
        await self.transfer(connection)
        await connection.close()
        algorithms: Algorithms = transport.algorithms
        return algorithms

    async def transfer(self, connection: Connection, command: str = COUNT_TWICE, count: int = OUTPUT) -> None:
        """C{count} bytes come, as many go, and both arrive whole."""
        session = await connection.execute(command)
        writing = session.write(b"y" * count)
        ending = session.write_eof()
        output = await read_all(session.stdout)
        await gatherResults([writing, ending])
        self.assertEqual((len(output), set(output)), (count, {ord("x")}))
        self.assertEqual(int(await read_all(session.stderr)), count)
        self.assertEqual((await session.wait()).code, 0)


class OpenSSHAlgorithmTests(AlgorithmTestCase):
    """One algorithm at a time, with a server that has them all."""

    def setUp(self) -> None:
        super().setUp()
        self.server = sshd.shared(large_curves())
        self.credentials = key_of(self.server)

    async def test_ciphers(self) -> None:
        """Each cipher carries data both ways."""
        for name in CIPHERS:
            self.offer(cipher_c2s=(name,), cipher_s2c=(name,))
            agreed = await self.agreed(self.server.port, self.credentials)
            self.assertEqual((agreed.cipher_out, agreed.cipher_in), (name, name))

    async def test_different_ciphers_both_ways(self) -> None:
        """What comes and what goes are protected each in its way."""
        self.offer(cipher_c2s=("aes128-gcm@openssh.com",), cipher_s2c=("aes256-ctr",), mac_s2c=("hmac-sha2-512",))
        agreed = await self.agreed(self.server.port, self.credentials)
        self.assertEqual((agreed.mac_out, agreed.mac_in), (None, "hmac-sha2-512"))

    async def test_macs(self) -> None:
        """Each MAC proves data both ways."""
        for name in MACS:
            self.offer(cipher_c2s=("aes128-ctr",), cipher_s2c=("aes128-ctr",), mac_c2s=(name,), mac_s2c=(name,))
            agreed = await self.agreed(self.server.port, self.credentials)
            self.assertEqual((agreed.mac_out, agreed.mac_in), (name, name))

    async def test_key_exchanges(self) -> None:
        """Each method that the server has too gives the same secret to both."""
        theirs = subprocess.run(["ssh", "-Q", "kex"], capture_output=True, text=True, check=True).stdout.split()
        tried = [name for name in offered_key_exchanges() if name in theirs]
        self.assertGreaterEqual(len(tried), 8)
        for name in tried:
            self.offer(key_exchange=(name,))
            agreed = await self.agreed(self.server.port, self.credentials)
            self.assertEqual(agreed.key_exchange, name)

    async def test_host_keys(self) -> None:
        """Each kind of host key proves the host, and is learned."""
        for name in algorithms([]):
            self.offer(host_key=(name.decode(),))
            self.known_hosts = Path(self.mktemp())
            agreed = await self.agreed(self.server.port, self.credentials)
            self.assertEqual(agreed.host_key, name.decode())
            self.assertEqual(self.known_hosts.read_text().count("\n"), 1)

    async def test_what_is_agreed_by_itself(self) -> None:
        """Authenticated encryption, and strict key exchange."""
        connection, transport = await self.connect(self.server.port, self.credentials)
        await self.transfer(connection)
        self.assertEqual(transport.algorithms.cipher_in, "aes256-gcm@openssh.com")
        self.assertTrue(transport._handshake.strict)


class HardenedOpenSSHTests(AlgorithmTestCase):
    """Servers that an admin or a policy has restricted."""

    async def agreed_with(self, extra: str, kind: str) -> Algorithms:
        """What is agreed on with a server of this configuration."""
        server = sshd.shared(extra)
        return await self.agreed(server.port, key_of(server, kind))

    async def test_the_default_policy_of_el9(self) -> None:
        """All goes well with the best of both."""
        agreed = await self.agreed_with(EL9_DEFAULT, "ed25519")
        self.assertEqual((agreed.key_exchange, agreed.host_key), ("curve25519-sha256", "ssh-ed25519"))

    async def test_the_fips_policy_of_el9(self) -> None:
        """No curve25519 and no ed25519: NIST's curves, and RSA with SHA-2."""
        agreed = await self.agreed_with(EL9_FIPS, "rsa")
        self.assertEqual((agreed.key_exchange, agreed.host_key), ("ecdh-sha2-nistp256", "ecdsa-sha2-nistp256"))

    async def test_fips_without_curves(self) -> None:
        """Diffie-Hellman over numbers is there for those who allow nothing else."""
        agreed = await self.agreed_with(FIPS_WITHOUT_CURVES, "rsa")
        self.assertEqual(agreed.key_exchange, "diffie-hellman-group16-sha512")

    async def test_a_server_of_the_past(self) -> None:
        """It is refused, and the error says what it has and what we would take."""
        with self.assertRaises(HandshakeFailed) as caught:
            await self.agreed_with(FROM_THE_PAST, "ed25519")
        text = str(caught.exception)
        self.assertIn("the server offers diffie-hellman-group14-sha1, diffie-hellman-group1-sha1", text)
        self.assertIn("the server offers ssh-rsa, we would take ssh-ed25519", text)
        self.assertIn("no cipher in common: the server offers aes128-cbc, 3des-cbc", text)


class RekeyTests(AlgorithmTestCase):
    """Fresh keys while data flows both ways."""

    async def test_by_us(self) -> None:
        """When a direction has carried enough we ask for fresh keys, and nothing is lost."""
        self.patch(ClientTransport, "rekey_limits", RekeyLimits(octets=300_000))
        exchanges = self.count_exchanges()
        server = sshd.shared()
        connection, _ = await self.connect(server.port, key_of(server))
        await self.flood(connection)
        self.assertGreater(len(exchanges), 10)

    async def test_by_packets(self) -> None:
        """The number of packets counts too."""
        self.patch(ClientTransport, "rekey_limits", RekeyLimits(packets=50))
        exchanges = self.count_exchanges()
        server = sshd.shared()
        connection, _ = await self.connect(server.port, key_of(server))
        await self.flood(connection)
        self.assertGreater(len(exchanges), 3)

    async def test_by_the_server_and_by_us(self) -> None:
        """Both sides ask whenever they like, also at the same time, with each way to protect packets."""
        self.patch(ClientTransport, "rekey_limits", RekeyLimits(octets=500_000))
        server = sshd.shared("RekeyLimit 400K")
        for cipher, mac in (("aes256-gcm@openssh.com", ""), ("aes128-ctr", "hmac-sha2-256-etm@openssh.com")):
            macs = (mac,) if mac else tuple(MACS)
            self.offer(cipher_c2s=(cipher,), cipher_s2c=(cipher,), mac_c2s=macs, mac_s2c=macs)
            exchanges = self.count_exchanges()
            connection, _ = await self.connect(server.port, key_of(server))
            await self.flood(connection)
            self.assertGreater(len(exchanges), 10)

    async def flood(self, connection: Connection) -> None:
        """Four million bytes each way at once, on two channels."""
        command = "head -c 4000000 /dev/zero | tr '\\0' x & wc -c >&2; wait"
        await gatherResults([Deferred.fromCoroutine(self.transfer(connection, command, 4_000_000)) for _ in range(2)])

    def count_exchanges(self) -> list[None]:
        """Grows with each exchange of keys."""
        found: list[None] = []
        renewed = ClientTransport.ssh_NEWKEYS

        def count(transport: ClientTransport, packet: bytes) -> None:
            found.append(None)
            renewed(transport, packet)

        self.patch(ClientTransport, "ssh_NEWKEYS", count)
        return found


class DropbearTests(AlgorithmTestCase):
    """The server of small devices."""

    def setUp(self) -> None:
        super().setUp()
        self.server = Dropbear()
        self.addCleanup(self.server.stop)
        self.server.start()
        self.credentials = Credentials(Secret(sshd.password_of("rexssh")), ())

    async def test_key_exchanges(self) -> None:
        """Each method that dropbear has."""
        for name in ("curve25519-sha256", "ecdh-sha2-nistp256", "ecdh-sha2-nistp521", "diffie-hellman-group14-sha256"):
            self.offer(key_exchange=(name,))
            agreed = await self.agreed(self.server.port, self.credentials)
            self.assertEqual(agreed.key_exchange, name)
            self.assertIn(agreed.cipher_in, CIPHERS)

    async def test_host_keys(self) -> None:
        """Each kind of host key that dropbear has."""
        for name in ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-256"):
            self.offer(host_key=(name,))
            self.known_hosts = Path(self.mktemp())
            self.assertEqual((await self.agreed(self.server.port, self.credentials)).host_key, name)


class ConchTests(AlgorithmTestCase):
    """A server in this process, which has post-quantum key exchange."""

    def setUp(self) -> None:
        super().setUp()
        folder = Path(self.mktemp())
        folder.mkdir()
        make_key(folder / "user")
        make_key(folder / "host")
        network: Any = reactor
        port = network.listenTCP(
            0, make_host(reactor, "somebody", folder / "user.pub", folder / "host"), interface="127.0.0.1"
        )
        self.addCleanup(port.stopListening)
        self.port = port.getHost().port
        self.credentials = Credentials(None, (load_private_key(folder / "user", None),))

    async def test_post_quantum_key_exchange(self) -> None:
        """ML-KEM with X25519 is agreed on by itself, and gives the same secret to both."""
        agreed = await self.agreed(self.port, self.credentials, "somebody")
        self.assertEqual(agreed.key_exchange, "mlkem768x25519-sha256")

    async def test_fresh_keys(self) -> None:
        """A server without strict key exchange keeps its numbers through fresh keys."""
        self.patch(ClientTransport, "rekey_limits", RekeyLimits(octets=50_000))
        connection, transport = await self.connect(self.port, self.credentials, "somebody")
        await self.transfer(connection)
        self.assertFalse(transport._handshake.strict)


class DamageTests(AlgorithmTestCase):
    """A network that changes what it carries."""

    async def test_a_changed_byte(self) -> None:
        """The connection ends and says why; nobody waits for ever."""
        server = sshd.shared()
        connection, transport = await self.connect(server.port, key_of(server))
        session = await connection.execute("echo ready; cat")
        self.assertEqual(await session.stdout.read(), b"ready\n")
        received = transport.dataReceived
        self.patch(transport, "dataReceived", lambda data: received(data[:-1] + bytes((data[-1] ^ 1,))))
        session.write(b"anything")
        lost = await self.assertFailure(session.stdout.read(), ConnectionLost)
        self.assertIn("a packet was changed on the way", str(lost))


@lru_cache
def large_curves() -> str:
    """Configuration with host keys on the larger curves, too."""
    folder = Path(tempfile.mkdtemp(prefix="smartdyn-host-keys-"))
    atexit.register(shutil.rmtree, folder)
    lines = []
    for bits in ("384", "521"):
        path = folder / f"ecdsa{bits}"
        subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-b", bits, "-N", "", "-f", str(path)], check=True)
        lines.append(f"HostKey {path}\n")
    return "".join(lines)


def key_of(server: Sshd, kind: str = "ed25519") -> Credentials:
    """A key that may log in."""
    return Credentials(None, (load_private_key(server.key(kind), None),))


async def read_all(stream: Any) -> bytes:
    """Everything that comes on a stream."""
    found = b""
    while data := await stream.read():
        found += data
    return found
