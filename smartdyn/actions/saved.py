"""Searches that people keep under a name, for everybody who uses this service."""

from __future__ import annotations

from smartdyn.actions.ledger import Ledger
from smartdyn.engine.world import World
from smartdyn.errors import InvalidRequest
from smartdyn.model.audit import Actor
from smartdyn.model.query import parse
from smartdyn.model.saved import MOST_SAVED, SavedSearch, checked_name
from smartdyn.store import saved
from smartdyn.store.saved import DeleteSearch, SaveSearch


class SavedSearches:
    """Keeps them, and writes down who did."""

    def __init__(self, world: World, ledger: Ledger) -> None:
        self._world = world
        self._ledger = ledger

    async def everything(self) -> list[SavedSearch]:
        """All of them, by name."""
        return await self._world.database.query(saved.everything)

    async def save(self, name: str, words: str, by: Actor) -> None:
        """Keep a search, in place of one that has this name.

        @raise InvalidRequest: it has no good name, cannot be understood, or there are too many already.
        """
        name = checked_name(name)
        now = self._world.now()
        parse(words, now)
        known = await self._find(name)
        if known is None and len(await self.everything()) >= MOST_SAVED:
            raise InvalidRequest(f"There are {MOST_SAVED} searches already; delete one of them first.")

        async def work() -> None:
            await self._world.database.commit(SaveSearch(SavedSearch(name, words, by.name, now)))

        before = f" Before, it was: {known.words}" if known is not None else ""
        await self._ledger.recorded(by, "save search", name, work, lambda _: f"It is: {words}{before}")

    async def delete(self, name: str, by: Actor) -> None:
        """Forget a search.

        @raise InvalidRequest: there is none with this name.
        """
        known = await self._find(name)
        if known is None:
            raise InvalidRequest(f"There is no saved search {name[:100]!r}.")

        async def work() -> None:
            await self._world.database.commit(DeleteSearch(known.name))

        await self._ledger.recorded(by, "delete search", known.name, work, lambda _: f"It was: {known.words}")

    async def _find(self, name: str) -> SavedSearch | None:
        return next((each for each in await self.everything() if each.name.lower() == name.lower()), None)
