"""No other site may have a visitor's browser do something here, with a certificate that it shows to everybody."""

from __future__ import annotations

from twisted.web.iweb import IRequest

from smartdyn.web.authorization import Forbidden
from smartdyn.web.requests import header


def refuse_foreign(request: IRequest) -> None:
    """
    @raise Forbidden: a browser sends it on behalf of a page that is not ours.
    """
    site = header(request, "Sec-Fetch-Site")
    origin = header(request, "Origin")
    hosts = {header(request, "Host"), header(request, "X-Forwarded-For")}
    if site not in {None, "same-origin", "none"} or (origin and origin.partition("://")[2] not in hosts):
        raise Forbidden("A page of another site has sent this; it must be started from the console itself.")
