"""A real OpenSSH server for tests: own configuration, own host keys, own accounts, a free port on loopback."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from twisted.trial.unittest import SkipTest

SSHD = "/usr/sbin/sshd"
PASSPHRASE = "sekret-phrase"

_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_ed25519
HostKey {folder}/host_ecdsa
HostKey {folder}/host_rsa
PidFile {folder}/sshd.pid
AuthorizedKeysFile {folder}/authorized_keys
PermitRootLogin yes
PasswordAuthentication yes
KbdInteractiveAuthentication no
UsePAM yes
StrictModes no
MaxStartups 300:30:400
MaxSessions 100
MaxAuthTries 20
UseDNS no
LogLevel VERBOSE
{extra}
"""

_SUDOERS = """rexssh ALL=(ALL) NOPASSWD: ALL
rexpw ALL=(ALL) ALL
"""

_ACCOUNTS = ("rexssh", "rexpw", "rexeff")


def password_of(user: str) -> str:
    """The password of a test account."""
    return f"sekret-{user}"


def missing() -> str | None:
    """Why no server can be started here, None when it can."""
    if os.geteuid() != 0:
        return "a real sshd with several accounts needs root"
    if not Path(SSHD).exists():
        return "openssh-server is not installed; `make test` installs it"
    return None


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Sshd:
    """A server that runs until L{stop}."""

    address = "127.0.0.1"

    def __init__(self, extra: str = "", mounts: str = "") -> None:
        """
        @param extra: more lines for sshd_config.
        @param mounts: shell commands that change what is mounted where, for this server and its sessions only; they
            run in its folder.
        """
        self.folder = Path(tempfile.mkdtemp(prefix="smartdyn-sshd-"))
        self.folder.chmod(0o755)
        self.port = free_port()
        self.log = self.folder / "sshd.log"
        self._extra = extra
        self._mounts = mounts
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make keys and accounts, and start the server."""
        make_accounts()
        self._make_host_keys()
        public = [write_key(self.folder / f"id_{kind}", kind) for kind in ("ed25519", "rsa", "ecdsa")]
        public.append(write_key(self.folder / "id_locked", "ed25519", PASSPHRASE))
        (self.folder / "authorized_keys").write_text("".join(f"{line}\n" for line in public))
        config = self.folder / "sshd_config"
        config.write_text(_CONFIG.format(port=self.port, folder=self.folder, extra=self._extra))
        Path("/run/sshd").mkdir(exist_ok=True)
        self._process = subprocess.Popen(
            [*self._namespace(), SSHD, "-D", "-f", str(config), "-E", str(self.log)],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for_port(self.port, self.address)

    def inside(self, path: str | Path) -> Path:
        """A path as the server's sessions see it."""
        assert self._process is not None
        return Path(f"/proc/{self._process.pid}/root{path}")

    def _namespace(self) -> list[str]:
        if not self._mounts:
            return []
        return ["unshare", "-m", "/bin/sh", "-e", "-c", f'{self._mounts}\nexec "$@"', "sshd"]

    def key(self, kind: str = "ed25519") -> Path:
        """The path of a client key that may log in everywhere."""
        return self.folder / f"id_{kind}"

    def kill_sessions(self) -> None:
        """Kill the processes that serve connections, as a broken network would; the server goes on."""
        assert self._process is not None
        children = subprocess.run(["pgrep", "-P", str(self._process.pid)], capture_output=True, text=True, check=False)
        for pid in children.stdout.split():
            subprocess.run(["pkill", "-KILL", "-P", pid, "sshd"], check=False)
            subprocess.run(["kill", "-KILL", pid], check=False, stderr=subprocess.DEVNULL)

    def failed_logins(self, method: str) -> int:
        """How many attempts with a method have failed, as the log has it.

        The process that writes the log does so after the client has its answer: it is waited for until it has ended.
        """
        assert self._process is not None
        for _ in range(100):
            serving = subprocess.run(["pgrep", "-P", str(self._process.pid)], capture_output=True, check=False)
            if serving.returncode:
                break
            time.sleep(0.05)
        return self.log.read_text().count(f"Failed {method}")

    def reload(self) -> None:
        """Have the server read its configuration again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)
        for _ in range(200):
            if self.log.read_text().count("Server listening") > 1:
                return
            time.sleep(0.05)
        raise RuntimeError("sshd did not read its configuration again")

    def stop(self) -> None:
        """Stop the server and remove its files."""
        if self._process is not None:
            self.kill_sessions()
            self._process.terminate()
            self._process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _make_host_keys(self) -> None:
        for kind in ("ed25519", "ecdsa", "rsa"):
            write_key(self.folder / f"host_{kind}", kind)


_shared: dict[tuple[str, str], Sshd] = {}


def shared(extra: str = "", mounts: str = "") -> Sshd:
    """A server with this configuration that all tests of the process share."""
    if reason := missing():
        raise SkipTest(reason)
    if (extra, mounts) not in _shared:
        server = Sshd(extra, mounts)
        server.start()
        atexit.register(server.stop)
        _shared[extra, mounts] = server
    return _shared[extra, mounts]


def write_key(path: Path, kind: str, passphrase: str | None = None) -> str:
    """Make a key pair.

    @return: the public line.
    """
    private: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    if kind == "ed25519":
        private = ed25519.Ed25519PrivateKey.generate()
    elif kind == "ecdsa":
        private = ec.generate_private_key(ec.SECP256R1())
    else:
        private = rsa.generate_private_key(65537, 2048)
    protection: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    )
    path.write_bytes(private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, protection))
    path.chmod(0o600)
    public = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    path.with_name(path.name + ".pub").write_bytes(public + b"\n")
    return public.decode()


def make_accounts() -> None:
    """Create the accounts that the tests log in as."""
    for user in _ACCOUNTS:
        make_account(user)
    sudoers = Path("/etc/sudoers.d/smartdyn-tests")
    if sudoers.parent.is_dir() and (not sudoers.exists() or sudoers.read_text() != _SUDOERS):
        sudoers.write_text(_SUDOERS)
        sudoers.chmod(0o440)


def make_account(user: str, shell: str = "/bin/bash", home: str = "") -> None:
    """Create one account, unless it is there.

    @param home: of an account whose home directory is not made.
    """
    known = subprocess.run(["id", user], capture_output=True, check=False)
    if known.returncode:
        where = ["-M", "-d", home] if home else ["-m"]
        subprocess.run(["useradd", *where, "-s", shell, user], check=True)
    subprocess.run(["chpasswd"], input=f"{user}:{password_of(user)}\n", text=True, check=True)


def wait_for_port(port: int, address: str = "127.0.0.1") -> None:
    """Until a server listens."""
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex((address, port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("the SSH server did not start")
