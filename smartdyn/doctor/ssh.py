"""Checks of what hosts are logged in to with, and of how they are known."""

from __future__ import annotations

import base64
import binascii
import time
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificate,
    SSHCertificateType,
    load_pem_private_key,
    load_ssh_private_key,
    load_ssh_public_identity,
)

from smartdyn.doctor.context import Context
from smartdyn.doctor.verdict import Check, Verdict, error, not_applicable, ok, warning
from smartdyn.ssh import config as ssh_config
from smartdyn.ssh.kerberos import kerberos_problem
from smartdyn.ssh.known_hosts_format import parse_line
from smartdyn.ssh.trust import KEY_TYPES

_SHORTEST_RSA = 2048
_OF_OTHERS = 0o077
_NOT_IN_FIPS = frozenset({"ssh-ed25519"})


@dataclass(frozen=True, slots=True)
class _Private:
    """What can be seen of the key.

    @param public: type and base64, None while a passphrase hides it.
    """

    path: Path
    is_protected: bool
    public: str | None
    bits: int | None = None


def _private(context: Context) -> _Private | None:
    """The key; None when it cannot be read or is none, which other checks say."""
    path = context.path(context.settings.ssh_identity_key_file)
    try:
        data = path.read_bytes()
        load = load_ssh_private_key if b"BEGIN OPENSSH" in data else load_pem_private_key
        key = load(data, None)
    except TypeError:
        return _Private(path, True, _words(_public_path(path)))
    except (OSError, ValueError, UnsupportedAlgorithm) as problem:
        return _Private(path, True, _words(_public_path(path))) if "password" in str(problem).lower() else None
    public = getattr(key.public_key(), "public_bytes")(Encoding.OpenSSH, PublicFormat.OpenSSH)  # noqa: B009
    bits = key.key_size if isinstance(key, (rsa.RSAPrivateKey, dsa.DSAPrivateKey)) else None
    return _Private(path, False, " ".join(public.decode().split()[:2]), bits)


def _public_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.pub")


def _words(path: Path) -> str | None:
    """Type and base64 of a public key's file."""
    try:
        words = path.read_text().split()
    except (OSError, UnicodeDecodeError):
        return None
    return " ".join(words[:2]) if len(words) > 1 else None


def _exists(context: Context) -> Verdict:
    account = context.account
    path = context.path(context.settings.ssh_identity_key_file)
    make = f"runuser -u {account.name} -- ssh-keygen -t rsa -b 4096 -N '' -f {path}"
    if not path.exists():
        return error(f"There is no SSH key {path} (`ssh_identity_key_file`).", make)
    if not account.may("r", path):
        return error(
            f"{account.name} cannot read the SSH key {path}.", f"chown {account.name} {path} && chmod 0600 {path}"
        )
    if _private(context) is None:
        return error(f"{path} holds no SSH key that can be used.", f"Move it away, then: {make}")
    return ok(f"{path} can be used.")


def _private_to(context: Context) -> Verdict:
    path = context.path(context.settings.ssh_identity_key_file)
    if not path.exists():
        return not_applicable("There is no key.")
    if path.stat().st_mode & _OF_OTHERS:
        return error(f"Others than the service may use the SSH key {path}.", f"chmod 0600 {path}")
    return ok("The SSH key is for the service only.")


def _public(context: Context) -> Verdict:
    private = _private(context)
    if private is None:
        return not_applicable("There is no key.")
    public = _public_path(private.path)
    said, fix = _words(public), f"ssh-keygen -y -f {private.path} > {public}"
    if said is None:
        return error(f"There is no public key {public}, which Foreman puts on hosts.", fix)
    if not context.account.may("r", public):
        return error(f"{context.account.name} cannot read {public}.", f"chmod 0644 {public}")
    if not private.is_protected and said != private.public:
        return error(f"{public} is not the public key of {private.path}, so hosts let in another key.", fix)
    return ok(f"{public} belongs to the key.")


def _passphrase(context: Context) -> Verdict:
    private = _private(context)
    if private is None:
        return not_applicable("There is no key.")
    if private.is_protected and not context.environment.get("SSH_AUTH_SOCK"):
        return warning(
            f"The SSH key {private.path} is protected by a passphrase.",
            "Send the passphrase with each job, give the service an ssh-agent (SSH_AUTH_SOCK), or remove it: "
            f"ssh-keygen -p -f {private.path}",
        )
    return ok("The SSH key can be used without a passphrase." if not private.is_protected else "An agent may have it.")


def _kind(context: Context) -> Verdict:
    private = _private(context)
    if private is None or private.public is None:
        return not_applicable("There is no key, or it cannot be seen.")
    make = f"Make another (ssh-keygen -t rsa -b 4096 -f {private.path}) and let Foreman put it on the hosts."
    kind = private.public.split()[0]
    if kind not in KEY_TYPES:
        return error(f"SSH keys of the type {kind} are let in nowhere any more.", make)
    if private.bits is not None and private.bits < _SHORTEST_RSA:
        return error(f"The SSH key has {private.bits} bits, which is too few.", make)
    if kind in _NOT_IN_FIPS and context.kernel("proc/sys/crypto/fips_enabled") == "1":
        return error(f"The SSH key is of the type {kind}, which is not allowed in FIPS mode.", make)
    return ok(f"Keys of the type {kind} are let in by hosts.")


def _certificate(context: Context) -> Verdict:
    """The statement of an authority for users about our key (PROTOCOL.certkeys)."""
    chosen = context.settings.ssh_user_ca_public_key_file
    key = context.path(context.settings.ssh_identity_key_file)
    path = key.with_name(f"{key.name}-cert.pub")
    sign = f"ssh-keygen -s CA-KEY -I foreman-proxy -n root {_public_path(key)}"
    if not chosen and not path.exists():
        return not_applicable("No authority certifies our key.")
    authority = context.path(chosen) if chosen else None
    if authority is not None and not authority.exists():
        return error(
            f"There is no file {authority} (`ssh_user_ca_public_key_file`).", "Put the authority's public key there."
        )
    if not path.exists():
        return error(f"There is no certificate {path} for the SSH key.", sign)
    try:
        certificate = load_ssh_public_identity(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm):
        certificate = None
    if not isinstance(certificate, SSHCertificate):
        return error(f"{path} holds no certificate of an SSH key.", sign)
    problem = _flaw(context, certificate, authority)
    return error(f"{path} {problem}.", sign) if problem else ok("The certificate of the SSH key can be used.")


def _flaw(context: Context, certificate: SSHCertificate, authority: Path | None) -> str | None:
    now = context.now()
    private = _private(context)
    if certificate.type is not SSHCertificateType.USER:
        return "is a certificate for a host, not for a user"
    if now >= certificate.valid_before:
        return f"has expired on {time.strftime('%Y-%m-%d', time.gmtime(certificate.valid_before))}"
    if now < certificate.valid_after:
        return "is not valid yet"
    if private is not None and private.public is not None and _line(certificate.public_key()) != private.public:
        return "is the certificate of another key"
    if authority is not None and _line(certificate.signature_key()) != _words(authority):
        return f"was not signed by the authority in {authority}"
    return None


def _line(key: object) -> str:
    public_bytes = getattr(key, "public_bytes")  # noqa: B009  # a union of classes that share no base
    line: bytes = public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return line.decode()


def _known_hosts(context: Context) -> Verdict:
    settings, account = context.settings, context.account
    strict = settings.ssh_ca_known_hosts_file
    path = context.path(strict or settings.ssh_known_hosts_file)
    if strict:
        if not path.exists():
            return error(
                f"There is no file {path} (`ssh_ca_known_hosts_file`), so no host is believed.",
                "Put the keys of the hosts or of their authority there, or remove the setting.",
            )
        if not account.may("r", path):
            return error(f"{account.name} cannot read {path}.", f"chmod 0644 {path}")
        return ok(f"{path} can be read.")
    if path.exists():
        if not account.may("rw", path):
            return error(f"{account.name} may not write to {path}.", f"chown {account.name} {path}")
        return ok(f"{path} can be written.")
    place = next(each for each in path.parents if each.exists())
    if not account.may("wx", place):
        return error(
            f"{account.name} may not write to {place}, so no host key can be learned.",
            f"install -d -o {account.name} -m 0700 {path.parent}",
        )
    return ok(f"{path} is made when the first host key is learned.")


def _lines(context: Context) -> Verdict:
    settings = context.settings
    path = context.path(settings.ssh_ca_known_hosts_file or settings.ssh_known_hosts_file)
    try:
        lines = path.read_text(errors="replace").split("\n")
    except OSError:
        return not_applicable("There is no file with host keys.")
    bad = [number for number, line in enumerate(lines, 1) if _is_malformed(number, line)]
    if bad:
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        return warning(
            f"{path}:{bad[0]} is no host key{more}, and is passed over.",
            f"Remove the line: sed -i {bad[0]}d {path}",
        )
    return ok("Every line is a host key.")


def _is_malformed(number: int, line: str) -> bool:
    text = line.strip()
    if not text or text.startswith("#"):
        return False
    entry = parse_line(number, line)
    if entry is None:
        return True
    try:
        return not base64.b64encode(entry.blob).decode().startswith(_beginning(entry.key_type))
    except (binascii.Error, ValueError):
        return True


def _beginning(key_type: str) -> str:
    """How the base64 of a key of a type begins: with its name, as far as whole characters go (RFC 4253, 6.6)."""
    named = len(key_type).to_bytes(4, "big") + key_type.encode()
    return base64.b64encode(named[: len(named) // 3 * 3]).decode()


def _config(context: Context) -> Verdict:
    path = context.path(context.settings.ssh_config_file)
    if not path.exists():
        return not_applicable("There is no file with ways to hosts.")
    if not context.account.may("r", path):
        return error(f"{context.account.name} cannot read {path}.", f"chown {context.account.name} {path}")
    for option in ssh_config.read(path):
        text = ssh_config.UNSUPPORTED.get(option.keyword)
        if text is not None and option.value.lower() != "none":
            return warning(f"{path}: {text}.", "Write it as Host, HostName, Port, User and ProxyJump.")
    return ok(f"{path} is understood.")


def _agent(context: Context) -> Verdict:
    chosen = context.environment.get("SSH_AUTH_SOCK")
    if not chosen:
        return not_applicable("The service has no ssh-agent.")
    path = Path(chosen)
    if not path.is_socket():
        return warning(
            f"SSH_AUTH_SOCK of the service is {path}, where no agent is.",
            "Start the agent before the service, or remove SSH_AUTH_SOCK from the unit.",
        )
    if not context.account.may("rw", path):
        return error(f"{context.account.name} may not use the agent at {path}.", f"chown {context.account.name} {path}")
    return ok("There is an agent.")


def _kerberos(context: Context) -> Verdict:
    if not context.settings.kerberos_auth:
        return not_applicable("`kerberos_auth` is off.")
    if kerberos_problem() is not None:
        return error(
            "`kerberos_auth` is on, and the Python package gssapi is not there.",
            "Install smartdyn[kerberos] (needs a C compiler and libkrb5-dev, krb5-devel), or turn it off.",
        )
    return ok("Tickets can be used.")


CHECKS = (
    Check("ssh-key", "the SSH key", _exists),
    Check("ssh-key-mode", "who may use the SSH key", _private_to),
    Check("ssh-key-public", "the public key that hosts get", _public),
    Check("ssh-key-passphrase", "the SSH key's passphrase", _passphrase),
    Check("ssh-key-kind", "the SSH key's type and length", _kind),
    Check("ssh-certificate", "the certificate of the SSH key", _certificate),
    Check("known-hosts", "the file with host keys", _known_hosts),
    Check("known-hosts-lines", "the lines of that file", _lines),
    Check("ssh-config", "the ways to hosts", _config),
    Check("ssh-agent", "the ssh-agent", _agent),
    Check("kerberos", "logging in with tickets", _kerberos),
)
