"""A stand-in for Foreman: takes callbacks and tells who asks."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.web.resource import Resource


class CallbackReceiver(Resource):
    """Answers 200 to every callback, as Foreman does when it has taken one."""

    isLeaf = True

    def __init__(self, received: Callable[[dict[str, Any]], None]) -> None:
        super().__init__()
        self._received = received

    def render_POST(self, request: Any) -> bytes:
        self._received(json.loads(request.content.read()))
        request.setHeader(b"content-type", b"application/json")
        return b'{"message":"processing"}'
