"""Checks of the way to Foreman: network, certificates, its answer, its clock.

Each goes one step further than the one before, and says nothing of what that one has found already.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from socket import create_connection
from urllib.parse import urlsplit

from smartdyn import __version__
from smartdyn.doctor.context import Context
from smartdyn.doctor.network import unreachable
from smartdyn.doctor.verdict import Check, Verdict, error, not_applicable, ok, warning

_PORTS = {"http": 80, "https": 443}
_SKEW = 60.0
_MUCH_SKEW = 300.0
_OTHER_CERTIFICATE = "Set `foreman_ssl_cert` and `foreman_ssl_key` to files that the CA of Foreman has signed."

# X509_verify_cert_error_string(3)
_NOT_YET_VALID = 9
_EXPIRED = 10
_UNKNOWN_CA = frozenset({2, 18, 19, 20, 21})
_OTHER_NAME = frozenset({62, 64})


@dataclass(frozen=True, slots=True)
class _Address:
    scheme: str
    host: str
    port: int
    path: str

    @property
    def is_here(self) -> bool:
        """Does what is said to it stay on this machine?"""
        return self.host in {"localhost", "::1"} or self.host.startswith("127.")


class _Earlier(Exception):
    """An earlier check has found why it cannot go on."""


class _HungUp(Exception):
    """The connection ended before an answer came.

    With TLS 1.3 a server judges our certificate when we already write; the end of the connection can overtake the alert
    that says so (RFC 8446, 4.4.2.4 and 6.1).
    """


def _address(context: Context) -> _Address:
    parts = urlsplit(context.settings.foreman_url)
    try:
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        port = None
    if not parts.hostname or port is None or parts.scheme not in _PORTS:
        raise _Earlier
    return _Address(parts.scheme, parts.hostname, port, parts.path.rstrip("/"))


def _reachable(context: Context) -> Verdict:
    try:
        there = _address(context)
    except _Earlier:
        return error("`foreman_url` is no URL.", "Write it as https://foreman.example.org.")
    try:
        create_connection((there.host, there.port), timeout=context.wait).close()
    except OSError as problem:
        return error(*unreachable("foreman_url", there.host, there.port, problem))
    return ok(f"{there.host}:{there.port} can be reached.")


def _known(context: Context) -> Verdict:
    """Its certificate, judged as the service does: by the CA that is set, or by the system's."""
    try:
        there = _address(context)
        if there.scheme == "http" and there.is_here:
            return ok("It is on this machine.")
        if there.scheme == "http":
            return warning("Foreman is spoken to without TLS.", "Set `foreman_url` to its https:// address.")
        with (
            create_connection((there.host, there.port), timeout=context.wait) as plain,
            _tls(context).wrap_socket(plain, server_hostname=there.host),
        ):
            return ok("Its certificate is signed by a CA that we know, and for its name.")
    except ssl.SSLCertVerificationError as problem:
        return error(*_untrusted(context, there.host, problem))
    except ssl.SSLError as problem:
        return error(
            f"{there.host}:{there.port} does not speak TLS as we do: {_reason(problem)}.",
            "See whether that is Foreman's port, and whether it offers TLS 1.2 or 1.3.",
        )
    except TimeoutError:
        return error(
            f"{there.host}:{there.port} takes connections and says nothing.",
            "See whether that is Foreman's port, and restart its web server.",
        )
    except (_Earlier, OSError):
        return not_applicable("Foreman cannot be reached, or our files cannot be used.")


def _answers(context: Context) -> Verdict:
    try:
        status, _ = _ask(context)
    except ssl.SSLCertVerificationError:
        return not_applicable("Its certificate is not accepted.")
    except ssl.SSLError as problem:
        if "ALERT" not in _reason(problem).upper():
            return not_applicable("It does not speak TLS as we do.")
        return error(
            f"Foreman does not accept our certificate: {_reason(problem)}.",
            _OTHER_CERTIFICATE,
        )
    except _HungUp:
        return _hung_up(context)
    except (_Earlier, OSError):
        return not_applicable("Foreman cannot be reached, or our files cannot be used.")
    except HTTPException as problem:
        return error(
            f"What listens at `foreman_url` speaks no HTTP ({type(problem).__name__}).", "Correct `foreman_url`."
        )
    if status >= 500:
        return error(f"Foreman answers with {status}.", "Look at Foreman itself: systemctl status foreman, its log.")
    return ok(f"It answers (status {status}).")


def _hung_up(context: Context) -> Verdict:
    if _address(context).scheme == "https":
        return error(
            "Foreman ends the connection without an answer, as a server that does not accept our certificate.",
            f"{_OTHER_CERTIFICATE} The log of Foreman's web server says more.",
        )
    return error("Foreman ends the connection without an answer.", "Look at the log of Foreman's web server.")


def _same_time(context: Context) -> Verdict:
    """By the C{Date} of its answer (RFC 9110, 6.6.1); asked without judging its certificate, which time decides on."""
    try:
        _, date = _ask(context, judging=False)
        skew = context.now() - parsedate_to_datetime(date).timestamp()
    except (_Earlier, _HungUp, OSError, HTTPException, ValueError, TypeError):
        return not_applicable("Foreman does not tell its time.")
    if abs(skew) <= _SKEW:
        return ok("Foreman's clock and ours agree.")
    way = "ahead of" if skew > 0 else "behind"
    text = f"Our clock is {abs(skew):,.0f} s {way} Foreman's."
    fix = "Synchronise both: chronyc makestep, systemctl enable --now chronyd."
    return error(text, fix) if abs(skew) > _MUCH_SKEW else warning(text, fix)


def _ask(context: Context, *, judging: bool = True) -> tuple[int, str]:
    there = _address(context)
    connection: HTTPConnection
    if there.scheme == "https":
        tls = _tls(context, judging=judging)
        connection = HTTPSConnection(there.host, there.port, timeout=context.wait, context=tls)
    else:
        connection = HTTPConnection(there.host, there.port, timeout=context.wait)
    try:
        connection.connect()
        try:
            connection.request("GET", f"{there.path}/api/v2/status", headers={"User-Agent": f"smartdyn/{__version__}"})
            answer = connection.getresponse()
        except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError) as problem:
            raise _HungUp from problem
        return answer.status, answer.getheader("Date", "")
    finally:
        connection.close()


def _tls(context: Context, *, judging: bool = True) -> ssl.SSLContext:
    settings = context.settings
    ca = _file(context, settings.foreman_ssl_ca or settings.ssl_ca_file)
    made = ssl.create_default_context(cafile=ca)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.hostname_checks_common_name = False
    if not judging:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    certificate = _file(context, settings.foreman_ssl_cert or settings.ssl_certificate)
    key = _file(context, settings.foreman_ssl_key or settings.ssl_private_key)
    if certificate is not None and key is not None:
        try:
            made.load_cert_chain(certificate, key, password=lambda: "")
        except (ssl.SSLError, OSError) as problem:
            raise _Earlier from problem
    return made


def _file(context: Context, value: str | None) -> Path | None:
    path = context.path(value) if value else None
    if path is not None and not path.is_file():
        raise _Earlier
    return path


def _untrusted(context: Context, host: str, problem: ssl.SSLCertVerificationError) -> tuple[str, str]:
    settings, code = context.settings, problem.verify_code
    ca = settings.foreman_ssl_ca or settings.ssl_ca_file
    if code == _EXPIRED:
        return (
            f"The certificate of {host} has expired.",
            "Renew it on Foreman's host, or set our clock if that is wrong.",
        )
    if code == _NOT_YET_VALID:
        return f"The certificate of {host} is not valid yet.", "Set our clock; see the check of Foreman's time."
    if code in _OTHER_NAME:
        return (
            f"The certificate that {host} shows is for another name.",
            "Set `foreman_url` to a name in Foreman's certificate (subject alternative names).",
        )
    if code in _UNKNOWN_CA:
        return (
            f"The certificate of {host} is signed by a CA that {ca or 'the system'} does not know.",
            f"Set `foreman_ssl_ca` to the CA of {host}.",
        )
    return f"The certificate of {host} is not accepted: {problem.verify_message}.", "Have it made anew."


def _reason(problem: ssl.SSLError) -> str:
    return (problem.reason or str(problem)).replace("_", " ").lower()


CHECKS = (
    Check("foreman-reachable", "Foreman can be reached", _reachable, waits=True),
    Check("foreman-certificate", "we know Foreman", _known, waits=True),
    Check("foreman-answers", "Foreman answers, and knows us", _answers, waits=True),
    Check("foreman-clock", "Foreman's clock and ours agree", _same_time, waits=True),
)
