"""What all pages have in common: templates, headers, who may see them, and what is said when something goes wrong."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial, wraps
from importlib.resources import files
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup, escape
from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.web.iweb import IRequest

from smartdyn.errors import (
    InvalidRequest,
    MatchesChanged,
    NothingToSend,
    NotPossibleNow,
    PlanNotFound,
    SmartdynError,
    TooSlow,
)
from smartdyn.model.query import quoted
from smartdyn.store.json import encode
from smartdyn.web.access import may
from smartdyn.web.authorization import Forbidden
from smartdyn.web.console import format as fmt
from smartdyn.web.console.ansi import plain
from smartdyn.web.console.assets import Assets
from smartdyn.web.errors import UNEXPECTED, status_of
from smartdyn.web.requests import PREFIX, PREFIX_HEADER, header, send
from smartdyn.web.route import Handler, Route

HTML = b"text/html; charset=utf-8"
THEMES = ("light", "dark")
SECURITY = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    # with "no-referrer" browsers say `Origin: null` when our own buttons are pressed
    (b"referrer-policy", b"same-origin"),
    (b"cache-control", b"private, no-cache"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
_LONGEST_VALUE = 20_000
"""Characters of an input or an output in a page; the raw JSON has the rest."""


class Pages:
    """Renders pages, with what their visitors may do."""

    _log = Logger()

    def __init__(self, now: Callable[[], float]) -> None:
        """
        @param now: the time, seconds since the epoch.
        """
        self.now = now
        self.assets = Assets()
        self._templates = Environment(
            loader=DictLoader(_sources()),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(
            time=fmt.time,
            ago=fmt.ago,
            beside=fmt.beside,
            is_id=fmt.is_id,
            plain=plain,
            iso=fmt.iso,
            duration=fmt.duration,
            short=fmt.short,
            label=fmt.label,
            quoted=quoted,
            json=_json,
            shell=shlex.quote,
            words=_words,
        )
        self._templates.globals.update(asset=self.assets.url)

    def served(self, routes: Iterable[Route]) -> list[Route]:
        """Routes that have a page for what goes wrong."""
        return [replace(route, handler=self._served(route), refusal=self.refuse) for route in routes]

    def _served(self, route: Route) -> Handler:
        handler = route.handler

        @wraps(handler)
        async def call(request: IRequest, **parameters: str) -> bytes:
            try:
                return await handler(request, **parameters)
            except Forbidden as error:
                return self.refuse(request, error)
            except PlanNotFound as error:
                text = f"There is no task {error.plan_id}. It may have been cleaned up, or belong to another proxy."
                return self.error(request, 404, "Unknown task", text)
            except (NotPossibleNow, NothingToSend, MatchesChanged) as error:
                return self.error(request, 409, "Not possible now", str(error))
            except InvalidRequest as error:
                return self.error(request, 400, "This cannot be shown", str(error))
            except TooSlow as error:
                return self.error(request, 503, "This takes too long", str(error))
            except CancelledError:
                raise
            except Exception as error:
                return self._failed(request, error)

        return call

    def _failed(self, request: Any, error: Exception) -> bytes:
        """A page for what is nobody's mistake but, perhaps, ours."""
        status = status_of(error) if isinstance(error, SmartdynError) else 500
        if status == 503:
            return self.error(request, status, "Not possible now", str(error))
        self._log.failure("a page failed")
        return self.error(request, 500, "This page failed", UNEXPECTED)

    def render(self, request: Any, name: str, **values: Any) -> str:
        """A page's text."""
        theme = (request.getCookie(b"smartdyn_theme") or b"").decode("latin-1")
        common = {
            "base": mount(request),
            "here": _here(request),
            "theme": theme if theme in THEMES else "",
            "now": self.now(),
            "may": partial(may, request),
        }
        return self._templates.get_template(name).render({**common, **values})

    def page(self, request: Any, name: str, status: int = 200, **values: Any) -> bytes:
        """Answer with a page, or by saying that the browser has it already."""
        secure(request)
        body = self.render(request, name, **values).encode("utf-8", "replace")
        if status == 200 and request.setETag(b'"%s"' % hashlib.sha256(body).hexdigest()[:32].encode()):
            return b""
        return send(request, body, HTML, status)

    def error(self, request: Any, status: int, title: str, text: str) -> bytes:
        """Answer with a page that says what is wrong."""
        return self.page(request, "error.html", status, title=title, text=text)

    def refuse(self, request: Any, error: Forbidden) -> bytes:
        """Answer with a page that says what is missing."""
        return self.error(request, 403, "Not allowed", str(error))

    def go(self, request: Any, *parts: str, **query: str) -> bytes:
        """Send the browser to another of our pages."""
        secure(request)
        location = "/".join([mount(request), *(quote(part, safe="") for part in parts)])
        if query:
            location += f"?{urlencode(query)}"
        request.setHeader(b"location", location.encode("ascii"))
        return send(request, b"", HTML, 303)


def _sources() -> dict[str, str]:
    """All templates: an upgrade replaces the files while the version before it still serves pages."""
    folder = files("smartdyn.web.console").joinpath("templates")
    return {entry.name: entry.read_text(encoding="utf-8") for entry in folder.iterdir() if entry.name.endswith(".html")}


def secure(request: Any) -> None:
    """Tell the browser what a page may do: next to nothing."""
    for key, value in SECURITY:
        request.setHeader(key, value)


def mount(request: Any) -> str:
    """Where the console was reached, perhaps through a smart proxy that relays: links stay below it."""
    below = request.path.startswith(b"/dynflow/") or _is_relayed(request)
    return f"{PREFIX}/console" if below else "/console"


def _is_relayed(request: Any) -> bool:
    return header(request, PREFIX_HEADER) == PREFIX


def _here(request: Any) -> str:
    """The page itself, as a browser asks for it."""
    _, found, rest = request.uri.decode("latin-1").partition("/console")
    return f"{mount(request)}{rest}" if found else mount(request)


def _words(text: str) -> Markup:
    """A sentence in which names of settings and commands stand between backticks."""
    parts = [escape(part) for part in text.split("`")]
    shown = [Markup("<code>{}</code>").format(part) if index % 2 else part for index, part in enumerate(parts)]
    return Markup("").join(shown)


def _json(value: Any) -> str:
    """A value as people read it; secrets hide themselves."""
    text = msgspec.json.format(encode(value), indent=2).decode("utf-8", "replace")
    if len(text) <= _LONGEST_VALUE:
        return text
    return f"{text[:_LONGEST_VALUE]}\n… {len(text) - _LONGEST_VALUE} more characters are in the raw JSON"
