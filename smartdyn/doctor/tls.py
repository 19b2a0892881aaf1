"""Checks of our certificates: those that we show to whoever connects, and to Foreman."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from smartdyn.doctor.context import Context
from smartdyn.doctor.verdict import Check, Verdict, error, not_applicable, ok, warning, worst
from smartdyn.errors import SettingsError
from smartdyn.pem import certificates

_NOTICE = timedelta(days=30)
_SHORTEST_RSA = 2048
_AT_ANY_TIME = 0x200000
"""C{X509_V_FLAG_NO_CHECK_TIME}: whether a certificate has expired is another check's."""

_WEAK_HASHES = frozenset({"md5", "sha1"})


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, as they are set.

    @param usages: the purposes that it serves.
    """

    name: str
    key_name: str
    path: Path
    key: Path | None
    usages: frozenset[x509.ObjectIdentifier]

    def certificate(self) -> x509.Certificate | None:
        """The certificate itself, None when there is none that can be read; another check says so."""
        try:
            return x509.load_pem_x509_certificate(certificates(self.path)[0])
        except (SettingsError, ValueError):
            return None


def pairs(context: Context) -> Iterator[Pair]:
    """Those that are set."""
    settings = context.settings
    server, client = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
    if settings.ssl_certificate:
        own = {server} if settings.use_https or settings.https_port is not None else set()
        usages = frozenset(own if settings.foreman_ssl_cert else {*own, client})
        key = context.path(settings.ssl_private_key) if settings.ssl_private_key else None
        yield Pair("ssl_certificate", "ssl_private_key", context.path(settings.ssl_certificate), key, usages)
    if settings.foreman_ssl_cert:
        key = context.path(settings.foreman_ssl_key) if settings.foreman_ssl_key else None
        path = context.path(settings.foreman_ssl_cert)
        yield Pair("foreman_ssl_cert", "foreman_ssl_key", path, key, frozenset({client}))


def _files(context: Context) -> Verdict:
    settings = context.settings
    names = (
        "ssl_ca_file",
        "ssl_certificate",
        "ssl_private_key",
        "foreman_ssl_ca",
        "foreman_ssl_cert",
        "foreman_ssl_key",
    )
    chosen = {name: context.path(value) for name in names if (value := getattr(settings, name))}
    if settings.use_https or settings.https_port is not None:
        missing = [name for name in names[:3] if name not in chosen]
        if missing:
            return error(f"TLS is wanted, and `{missing[0]}` is not set.", f"Set `{missing[0]}`.")
    found = []
    for name, path in chosen.items():
        problem = _unusable(context, name, path)
        if problem is not None:
            found.append(error(*problem))
    return worst(found, "The files can be read.") if chosen else not_applicable("No certificate is set.")


def _unusable(context: Context, name: str, path: Path) -> tuple[str, str] | None:
    account = context.account
    if not path.is_file():
        return f"There is no file {path} (`{name}`).", f"Put the file there, or correct `{name}`."
    if not account.may("r", path):
        return (
            f"{account.name} cannot read {path} (`{name}`).",
            f"chgrp {account.name} {path} && chmod g+r {path}; its directories must let {account.name} through",
        )
    data = path.read_bytes()
    if name.endswith("_key"):
        try:
            load_pem_private_key(data, None)
        except TypeError:
            return (
                f"The key {path} (`{name}`) is protected by a passphrase, which a service cannot type.",
                f"openssl pkey -in {path} -out NEW-FILE, and set `{name}` to the new file",
            )
        except (ValueError, UnsupportedAlgorithm):
            return f"{path} (`{name}`) holds no key that can be used.", "Have key and certificate made anew."
        return None
    try:
        x509.load_pem_x509_certificates(data)
    except ValueError:
        return f"{path} (`{name}`) holds no certificate that can be read.", f"Set `{name}` to a file in PEM format."
    return None


def _match(context: Context) -> Verdict:
    found = []
    for pair in pairs(context):
        certificate = pair.certificate()
        if certificate is None or pair.key is None:
            continue
        try:
            key = load_pem_private_key(pair.key.read_bytes(), None).public_key()
        except (OSError, TypeError, ValueError, UnsupportedAlgorithm):
            continue
        if _spki(key) != _spki(certificate.public_key()):
            found.append(
                error(
                    f"{pair.key} (`{pair.key_name}`) is not the key of {pair.path} (`{pair.name}`).",
                    f"Set `{pair.name}` and `{pair.key_name}` to files that were made together.",
                )
            )
    return worst(found, "Keys and certificates belong together.")


def _valid(context: Context) -> Verdict:
    now = datetime.fromtimestamp(context.now(), UTC)
    found = []
    for pair in pairs(context):
        certificate = pair.certificate()
        if certificate is None:
            continue
        start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        fix = f"Renew {pair.path}; the service takes a new one without a restart."
        if end <= now:
            found.append(error(f"{pair.path} (`{pair.name}`) has expired on {end:%Y-%m-%d}.", fix))
        elif start > now:
            found.append(
                error(f"{pair.path} (`{pair.name}`) is valid from {start:%Y-%m-%d %H:%M} UTC on.", "Set the clock.")
            )
        elif end - now < _NOTICE and end - start > _NOTICE:
            found.append(warning(f"{pair.path} (`{pair.name}`) expires on {end:%Y-%m-%d}.", fix))
    return worst(found, "No certificate has expired.")


def _chain(context: Context) -> Verdict:
    """Can somebody who knows the CA only follow the signatures from it to our certificate?"""
    from OpenSSL import crypto  # noqa: PLC0415  # slow, and only needed when there are certificates

    settings = context.settings
    trusted = [_all(context.path(value)) for value in (settings.ssl_ca_file, settings.foreman_ssl_ca) if value]
    if not all(trusted):
        return not_applicable("A CA's file cannot be read.")
    found = []
    for pair in pairs(context):
        leaf = pair.certificate()
        if leaf is None:
            continue
        store = crypto.X509Store()
        store.set_flags(_AT_ANY_TIME)
        for each in chain.from_iterable(trusted):
            store.add_cert(crypto.X509.from_cryptography(each))
        usual = ssl.get_default_verify_paths()
        if usual.cafile or usual.capath:
            store.load_locations(usual.cafile, usual.capath)
        between = [crypto.X509.from_cryptography(each) for each in _all(pair.path)[1:]]
        try:
            crypto.X509StoreContext(store, crypto.X509.from_cryptography(leaf), between).verify_certificate()
        except crypto.X509StoreContextError as problem:
            found.append(
                warning(
                    f"{pair.path} (`{pair.name}`) cannot be followed to a CA that we know: {problem}.",
                    f"Put the certificates in between behind it, in the same file; its issuer is {_name(leaf.issuer)}.",
                )
            )
    return worst(found, "The certificates can be followed to a CA.")


def _host_name(context: Context) -> Verdict:
    pair = next((each for each in pairs(context) if each.name == "ssl_certificate"), None)
    certificate = pair.certificate() if pair else None
    if pair is None or certificate is None or ExtendedKeyUsageOID.SERVER_AUTH not in pair.usages:
        return not_applicable("Nobody is served with TLS.")
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        known = [name.lower() for name in names.get_values_for_type(x509.DNSName)]
    except x509.ExtensionNotFound:
        known = []
    host = context.hostname().lower()
    if host in known or f"*.{host.partition('.')[2]}" in known:
        return ok(f"The certificate is for {host}.")
    return warning(
        f"{pair.path} (`{pair.name}`) is for {', '.join(known) or 'no name'}, and this machine is called {host}.",
        f"Have it made with the name under which Foreman knows this proxy; {host} is only what the machine says.",
    )


def _strong(context: Context) -> Verdict:
    found = []
    for pair in pairs(context):
        certificate = pair.certificate()
        if certificate is None:
            continue
        key, signed = certificate.public_key(), certificate.signature_hash_algorithm
        if isinstance(key, rsa.RSAPublicKey) and key.key_size < _SHORTEST_RSA:
            found.append(
                error(
                    f"{pair.path} (`{pair.name}`) has an RSA key of {key.key_size} bits.",
                    "Have it made with 2048 bits or more.",
                )
            )
        elif signed is not None and signed.name in _WEAK_HASHES:
            found.append(
                error(
                    f"{pair.path} (`{pair.name}`) is signed with {signed.name.upper()}.",
                    "Have it signed anew with SHA-256.",
                )
            )
    return worst(found, "Keys and signatures are strong enough.")


def _purpose(context: Context) -> Verdict:
    found = []
    for pair in pairs(context):
        certificate = pair.certificate()
        if certificate is None:
            continue
        try:
            allowed = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        except x509.ExtensionNotFound:
            continue
        for usage in pair.usages:
            if usage not in allowed:
                role = "server" if usage == ExtendedKeyUsageOID.SERVER_AUTH else "client"
                found.append(
                    error(
                        f"{pair.path} (`{pair.name}`) is not for a {role} (extended key usage).",
                        f"Have it made with {role}Auth, or set another file.",
                    )
                )
    return worst(found, "The certificates are for what they are used for.")


def _all(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError):
        return []


def _spki(key: object) -> bytes:
    public_bytes = getattr(key, "public_bytes")  # noqa: B009  # a union of classes that share no base
    data: bytes = public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return data


def _name(name: x509.Name) -> str:
    return name.rfc4514_string()


CHECKS = (
    Check("tls-files", "the files for TLS can be used", _files),
    Check("tls-match", "keys and certificates belong together", _match),
    Check("tls-valid", "no certificate has expired", _valid),
    Check("tls-chain", "the certificates can be followed to a CA", _chain),
    Check("tls-host-name", "the certificate is for this machine", _host_name, waits=True),
    Check("tls-strength", "keys and signatures are strong enough", _strong),
    Check("tls-purpose", "certificates are for what they are used for", _purpose),
)
