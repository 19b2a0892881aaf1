"""Why a request to somebody else failed, in words for people."""

from __future__ import annotations

from collections.abc import Sequence

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.python.failure import Failure

_MOST_TEXT = 500


def explain(error: BaseException, whom: str, setting: str, *, tls: bool) -> str:
    """What went wrong, without the layers that Twisted wraps it in.

    @param whom: who was to answer.
    @param setting: the setting that has its URL.
    @param tls: whether it was asked with TLS. With TLS 1.3 a server judges our certificate when we already write, and
        the end of the connection can overtake the alert that says so (RFC 8446, 4.4.2.4 and 6.1).
    """
    reasons = getattr(error, "reasons", None)
    if reasons:
        return explain(_first(reasons), whom, setting, tls=tls)
    if isinstance(error, VerificationError):
        return f"the certificate of {whom} is not for the name in {setting}"
    if isinstance(error, SSL.Error):
        said = ", ".join(str(part[-1]) for part in error.args[0]) if error.args and error.args[0] else "closed"
        return f"TLS failed: {said}. Check the CA for {whom}, and whether {whom} trusts our certificate"
    if isinstance(error, (ConnectionDone, ConnectionLost)):
        ended = f"{whom} ended the connection without an answer"
        return f"{ended}. Perhaps it does not accept our certificate; its log says more" if tls else ended
    return f"{type(error).__name__}: {error}".rstrip(": ")[:_MOST_TEXT]


def _first(reasons: Sequence[Failure]) -> BaseException:
    """The error that says most: what TLS has found comes before or behind the end of the connection."""
    errors: list[BaseException] = [reason.value for reason in reasons if reason.value is not None]
    return next((error for error in errors if isinstance(error, (SSL.Error, VerificationError))), errors[0])
