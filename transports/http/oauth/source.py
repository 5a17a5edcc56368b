"""The issuer's keys as they are now: fetched when they are needed, renewed in time, and never asked for in a storm."""

import asyncio
from collections.abc import Callable
from typing import Protocol

import msgspec

from filewarden.broker.log import Log
from filewarden.transports.http.oauth.fetch import FetchError
from filewarden.transports.http.oauth.keys import BadKeysError, IssuerKeys

FETCH_S = 5.0
"""For one fetch, whatever it waits for."""


class Document(Protocol):
    """Where the keys come from."""

    async def fetch(self) -> bytes:
        """The document as it is now.

        Raises:
            FetchError: it cannot be had.
        """


class Freshness(msgspec.Struct, frozen=True, kw_only=True):
    """How old keys may be, in seconds."""

    renew_s: float
    """Older ones are renewed while they are still used."""
    expire_s: float
    """Older ones are not used: nobody knows whether the issuer has given them up."""
    pause_s: float
    """Between two fetches, whoever asks for more."""


class KeysUnavailableError(Exception):
    """Nobody can be let in now: the keys are not to be had."""


class KeySource:
    """The keys of one issuer. `now` is monotonic."""

    def __init__(
        self,
        document: Document,
        parse: Callable[[bytes], IssuerKeys],
        freshness: Freshness,
        now: Callable[[], float],
        log: Log,
    ) -> None:
        self._document = document
        self._parse = parse
        self._freshness = freshness
        self._now = now
        self._log = log
        self._content = b""
        self._keys: IssuerKeys | None = None
        self._fetched_at = 0.0
        self._next_at = 0.0
        self._fetching: asyncio.Task[IssuerKeys | None] | None = None
        self._complaint = ""

    def fresh(self) -> IssuerKeys | None:
        """The keys, when nothing is to be done about them."""
        return self._keys if self._age() < self._freshness.renew_s else None

    async def current(self) -> IssuerKeys:
        """The keys. The same object comes back as long as they are the same keys.

        Raises:
            KeysUnavailableError: there are none that may be used.
        """
        if self._age() >= self._freshness.renew_s:
            fetching = self._begin()
            if fetching is not None and self._age() >= self._freshness.expire_s:
                found = await asyncio.shield(fetching)
                if found is not None:  # however long ago that is on a busy machine
                    return found
        if self._keys is None or self._age() >= self._freshness.expire_s:
            raise KeysUnavailableError
        return self._keys

    async def renewed(self) -> IssuerKeys:
        """The keys after a token asked for one that is not among them; they may be the same, and just as old.

        Raises:
            KeysUnavailableError: there are none that may be used.
        """
        fetching = self._begin()
        found = None if fetching is None else await asyncio.shield(fetching)
        return found or await self.current()

    def close(self) -> None:
        """End what is under way."""
        if self._fetching is not None:
            self._fetching.cancel()

    def _age(self) -> float:
        return float("inf") if self._keys is None else self._now() - self._fetched_at

    def _begin(self) -> asyncio.Task[IssuerKeys | None] | None:
        """The fetch under way, or a new one; None when it is too early for that."""
        if self._fetching is None and self._now() >= self._next_at:
            self._next_at = self._now() + self._freshness.pause_s
            self._fetching = asyncio.get_running_loop().create_task(self._fetch())
        return self._fetching

    async def _fetch(self) -> IssuerKeys | None:
        """Fetch once; None where that failed."""
        try:
            async with asyncio.timeout(FETCH_S):
                content = await self._document.fetch()
            if self._keys is None or content != self._content:
                self._keys = self._parse(content)
                self._content = content
            self._fetched_at = self._now()
            self._complaint = ""
            return self._keys
        except TimeoutError:
            self._complain(f"it took longer than {FETCH_S:g} seconds")
        except (FetchError, BadKeysError) as error:
            self._complain(str(error))
        finally:
            self._fetching = None
        return None

    def _complain(self, reason: str) -> None:
        """Tell the operator, once until it is another reason."""
        if reason != self._complaint:
            self._log.warning("the issuer's keys cannot be read", reason=reason)
            self._complaint = reason
