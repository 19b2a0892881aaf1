"""The files that pages load: named by what is in them, so that browsers need to ask for each only once."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from smartdyn.web.console import palette
from smartdyn.web.requests import header, send

_TYPES = {
    "css": b"text/css; charset=utf-8",
    "js": b"text/javascript; charset=utf-8",
    "svg": b"image/svg+xml",
}
FILES = ("console.css", "terminal.css", "icon.svg", "htmx.js", "sse.js", "console.js", "output.js")
"""What pages load; a first visit, that of an output, loads all of them."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file.

    @param name: with a part of its hash, as it stands in URLs.
    """

    name: str
    media: bytes
    body: bytes
    packed: bytes


class Assets:
    """All of them, in memory."""

    def __init__(self) -> None:
        folder = files("smartdyn.web.console").joinpath("static")
        generated = {"terminal.css": palette.style_sheet().encode()}
        self._by_name: dict[str, Asset] = {}
        for name in FILES:
            self._by_name[name] = _asset(name, generated.get(name) or folder.joinpath(name).read_bytes())
        self._by_url = {asset.name: asset for asset in self._by_name.values()}

    def url(self, name: str) -> str:
        """The last part of a file's URL."""
        return self._by_name[name].name

    def packed_size(self, ending: str = "") -> int:
        """Bytes that a first visit transfers."""
        return sum(len(asset.packed) for name, asset in self._by_name.items() if name.endswith(ending))

    def serve(self, request: Any, name: str) -> bytes | None:
        """Answer with a file; None when there is none with this name."""
        asset = self._by_url.get(name)
        if asset is None:
            return None
        request.setHeader(b"cache-control", b"public, max-age=31536000, immutable")
        request.setHeader(b"vary", b"Accept-Encoding")
        if "gzip" in (header(request, "Accept-Encoding") or ""):
            request.setHeader(b"content-encoding", b"gzip")
            return send(request, asset.packed, asset.media)
        return send(request, asset.body, asset.media)


def _asset(name: str, body: bytes) -> Asset:
    stem, _, ending = name.rpartition(".")
    digest = hashlib.sha256(body).hexdigest()[:12]
    return Asset(f"{stem}-{digest}.{ending}", _TYPES[ending], body, gzip.compress(body, mtime=0))
