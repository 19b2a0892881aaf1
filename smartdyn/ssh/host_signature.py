"""Whether it is really the owner of a host key that answers (RFC 4253, section 8)."""

from __future__ import annotations

import base64
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import SSHCertificate, load_ssh_public_identity

from smartdyn.ssh.wire import Malformed, MessageReader

_CERTIFICATE = "-cert-v01@openssh.com"
_RSA_HASHES: dict[str, hashes.HashAlgorithm] = {"rsa-sha2-256": hashes.SHA256(), "rsa-sha2-512": hashes.SHA512()}
_ECDSA_HASHES: dict[str, hashes.HashAlgorithm] = {
    "ecdsa-sha2-nistp256": hashes.SHA256(),
    "ecdsa-sha2-nistp384": hashes.SHA384(),
    "ecdsa-sha2-nistp521": hashes.SHA512(),
}


class BadHostSignature(Exception):
    """The server did not prove that the host key is its own."""


def verify_host_signature(algorithm: str, host_key: bytes, signature: bytes, data: bytes) -> None:
    """Check the signature of a key exchange.

    @param algorithm: what was agreed on; a signature of another kind, such as SHA-1, is not taken for it.
    @param host_key: a public key or a certificate.
    @raise BadHostSignature: it is wrong.
    """
    expected = algorithm.removesuffix(_CERTIFICATE)
    try:
        reader = MessageReader(signature)
        kind, value = reader.string().decode("ascii", "replace"), reader.string()
        reader.end()
        if kind != expected:
            raise BadHostSignature(f"the host signed with {kind}, {expected} was agreed on")
        _verify(expected, _public_key(algorithm, host_key), value, data)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError) as error:
        raise BadHostSignature(f"the host's {algorithm} signature is wrong: {str(error) or 'no match'}") from error


def _public_key(algorithm: str, host_key: bytes) -> Any:
    kind = MessageReader(host_key).string()
    wanted = "ssh-rsa" + algorithm[len("rsa-sha2-xxx") :] if algorithm.startswith("rsa-sha2-") else algorithm
    if kind != wanted.encode():
        raise Malformed(f"the host key is not one for {algorithm}")
    identity = load_ssh_public_identity(kind + b" " + base64.b64encode(host_key))
    return identity.public_key() if isinstance(identity, SSHCertificate) else identity


def _verify(kind: str, key: Any, value: bytes, data: bytes) -> None:
    if isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(value, data)
    elif isinstance(key, rsa.RSAPublicKey):
        # A signature that begins with zeros may come without them (RFC 8332, section 3)
        key.verify(value.rjust((key.key_size + 7) // 8, b"\0"), data, padding.PKCS1v15(), _RSA_HASHES[kind])
    elif isinstance(key, ec.EllipticCurvePublicKey):
        reader = MessageReader(value)
        pair = encode_dss_signature(reader.mpint(), reader.mpint())
        reader.end()
        key.verify(pair, data, ec.ECDSA(_ECDSA_HASHES[kind]))
    else:
        raise Malformed(f"a key for {kind} was expected")
