"""What a search that is being typed can go on with."""

from __future__ import annotations

from typing import Any

from smartdyn.model.completion import NAMES, LastTerm, completions, last_term
from smartdyn.web.arguments import argument
from smartdyn.web.console.format import label
from smartdyn.web.console.pages import Pages
from smartdyn.web.facade import TaskFacade
from smartdyn.web.route import Route

_MOST_NAMES = 100
"""Names that are looked at: of labels, what was typed may stand only in a part that is not shown."""

_SHORTEST_NAME = 2
"""Characters of a word with which names are looked for: with fewer, too many fit."""


class CompletionViews:
    """Completes searches."""

    def __init__(self, tasks: TaskFacade, pages: Pages) -> None:
        self._tasks = tasks
        self._pages = pages

    def routes(self) -> list[Route]:
        """The only one."""
        return [Route("GET", "/console/complete", self.complete, media="text/html", query=("q",))]

    async def complete(self, request: Any) -> bytes:
        """Options for the search field."""
        text = argument(request, "q")
        term = last_term(text)
        found = completions(text, await self._names(term)) if term is not None else []
        return self._pages.page(request, "complete.html", found=found)

    async def _names(self, term: LastTerm) -> list[tuple[str, str]]:
        if term.key is None and len(term.value) < _SHORTEST_NAME:
            return []
        found: list[tuple[str, str]] = []
        for kind in NAMES.get(term.key, ()):
            known = await self._tasks.names_like(kind, term.value, limit=_MOST_NAMES)
            found += [(kind, label(name) if kind == "label" else name) for name in known]
        return found
