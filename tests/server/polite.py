"""A polite client with no idea of pacing: it pages, fetches, waits when told to, and tries again.

It is what any client could be, written with nothing of the importer: the scenarios are tried out with it.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
import trio

WORKERS = 4
_TRIES = 8


@dataclass
class Polite:
    """One import. imported: items by id; failed: why, by id. refused: refusals met."""

    client: httpx2.AsyncClient
    headers: dict[str, str] = field(default_factory=dict)
    imported: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    refused: int = 0
    _pause_until: float = 0.0
    _backoff_s: float = 1.0

    async def run(self) -> None:
        """Read the list, then every item, with WORKERS at a time."""
        ids = deque(dict.fromkeys(await self._list()))
        async with trio.open_nursery() as nursery:
            for number in range(WORKERS):
                nursery.start_soon(self._work, ids, number)

    async def _list(self) -> list[str]:
        url: str | None = "/api/items?perPage=50&limit=50"
        ids: list[str] = []
        while url is not None:
            answer = await self._get(url, 0)
            assert answer is not None, "the list cannot be read"
            body = answer.json()
            data = body if isinstance(body, list) else body["data"]
            ids += [str(record["id"]) for record in data]
            url = _next(answer, body, ids)
        return ids

    async def _work(self, ids: deque[str], number: int) -> None:
        await trio.sleep(number / 1000)  # who takes which item must not depend on who is scheduled first
        while ids:
            item_id = ids.popleft()
            answer = await self._get(f"/api/items/{item_id}", number)
            if answer is None:
                self.failed[item_id] = "gave up"
            elif answer.status_code in (404, 410):
                self.failed[item_id] = "gone"
            else:
                self.imported[item_id] = answer.json()

    async def _get(self, url: str, number: int) -> httpx2.Response | None:
        tries = 0
        while tries < _TRIES:
            # Woken a millisecond apart, for the same reason.
            await trio.sleep_until(max(trio.current_time(), self._pause_until + number / 1000))
            try:
                answer = await self.client.get(url, headers=self.headers, timeout=None)
            except (OSError, httpx2.TransportError):
                tries += 1
                continue
            if _refused(answer):
                self._hold(answer)
            elif answer.status_code in (404, 410) or _usable(answer):
                self._backoff_s = 1.0
                return answer
            else:
                tries += 1
        return None

    def _hold(self, answer: httpx2.Response) -> None:
        self.refused += 1
        now = trio.current_time()
        if now < self._pause_until:  # another worker's refusal of the same moment
            return
        told = _wait(answer)
        if told is None or not 0 < told < 3600:  # nothing said, or nothing to believe
            told, self._backoff_s = self._backoff_s, min(64.0, self._backoff_s * 2)
        self._pause_until = now + told


def _refused(answer: httpx2.Response) -> bool:
    return answer.status_code in (403, 429) or (
        answer.status_code == 503 and "text/html" in answer.headers["Content-Type"]
    )


def _usable(answer: httpx2.Response) -> bool:
    try:
        return answer.status_code == 200 and answer.json() is not None
    except ValueError:
        return False


def _wait(answer: httpx2.Response) -> float | None:
    text = answer.headers.get("Retry-After")
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        return (parsedate_to_datetime(text) - parsedate_to_datetime(answer.headers["Date"])).total_seconds()


def _next(answer: httpx2.Response, body: Any, ids: list[str]) -> str | None:
    if isinstance(body, list):
        found = re.search(r'<([^>]+)>; rel="next"', answer.headers["Link"])
        return found[1] if found else None
    if "has_more" in body:
        return f"/api/items?after={ids[-1]}&perPage=50" if body["has_more"] else None
    name = "next" if "next" in body else "next_page_url"
    following: str | None = body[name]
    return following
