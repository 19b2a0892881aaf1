"""The OpenAPI document of our routes, made of the records that they use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from twisted.web.iweb import IRequest

from smartdyn.web.records import Error
from smartdyn.web.requests import send_json
from smartdyn.web.route import Route

_PARAMETER = re.compile(r"<(?:path:)?(\w+)>")
_ERRORS = {
    "400": "The request cannot be understood; the text says what could be.",
    "403": "Whoever asks may not do this.",
    "404": "There is no such thing.",
    "409": "This is not possible now.",
    "413": "The request is too large.",
    "422": "Something that is needed is missing.",
    "503": "Not now; try again in a moment.",
}


class OpenApi:
    """C{/openapi.json}."""

    def __init__(self, version: str, routes: Iterable[tuple[str, Iterable[Route]]]) -> None:
        """
        @param routes: prefixes, and what is below each.
        """
        self._document = document(version, routes)

    def routes(self) -> list[Route]:
        """The one."""
        return [Route("GET", "/openapi.json", self.show, answer=dict[str, Any])]

    async def show(self, request: IRequest) -> bytes:
        """The document."""
        return send_json(request, self._document)


def document(version: str, routes: Iterable[tuple[str, Iterable[Route]]]) -> dict[str, Any]:
    """The document for some routes."""
    wanted = [(prefix, route) for prefix, found in routes for route in found]
    types = [kind for _, route in wanted for kind in (route.body, route.answer) if kind is not None]
    schemas, components = msgspec.json.schema_components([*types, Error], ref_template="#/components/schemas/{name}")
    by_type = {repr(kind): schema for kind, schema in zip([*types, Error], schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for prefix, route in wanted:
        path = _PARAMETER.sub(r"{\1}", f"{prefix}{route.path}")
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, path, by_type)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "smartdyn",
            "version": version,
            "license": {"name": "GPL-3.0-or-later", "identifier": "GPL-3.0-or-later"},
        },
        "paths": paths,
        "components": {"schemas": components},
    }


def _operation(route: Route, path: str, schemas: Mapping[str, Any]) -> dict[str, Any]:
    described = (route.handler.__doc__ or "").strip().partition("\n")[0]
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(route.path)
    ]
    parameters += [{"name": name, "in": "query", "schema": {"type": "string"}} for name in route.query]
    operation: dict[str, Any] = {
        "summary": described,
        "operationId": f"{route.method.lower()}{re.sub(r'[^a-zA-Z0-9]+', '_', path)}",
        "parameters": parameters,
        "responses": {
            **{str(status): _answer(route, schemas) for status in route.statuses},
            **{
                status: _error(route, text, schemas)
                for status, text in _ERRORS.items()
                if int(status) not in route.statuses
            },
        },
    }
    if route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schemas[repr(route.body)]}},
        }
    return operation


def _answer(route: Route, schemas: Mapping[str, Any]) -> dict[str, Any]:
    if route.answer is not None:
        return {
            "description": "As asked.",
            "content": {"application/json": {"schema": schemas[repr(route.answer)]}},
        }
    if route.media is not None:
        return {"description": "As asked.", "content": {route.media: {"schema": {"type": "string"}}}}
    return {"description": "Done."}


def _error(route: Route, text: str, schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Pages answer with pages; the rest with JSON, and the old texts of the smart proxy."""
    content: dict[str, Any] = {"application/json": {"schema": {"anyOf": [schemas[repr(Error)], {}]}}}
    if route.media is not None:
        content["text/html"] = {"schema": {"type": "string"}}
    return {"description": text, "content": content}
