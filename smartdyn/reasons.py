"""Why a request to somebody else failed, in words for people."""

from __future__ import annotations

from OpenSSL import SSL
from service_identity import VerificationError

_MOST_TEXT = 500


def explain(error: BaseException, whom: str, setting: str) -> str:
    """What went wrong, without the layers that Twisted wraps it in.

    @param whom: who was to answer.
    @param setting: the setting that has its URL.
    """
    reasons = getattr(error, "reasons", None)
    if reasons:
        return explain(reasons[0].value, whom, setting)
    if isinstance(error, VerificationError):
        return f"the certificate of {whom} is not for the name in {setting}"
    if isinstance(error, SSL.Error):
        said = ", ".join(str(part[-1]) for part in error.args[0]) if error.args and error.args[0] else "closed"
        return f"TLS failed: {said}. Check the CA for {whom}, and whether {whom} trusts our certificate"
    return f"{type(error).__name__}: {error}".rstrip(": ")[:_MOST_TEXT]
